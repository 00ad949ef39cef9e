"""The part of a Kubernetes cluster that steps need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

Manifest = Mapping[str, Any]
"""A Kubernetes object as plain data: ``apiVersion``, ``kind``, ``metadata``, …"""


@dataclass(frozen=True, slots=True)
class Owner:
    """The store that objects in the cluster belong to.

    Attributes:
        store_id: Its id; decides whether an object is ours.
        store_name: Its name.
    """

    store_id: str
    store_name: str


class NamespacePhase(StrEnum):
    """What became of a namespace."""

    ABSENT = "absent"
    ACTIVE = "active"
    TERMINATING = "terminating"


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """A namespace as observed.

    Attributes:
        phase: Whether it is there.
        owner_id: Id of the store it carries the ownership label of, or None.
        blocked_by: While terminating: what keeps it, in words for users.
    """

    phase: NamespacePhase
    owner_id: str | None = None
    blocked_by: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class WorkloadRef:
    """Names a Deployment, StatefulSet or Job within its namespace."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """Names an object of one of the ``RELEASED_KINDS`` within its namespace."""

    kind: str
    name: str


RELEASED_KINDS: Final = frozenset(
    {
        "ConfigMap",
        "Deployment",
        "Ingress",
        "Job",
        "PersistentVolumeClaim",
        "Secret",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    }
)
"""Kinds of a release's objects that are watched for drift."""


@dataclass(frozen=True, slots=True)
class WorkloadState:
    """How far a workload is.

    Attributes:
        ref: Which one.
        ready: All replicas of the present generation are available, or the job
            has completed.
        message: For users: how far it is.
    """

    ref: WorkloadRef
    ready: bool
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a workload does not become ready, recognised from what the cluster says.

    Attributes:
        reason: One CamelCase word, for example ``QuotaExceeded``.
        message: One sentence for users.
        hint: What to do next.
        fatal: Waiting alone will not mend it.
        weight: The number that the engine's limits are held against: restarts
            of a crashing container, or seconds that a pod has waited for a node.
    """

    reason: str
    message: str
    hint: str
    fatal: bool
    weight: float = 0


class Cluster(Protocol):
    """The part of a Kubernetes cluster that steps need."""

    async def check_access(self) -> None:
        """Verify that the cluster answers and permits what storeorch does.

        Raises:
            ClusterUnavailable: It does not answer.
            PermissionMissing: The sentence names the missing rights.
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

    async def delete_namespace(self, name: str, owner: Owner) -> None:
        """Ask for the deletion of a namespace of ours; one that is not ours is left alone."""
        ...

    async def apply(self, namespace: str, manifests: Sequence[Manifest], owner: Owner) -> int:
        """Bring objects into the form of the manifests, with ownership labels.

        Returns:
            How many were created or changed.
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

    async def nudge(self, namespace: str, refs: Sequence[WorkloadRef], *, token: str) -> None:
        """Have the cluster's controllers try again now what they had put off.

        Args:
            namespace: Where the workloads are.
            refs: Which ones.
            token: Nothing happens for a workload that this token was used for.
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
