"""One namespace of the in-memory cluster, and what a watch has seen of it.

This module must know no clock and no port's methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storeorch.names import LABEL_MANAGED_BY, LABEL_STORE_ID, MANAGED_BY
from storeorch.ports import (
    Manifest,
    NamespacePhase,
    NamespaceState,
    Problem,
    Release,
    ReleaseStatus,
    WorkloadRef,
)


@dataclass(slots=True)
class Workload:
    """A workload in memory.

    Attributes:
        ready: Whether it runs.
        version: Grows whenever it starts anew, so that an older start is void.
        put_off: Its controller waits before it tries again; a nudge ends that.
        tokens: Tokens that it was nudged with.
    """

    ready: bool = False
    version: int = 0
    put_off: bool = False
    tokens: set[str] = field(default_factory=set)


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
    """

    status: ReleaseStatus
    revision: int
    digest: str | None
    workloads: tuple[WorkloadRef, ...]
    values: Mapping[str, Any] = field(repr=False)

    def seen(self) -> Release:
        """Return what the port tells of it."""
        return Release(self.status, self.revision, self.digest, self.workloads)


@dataclass(frozen=True, slots=True)
class View:
    """What a watch saw of a namespace at one moment."""

    state: NamespaceState
    ready: Mapping[WorkloadRef, bool]
    releases: Mapping[str, Release]


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
    """

    labels: dict[str, str]
    terminating: bool = False
    finalizers: set[str] = field(default_factory=set)
    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    workloads: dict[WorkloadRef, Workload] = field(default_factory=dict)
    releases: dict[str, ReleaseRecord] = field(default_factory=dict)

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
            ),
            {ref: workload.ready for ref, workload in self.workloads.items()},
            {name: record.seen() for name, record in self.releases.items()},
        )
