"""What the engine, the reconciler and the steps see of the world outside.

The adapters (``db``, ``kube``, ``helm``, ``hosts``) and the in-memory doubles of
``storeorch.testing`` satisfy these protocols, and pass the same contract tests.
Every method raises only subclasses of ``StoreorchError``.
"""

from storeorch.ports.clock import Clock
from storeorch.ports.cluster import Cluster
from storeorch.ports.hosts import Hosts
from storeorch.ports.objects import (
    RELEASED_KINDS,
    Deviation,
    Fingerprint,
    LogLine,
    Manifest,
    NamespacePhase,
    NamespaceState,
    ObjectRef,
    Owner,
    Problem,
    WorkloadRef,
    WorkloadState,
)
from storeorch.ports.releases import (
    STORE_VALUES,
    Release,
    ReleaseRequest,
    Releases,
    ReleaseSecret,
    ReleaseStatus,
    SecretStore,
)
from storeorch.ports.repository import Changes, Repository
from storeorch.ports.visitor import Visit, Visitor

__all__ = [
    "RELEASED_KINDS",
    "STORE_VALUES",
    "Changes",
    "Clock",
    "Cluster",
    "Deviation",
    "Fingerprint",
    "Hosts",
    "LogLine",
    "Manifest",
    "NamespacePhase",
    "NamespaceState",
    "ObjectRef",
    "Owner",
    "Problem",
    "Release",
    "ReleaseRequest",
    "ReleaseSecret",
    "ReleaseStatus",
    "Releases",
    "Repository",
    "SecretStore",
    "Visit",
    "Visitor",
    "WorkloadRef",
    "WorkloadState",
]
