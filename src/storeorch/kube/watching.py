"""All that is watched of a cluster, and who is told about it.

One list and one watch for each kind, however many stores and listeners there
are. A change is told as the id of the store, each id once until it was taken.

It must not know what steps do with what was watched.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

from storeorch.kube import summaries
from storeorch.kube.connection import Connection
from storeorch.kube.fingerprints import fingerprint
from storeorch.kube.informer import Informer, Kind, Timing
from storeorch.kube.pods import pod
from storeorch.kube.resources import (
    CLAIMS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    HELM_SECRETS,
    HTTP_ROUTES,
    INGRESSES,
    JOBS,
    LIMIT_RANGES,
    NAMESPACES,
    NETWORK_POLICIES,
    OF_HELM,
    OF_STORES,
    OF_STORES_RELEASES,
    OURS,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STATEFUL_SETS,
    WARNINGS,
    Json,
    Resource,
)
from storeorch.ports import Clock, Fingerprint

S = TypeVar("S")

_operator_log: Final = logging.getLogger("storeorch.operator")

PREFIX: Final = "store-"
"""Namespaces of stores begin with it, see ``names.namespace_for``."""

_WARNINGS_KEPT: Final = 32
"""Warnings kept for one namespace."""


class Listener:
    """Hands out ids of stores whose objects changed, each once until it was taken.

    Attributes:
        pending: The ids that were not taken yet, in the order of the changes.
    """

    def __init__(self) -> None:
        self.pending: dict[str, None] = {}
        self._raised = asyncio.Event()

    def tell(self, store_id: str) -> None:
        """Note that something of a store changed."""
        self.pending[store_id] = None
        self._raised.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not self.pending:
            self._raised.clear()
            await self._raised.wait()
        store_id = next(iter(self.pending))
        del self.pending[store_id]
        return store_id


class Watching:
    """Runs the informers while somebody listens.

    Args:
        connection: To the cluster.
        clock: Time.
        timing: How long watches may take.
        rng: Source of jitter.

    Attributes:
        namespaces: Those with our label.
        workloads: Of Helm, by kind: Deployments, StatefulSets and Jobs.
        applied: What storeorch applies, by kind.
        objects: What else Helm creates, and the credentials, by kind.
        claims: Volume claims, whoever made them.
        pods: Pods of stores that are in trouble.
        warnings: Warnings that were understood.
        helm_secrets: Helm's memory of releases.
    """

    def __init__(
        self, connection: Connection, *, clock: Clock, timing: Timing, rng: random.Random
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._timing = timing
        self._rng = rng
        self._listeners: set[Listener] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()
        self._build()

    def _build(self) -> None:
        self.namespaces = self._make(
            Kind(NAMESPACES, summaries.namespace, OURS), lambda _: True, self._changed
        )
        self.workloads: Mapping[str, Informer[summaries.Workload]] = {
            resource.kind: self._workloads(resource)
            for resource in (DEPLOYMENTS, STATEFUL_SETS, JOBS)
        }
        self.applied: Mapping[str, Informer[summaries.Applied]] = {
            resource.kind: self._informer(Kind(resource, summaries.applied, OURS))
            for resource in (LIMIT_RANGES, RESOURCE_QUOTAS, NETWORK_POLICIES)
        }
        self.objects: Mapping[str, Informer[Fingerprint]] = {
            resource.kind: self._objects(resource)
            for resource in (
                CONFIG_MAPS,
                HTTP_ROUTES,
                INGRESSES,
                SECRETS,
                SERVICES,
                SERVICE_ACCOUNTS,
            )
        }
        # Those that StatefulSets make carry what labels their chart gives, maybe none.
        self.claims = self._informer(Kind(CLAIMS, summaries.claim))
        self.pods = self._informer(Kind(PODS, pod, OF_STORES))
        self.warnings = self._informer(
            Kind(EVENTS, _warning, WARNINGS, limit=_WARNINGS_KEPT, bookmarks=False)
        )
        self.helm_secrets = self._informer(
            Kind(SECRETS, summaries.helm_secret, HELM_SECRETS, metadata_only=True)
        )

    @property
    def _informers(self) -> list[Informer[Any]]:
        return [
            self.namespaces,
            *self.workloads.values(),
            *self.applied.values(),
            *self.objects.values(),
            self.claims,
            self.pods,
            self.warnings,
            self.helm_secrets,
        ]

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Listener]:
        """Listen to changes; entering waits for the first look at every kind.

        Raises:
            StoreorchError: Namespaces could not be listed. Other kinds are tried
                again in the background, and read from the cluster meanwhile.
        """
        listener = Listener()
        async with self._changing:
            self._listeners.add(listener)
            if not self._tasks:
                self._start()
        try:
            await asyncio.gather(*(each.looked.wait() for each in self._informers))
            if self.namespaces.error is not None:
                raise self.namespaces.error
            yield listener
        finally:
            self._listeners.discard(listener)
            async with self._changing:
                if not self._listeners:
                    await self.stop()

    async def stop(self) -> None:
        """End all watches and forget what was seen."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._build()

    def _start(self) -> None:
        self._tasks = [
            asyncio.create_task(each.run(), name=f"watch {each.kind.resource.plural}")
            for each in self._informers
        ]

    def _workloads(self, resource: Resource) -> Informer[summaries.Workload]:
        kind = resource.kind
        return self._informer(Kind(resource, lambda obj: summaries.workload(obj, kind), OF_HELM))

    def _objects(self, resource: Resource) -> Informer[Fingerprint]:
        kind = resource.kind
        secret = resource is SECRETS
        return self._informer(
            Kind(
                resource,
                lambda obj: fingerprint(obj, kind),
                OF_STORES_RELEASES if secret else OF_HELM,
                metadata_only=secret,  # what they hold stays in the cluster
                optional=resource is HTTP_ROUTES,  # few clusters have the Gateway API
            )
        )

    def _informer(self, kind: Kind[S]) -> Informer[S]:
        return self._make(kind, self._wanted, lambda namespace, _: self._changed(namespace))

    def _make(
        self,
        kind: Kind[S],
        wanted: Callable[[str], bool],
        changed: Callable[[str, S | None], None],
    ) -> Informer[S]:
        return Informer(
            kind,
            self._connection,
            wanted=wanted,
            changed=changed,
            clock=self._clock,
            timing=self._timing,
            rng=self._rng,
        )

    def _wanted(self, namespace: str) -> bool:
        return namespace.startswith(PREFIX) or bool(self.namespaces.index.of(namespace))

    def fingerprint(self, namespace: str, kind: str, name: str) -> tuple[bool, Fingerprint | None]:
        """Say whether a kind is being watched, and what was seen of one of its objects."""
        if (objects := self.objects.get(kind)) is not None:
            return objects.usable, objects.index.get(namespace, name)
        if (workloads := self.workloads.get(kind)) is not None:
            workload = workloads.index.get(namespace, name)
            return workloads.usable, workload.fingerprint if workload else None
        if kind == CLAIMS.kind:
            claim = self.claims.index.get(namespace, name)
            return self.claims.usable, claim.fingerprint if claim else None
        return False, None

    def _changed(self, namespace: str, before: summaries.Namespace | None = None) -> None:
        now = self.namespaces.index.get(namespace, namespace)
        for owner in {seen.owner_id for seen in (before, now) if seen}:
            if owner is not None:
                for listener in self._listeners:
                    listener.tell(owner)


def _warning(obj: Json) -> summaries.Warning_ | None:
    """Summarise an event; what could not be told from its words is for operators to read."""
    found = summaries.warning(obj)
    if found is not None and found.problem is not None and found.problem.reason == "FailedCreate":
        _operator_log.warning(
            "why pods cannot be created was not understood",
            extra={"namespace": obj["metadata"]["namespace"], "said": obj.get("message")},
        )
    return found
