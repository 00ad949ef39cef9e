"""One namespace of the in-memory cluster, and what a watch has seen of it.

This module must know no clock and no port's methods.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from storeorch.names import LABEL_MANAGED_BY, LABEL_STORE_ID, LABEL_STORE_NAME, MANAGED_BY
from storeorch.ports import (
    Fingerprint,
    Manifest,
    NamespacePhase,
    NamespaceState,
    ObjectRef,
    Problem,
    Release,
    ReleaseStatus,
    WorkloadRef,
)

RELEASE_NAME: Final = "meta.helm.sh/release-name"
"""Annotation in which Helm keeps whose an object is."""


@dataclass(slots=True)
class Workload:
    """A workload in memory.

    Attributes:
        ready: Whether it runs.
        version: Grows whenever it starts anew, so that an older start is void.
        put_off: Its controller waits before it tries again; a nudge ends that.
        tokens: Tokens that it was nudged with.
        ready_at: Since when it runs, or when a Job had completed.
    """

    ready: bool = False
    version: int = 0
    put_off: bool = False
    tokens: set[str] = field(default_factory=set)
    ready_at: datetime | None = None


@dataclass(slots=True)
class Trouble:
    """Why a workload cannot run, as long as it lasts.

    Attributes:
        problem: What is reported.
        began: When.
        grows: Whether the problem's weight is the seconds since then.
        at: When the cluster last spoke of it.
        round: Grows when it begins anew, so that older repetitions are void.
    """

    problem: Problem
    began: datetime
    grows: bool
    at: datetime
    round: int = 0


@dataclass(slots=True)
class ReleaseRecord:
    """Helm's record of the newest revision.

    Attributes:
        status: Its state.
        revision: Counted from 1.
        digest: What it was made from, or None.
        workloads: What it consists of.
        values: What it was given.
        objects: All that it consists of, workloads among it.
        claims: Volume claims that hold its data.
    """

    status: ReleaseStatus
    revision: int
    digest: str | None
    workloads: tuple[WorkloadRef, ...]
    values: Mapping[str, Any] = field(repr=False)
    objects: tuple[ObjectRef, ...] = ()
    claims: tuple[str, ...] = ()

    def seen(self) -> Release:
        """Return what the port tells of it."""
        return Release(
            self.status, self.revision, self.digest, self.workloads, self.objects, self.claims
        )


@dataclass(frozen=True, slots=True)
class View:
    """What a watch saw of a namespace at one moment."""

    state: NamespaceState
    ready: Mapping[WorkloadRef, bool]
    releases: Mapping[str, Release]
    owner_name: str | None = None
    fingerprints: Mapping[ObjectRef, Fingerprint] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)
    memory: str = field(default="", compare=False)


PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "namespaces": ("state", "owner_name", "memory"),
    "releases": ("releases",),
    "objects": ("fingerprints", "ready"),
    "claims": ("claims",),
}
"""Which attributes of a ``View`` come by which watch: each may lag behind the others."""

ABSENT = View(NamespaceState(NamespacePhase.ABSENT), {}, {})
"""What is seen of a namespace that is not there."""


@dataclass(slots=True)
class Namespace:
    """A namespace in memory.

    Attributes:
        labels: Its labels.
        terminating: Whether its deletion was asked for.
        finalizers: What keeps it from going, in words for users.
        objects: Objects that were applied, by kind and name.
        secrets: Data of Secrets by name.
        workloads: Deployments, StatefulSets and Jobs.
        releases: Helm's records by release name.
        released: Objects that Helm has made, as they are now.
        touched: Those of them, and Secrets, that somebody has changed.
        claims: Identities of volume claims by name.
        memory: What steps keep with it.
        kept_owner: Id of the store that kept it.
    """

    labels: dict[str, str]
    terminating: bool = False
    finalizers: set[str] = field(default_factory=set)
    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    workloads: dict[WorkloadRef, Workload] = field(default_factory=dict)
    releases: dict[str, ReleaseRecord] = field(default_factory=dict)
    released: dict[ObjectRef, Manifest] = field(default_factory=dict)
    touched: set[ObjectRef] = field(default_factory=set)
    claims: dict[str, str] = field(default_factory=dict)
    memory: str = field(default="", repr=False)
    kept_owner: str | None = None

    @property
    def owner_id(self) -> str | None:
        """Id of the store that it belongs to, or None if it is not ours."""
        if self.labels.get(LABEL_MANAGED_BY) != MANAGED_BY:
            return None
        return self.labels.get(LABEL_STORE_ID)

    def view(self) -> View:
        """Return what a watch would see of it now."""
        blocked_by = f"the finalizer {', '.join(sorted(self.finalizers))}"
        return View(
            NamespaceState(
                NamespacePhase.TERMINATING if self.terminating else NamespacePhase.ACTIVE,
                self.owner_id,
                blocked_by if self.terminating and self.finalizers else None,
                self.labels.get(LABEL_STORE_NAME),
            ),
            {ref: workload.ready for ref, workload in self.workloads.items()},
            {name: record.seen() for name, record in self.releases.items()},
            self.labels.get(LABEL_STORE_NAME),
            self.fingerprints(),
            dict(self.claims),
            self.memory,
        )

    def fingerprints(self) -> dict[ObjectRef, Fingerprint]:
        """Return the fingerprints of what Helm has made, and of Secrets."""
        found = {
            ref: Fingerprint(fingerprint(manifest), ref not in self.touched)
            for ref, manifest in self.released.items()
        }
        for name, data in self.secrets.items():
            ref = ObjectRef("Secret", name)
            found[ref] = Fingerprint(fingerprint(data), ref not in self.touched)
        return found


def claim_of(ref: WorkloadRef) -> str:
    """Name the volume claim that a StatefulSet makes."""
    return f"data-{ref.name}-0"


def fingerprint(content: Mapping[str, Any]) -> str:
    """Return a short text that changes with the content."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
