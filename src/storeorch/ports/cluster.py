"""The part of a Kubernetes cluster that steps need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from storeorch.ports.objects import (
    Deviation,
    Fingerprint,
    LogLine,
    Manifest,
    NamespaceState,
    ObjectRef,
    Owner,
    Problem,
    WorkloadRef,
    WorkloadState,
)


class Cluster(Protocol):
    """The part of a Kubernetes cluster that steps need."""

    async def check_access(self) -> None:
        """Verify that the cluster answers and permits what storeorch does.

        Raises:
            ClusterUnavailable: It does not answer.
            PermissionMissing: The sentence names the missing rights.
        """
        ...

    async def runs_containers(self) -> bool:
        """Return whether pods run for real: False where every node is a simulated one."""
        ...

    async def policy_agent(self) -> str | None:
        """Name what enforces network policies; None where nothing is known to.

        A cluster takes policies also where nobody enforces them.
        """
        ...

    async def namespace(self, name: str, *, live: bool = False) -> NamespaceState:
        """Return the state of a namespace.

        Args:
            name: The namespace.
            live: Ask the cluster itself rather than what was watched.
        """
        ...

    async def create_namespace(
        self, name: str, owner: Owner, *, labels: Mapping[str, str] | None = None
    ) -> bool:
        """Create a namespace with ownership labels; one that is ours is fine.

        Returns:
            Whether it was created now.

        Raises:
            NamespaceNotOurs: It exists and belongs to something else.
        """
        ...

    async def adopt_namespace(self, name: str, owner: Owner) -> None:
        """Give a namespace of ours its ownership labels back, which someone took away.

        Raises:
            NamespaceNotOurs: It names another owner, or nothing that was kept with it
                shows that it was ours.
        """
        ...

    async def memory(self, namespace: str, *, live: bool = False) -> str:
        """Return what was kept with ``remember``; empty where nothing was.

        Args:
            namespace: The namespace.
            live: Ask the cluster itself rather than what was watched.
        """
        ...

    async def remember(self, namespace: str, owner: Owner, text: str) -> None:
        """Keep a text with a namespace of ours, as long as the namespace lives.

        A namespace that is not ours is left alone.
        """
        ...

    async def delete_namespace(self, name: str, owner: Owner) -> None:
        """Ask for the deletion of a namespace of ours; one that is not ours is left alone."""
        ...

    async def apply(
        self,
        namespace: str,
        manifests: Sequence[Manifest],
        owner: Owner,
        *,
        only_look: bool = False,
    ) -> int:
        """Bring objects into the form of the manifests, with ownership labels.

        Args:
            namespace: Where they belong.
            manifests: What they should be.
            owner: Whose they are.
            only_look: Change nothing, and count what would be.

        Returns:
            How many were created or changed.
        """
        ...

    async def fingerprints(
        self, namespace: str, refs: Sequence[ObjectRef], *, live: bool = False
    ) -> Mapping[ObjectRef, Fingerprint | None]:
        """Return what tells whether somebody changed objects of a release, or the credentials.

        Args:
            namespace: Where they are.
            refs: Which ones.
            live: Ask the cluster itself rather than what was watched.

        Returns:
            For each its fingerprint, or None if there is no such object. Unless it is
            ``live``, no call is made, and those of kinds that are not being watched
            are left out.
        """
        ...

    async def differing(
        self, namespace: str, release: str, manifests: Sequence[Manifest]
    ) -> Sequence[Deviation]:
        """Compare objects of a release with their manifests, as the cluster itself says.

        What the cluster or others have added beside what a manifest states is no
        difference, except in lists.

        Args:
            namespace: Where they are.
            release: Name of the Helm release that they belong to.
            manifests: What they should be, each with a name of its own.

        Returns:
            Those that are missing or differ, in the order of the manifests.

        Raises:
            ClusterRefused: Something of that name belongs to someone else.
        """
        ...

    async def restore(self, namespace: str, release: str, manifest: Manifest) -> str:
        """Bring one object of a release into the form of its manifest.

        What others have added beside what the manifest states stays, except in lists.

        Returns:
            The text of its fingerprint afterwards.

        Raises:
            ClusterRefused: The cluster does not take it, or it belongs to someone else.
        """
        ...

    async def claims(
        self, namespace: str, names: Sequence[str], *, live: bool = False
    ) -> Mapping[str, str]:
        """Return an identity for each volume claim that is there and not being deleted.

        A claim that was deleted and made anew has another identity.

        Args:
            namespace: Where they are.
            names: Which ones.
            live: Ask the cluster itself rather than what was watched.
        """
        ...

    async def secret_exists(self, namespace: str, name: str) -> bool:
        """Return whether a Secret exists, as the cluster itself says."""
        ...

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the decoded content of a Secret, as the cluster itself has it, or None."""
        ...

    async def create_secret(
        self, namespace: str, name: str, data: Callable[[], Mapping[str, str]], owner: Owner
    ) -> bool:
        """Create a Secret unless it exists; ``data`` is called only if it does not.

        Returns:
            Whether it was created now.
        """
        ...

    async def workloads(
        self, namespace: str, refs: Sequence[WorkloadRef], *, live: bool = False
    ) -> Sequence[WorkloadState]:
        """Return the state of each workload; one that is missing is not ready.

        Args:
            namespace: Where they are.
            refs: Which ones.
            live: Ask the cluster itself rather than what was watched.
        """
        ...

    async def problems(self, namespace: str, *, since: datetime) -> Sequence[Problem]:
        """Return what keeps pods of a namespace from running, worst first.

        Args:
            namespace: Where to look.
            since: Ignore warnings that were given before.
        """
        ...

    def logs(
        self, namespace: str, *, follow: bool = False, tail: int = 100
    ) -> AsyncIterator[LogLine]:
        """Yield what the containers of a namespace have written.

        Args:
            namespace: Where to look.
            follow: Go on as they write, until all of them have ended.
            tail: How many of the last lines of each container to begin with.
        """
        ...

    async def nudge(
        self,
        namespace: str,
        refs: Sequence[WorkloadRef],
        *,
        token: str,
        since: datetime | None = None,
    ) -> None:
        """Have the cluster's controllers try again now what they had put off.

        Args:
            namespace: Where the workloads are.
            refs: Which ones.
            token: Nothing happens for a workload that this token was used for.
            since: A Job that failed for good before is removed, for no controller tries
                it again; whoever holds the release to its manifests makes it anew.
        """
        ...

    async def remove_completed(
        self, namespace: str, refs: Sequence[WorkloadRef], *, before: datetime
    ) -> None:
        """Remove Jobs that had completed by then, for what they did is lost.

        Whoever holds the release to its manifests makes them anew.

        Args:
            namespace: Where they are.
            refs: Which ones; what is no Job is left alone.
            before: Those that completed later have done their work since.
        """
        ...

    async def orphans(self, known: Callable[[str], bool]) -> Sequence[str]:
        """Return namespaces that carry our label and belong to no known store id."""
        ...

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Watch the cluster; yields the id of a store whenever its objects changed.

        Entering waits until the first full look is complete.
        """
        ...
