"""The cluster as steps see it: what was watched first, the API where it matters.

Everything that is read without ``live`` comes from what is being watched, and
costs no call; while a kind is not watched, or its watch fails, the cluster
itself is asked. It must not know stores, Helm or the order of steps.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from storeorch.kube import summaries
from storeorch.kube.access import missing_rights
from storeorch.kube.applying import Applier
from storeorch.kube.connection import Connection, together
from storeorch.kube.diagnosis import Evidence, diagnose
from storeorch.kube.errors import (
    permission_missing,
)
from storeorch.kube.informer import Timing
from storeorch.kube.logs import pod_logs
from storeorch.kube.namespaces import Namespaces
from storeorch.kube.pods import pod
from storeorch.kube.resources import (
    CLAIMS,
    EVENTS,
    PODS,
    WARNINGS,
    WORKLOADS,
    Json,
    Resource,
)
from storeorch.kube.restoring import Restorer
from storeorch.kube.secrets import Secrets
from storeorch.kube.summaries import Applied, Workload
from storeorch.kube.surroundings import Surroundings
from storeorch.kube.watching import Watching
from storeorch.kube.workloads import Workloads
from storeorch.ports import (
    Clock,
    Deviation,
    Fingerprint,
    LogLine,
    Manifest,
    NamespaceState,
    ObjectRef,
    Owner,
    Problem,
    ReleaseSecret,
    WorkloadRef,
    WorkloadState,
)


class KubeCluster:
    """A Kubernetes cluster; satisfies ``ports.Cluster`` and ``ports.SecretStore``.

    Args:
        connection: To the cluster.
        clock: Time.
        timing: How long watches may take.
        rng: Source of jitter.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Clock,
        timing: Timing | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._connection = connection
        self._log_connection = connection.beside()
        self._clock = clock
        self._watching = Watching(
            connection,
            clock=clock,
            timing=timing or Timing(),
            rng=rng or random.Random(),  # noqa: S311 (jitter, no secret)
        )
        self._applier = Applier(connection, self._applied)
        self._namespaces = Namespaces(connection, lambda: self._watching.namespaces)
        self._restorer = Restorer(connection)
        self._surroundings = Surroundings(connection, clock)
        self._secrets = Secrets(connection, lambda: self._watching.helm_secrets)
        self._workloads = Workloads(connection, lambda: self._watching.workloads)

    @classmethod
    def from_kubeconfig(
        cls, *, kubeconfig: Path | None = None, context: str | None = None, clock: Clock
    ) -> Self:
        """Describe a cluster; nothing is read and nothing is opened before it is used.

        Args:
            kubeconfig: A file; None means: as everyone reads it (``KUBECONFIG`` with
                several files, ``~/.kube/config``, or from inside a pod).
            context: Name of the context; None means the current one.
            clock: Time.
        """
        return cls(Connection(kubeconfig=kubeconfig, context=context), clock=clock)

    @property
    def kubeconfig_path(self) -> Path | None:
        """The kubeconfig that was named, or None for the one everyone reads."""
        return self._connection.kubeconfig

    @property
    def context(self) -> str | None:
        """The context that was named, or None for the current one."""
        return self._connection.context

    async def close(self) -> None:
        """End all watches and close all connections."""
        await self._watching.stop()
        await self._connection.close()
        await self._log_connection.close()

    async def check_access(self) -> None:
        """Verify that the cluster answers and permits what storeorch does.

        Raises:
            ClusterUnavailable: It does not answer.
            PermissionMissing: The sentence names the missing rights.
        """
        if missing := await missing_rights(self._connection):
            raise permission_missing(missing)

    async def runs_containers(self) -> bool:
        """Return whether pods run for real; see ``ports.Cluster``."""
        return await self._surroundings.runs_containers()

    async def policy_agent(self) -> str | None:
        """Name what enforces network policies; see ``ports.Cluster``."""
        return await self._surroundings.policy_agent()

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[str]]:
        """Watch the cluster; yields the id of a store whenever its objects changed.

        Entering waits until the first full look is complete. What changed before
        is not told, so whoever enters looks at all stores once.

        Raises:
            ClusterUnavailable: The cluster does not answer on entering. Once
                entered, interruptions are bridged and nothing is raised.
            PermissionMissing: Namespaces may not be watched.
        """
        async with self._watching.listen() as listener:
            yield listener

    async def namespace(self, name: str, *, live: bool = False) -> NamespaceState:
        """Return the state of a namespace; see ``ports.Cluster``."""
        return await self._namespaces.state(name, live=live)

    async def create_namespace(
        self, name: str, owner: Owner, *, labels: Mapping[str, str] | None = None
    ) -> bool:
        """Create a namespace with ownership labels; see ``ports.Cluster``.

        Raises:
            NamespaceNotOurs: It exists and belongs to something else.
            RetryLater: It is ours and still being deleted.
        """
        return await self._namespaces.create(name, owner, labels or {})

    async def delete_namespace(self, name: str, owner: Owner) -> None:
        """Ask for the deletion of a namespace of ours; see ``ports.Cluster``."""
        await self._namespaces.delete(name, owner)

    async def adopt_namespace(self, name: str, owner: Owner) -> None:
        """Give a namespace of ours its ownership labels back; see ``ports.Cluster``.

        Raises:
            NamespaceNotOurs: It names another owner, or nothing shows that it was ours.
        """
        await self._namespaces.adopt(name, owner)

    async def memory(self, namespace: str, *, live: bool = False) -> str:
        """Return what was kept with ``remember``; see ``ports.Cluster``."""
        return await self._namespaces.memory(namespace, live=live)

    async def remember(self, namespace: str, owner: Owner, text: str) -> None:
        """Keep a text with a namespace of ours; see ``ports.Cluster``."""
        await self._namespaces.remember(namespace, owner, text)

    async def apply(
        self,
        namespace: str,
        manifests: Sequence[Manifest],
        owner: Owner,
        *,
        only_look: bool = False,
    ) -> int:
        """Bring objects into the form of the manifests, in their order; see ``ports.Cluster``."""
        changed = 0
        for manifest in manifests:
            changed += await self._applier.apply(namespace, manifest, owner, only_look=only_look)
        return changed

    async def fingerprints(
        self, namespace: str, refs: Sequence[ObjectRef], *, live: bool = False
    ) -> Mapping[ObjectRef, Fingerprint | None]:
        """Return what tells whether somebody changed objects; see ``ports.Cluster``."""
        if live:
            asked = await together(self._restorer.fingerprint(namespace, ref) for ref in refs)
            return dict(zip(refs, asked, strict=True))
        found: dict[ObjectRef, Fingerprint | None] = {}
        for ref in refs:
            watched, seen = self._watching.fingerprint(namespace, ref.kind, ref.name)
            if watched:
                found[ref] = seen
        return found

    async def differing(
        self, namespace: str, release: str, manifests: Sequence[Manifest]
    ) -> Sequence[Deviation]:
        """Compare objects of a release with their manifests; see ``ports.Cluster``."""
        return await self._restorer.differing(namespace, release, manifests)

    async def restore(self, namespace: str, release: str, manifest: Manifest) -> str:
        """Bring one object of a release into the form of its manifest; see ``ports.Cluster``."""
        return await self._restorer.restore(namespace, release, manifest)

    async def claims(
        self, namespace: str, names: Sequence[str], *, live: bool = False
    ) -> Mapping[str, str]:
        """Return an identity for each volume claim that is there; see ``ports.Cluster``."""
        informer = self._watching.claims
        if not live and informer.usable:
            found = informer.index.of(namespace)
            there = {name: found[name] for name in names if name in found}
        else:
            listed = await self._list(CLAIMS, namespace) if names else []
            every = {each["metadata"]["name"]: summaries.claim(each) for each in listed}
            there = {name: every[name] for name in names if name in every}
        return {name: claim.uid for name, claim in there.items() if not claim.going}

    async def secret_exists(self, namespace: str, name: str) -> bool:
        """Return whether a Secret exists, as the cluster itself says."""
        return await self._secrets.exists(namespace, name)

    async def create_secret(
        self, namespace: str, name: str, data: Callable[[], Mapping[str, str]], owner: Owner
    ) -> bool:
        """Create a Secret unless it exists; see ``ports.Cluster``."""
        return await self._secrets.create(namespace, name, data, owner)

    async def workloads(
        self, namespace: str, refs: Sequence[WorkloadRef], *, live: bool = False
    ) -> Sequence[WorkloadState]:
        """Return the state of each workload; one that is missing is not ready."""
        return await self._workloads.states(namespace, refs, live=live)

    async def problems(self, namespace: str, *, since: datetime) -> Sequence[Problem]:
        """Return what keeps pods of a namespace from running, worst first."""
        watching = self._watching
        workloads: dict[WorkloadRef, Workload] = {}
        for kind, resource in WORKLOADS.items():
            informer = watching.workloads[kind]
            if informer.usable:
                found = informer.index.of(namespace)
            else:
                listed = await self._list(resource, namespace)
                found = {
                    each["metadata"]["name"]: summaries.workload(each, kind) for each in listed
                }
            workloads |= {WorkloadRef(kind, name): state for name, state in found.items()}
        if watching.pods.usable:
            pods = watching.pods.index.of(namespace)
        else:
            listed = await self._list(PODS, namespace)
            pods = {each["metadata"]["name"]: seen for each in listed if (seen := pod(each))}
        if watching.warnings.usable:
            warnings = watching.warnings.index.of(namespace)
        else:
            listed = await self._list(EVENTS, namespace, WARNINGS)
            warnings = {
                each["metadata"]["name"]: understood
                for each in listed
                if (understood := summaries.warning(each))
            }
        evidence = Evidence(workloads, pods, warnings)
        return diagnose(evidence, since=since, now=self._clock.now())

    def logs(
        self, namespace: str, *, follow: bool = False, tail: int = 100
    ) -> AsyncIterator[LogLine]:
        """Yield what the containers of a namespace have written; see ``ports.Cluster``."""
        return pod_logs(self._log_connection, namespace, follow=follow, tail=tail)

    async def nudge(
        self,
        namespace: str,
        refs: Sequence[WorkloadRef],
        *,
        token: str,
        since: datetime | None = None,
    ) -> None:
        """Have the cluster's controllers try again now; see ``ports.Cluster``."""
        await self._workloads.nudge(namespace, refs, token, since)

    async def remove_completed(
        self, namespace: str, refs: Sequence[WorkloadRef], *, before: datetime
    ) -> None:
        """Remove Jobs that had completed by then; see ``ports.Cluster``."""
        await self._workloads.remove_completed(namespace, refs, before)

    async def orphans(self, known: Callable[[str], bool]) -> Sequence[str]:
        """Return namespaces that carry our label and belong to no known store id."""
        return await self._namespaces.orphans(known)

    async def list_release_labels(
        self, namespace: str, release: str, *, live: bool
    ) -> Sequence[ReleaseSecret]:
        """Return the labels of the Secrets that hold a release; see ``ports.SecretStore``."""
        return await self._secrets.release_labels(namespace, release, live=live)

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the decoded content of a Secret, or None; see ``ports.SecretStore``."""
        return await self._secrets.read(namespace, name)

    async def replace_secret_data(
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes],
        labels: Mapping[str, str],
        *,
        resource_version: str | None,
    ) -> None:
        """Replace content and labels of a Secret; see ``ports.SecretStore``."""
        await self._secrets.replace(
            namespace, name, data, labels, resource_version=resource_version
        )

    def _applied(self, kind: str, namespace: str, name: str) -> tuple[bool, Applied | None]:
        informer = self._watching.applied.get(kind)
        if informer is None or not informer.usable:
            return False, None
        return True, informer.index.get(namespace, name)

    async def _list(
        self, resource: Resource, namespace: str | None, params: Mapping[str, str] | None = None
    ) -> list[Json]:
        found: list[Json] = []
        pages = self._connection.pages(resource, namespace=namespace, params=params)
        async for page in pages:
            found += page.get("items") or ()
        return found
