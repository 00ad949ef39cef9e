"""What is said of the objects in a cluster: their names, states and troubles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

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
        owner_name: Name of that store as the label has it, or None.
    """

    phase: NamespacePhase
    owner_id: str | None = None
    blocked_by: str | None = None
    owner_name: str | None = field(default=None, compare=False)


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
        "HTTPRoute",
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
class Fingerprint:
    """What was seen of an object, in short.

    Attributes:
        text: Changes whenever what people may declare in the object does.
        untouched: Nobody but the one who installed it, and the cluster's own
            controllers, has changed anything in it.
    """

    text: str
    untouched: bool = False


@dataclass(frozen=True, slots=True)
class Deviation:
    """An object that is not as its manifest says.

    Attributes:
        ref: Which one.
        missing: It is not there at all.
        manifest: What it should be; never shown, it may hold secrets.
    """

    ref: ObjectRef
    missing: bool
    manifest: Manifest = field(repr=False)


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


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a container of a store wrote.

    Attributes:
        pod: Name of the pod.
        container: Name of the container in it.
        text: The line, without its end.
    """

    pod: str
    container: str
    text: str
