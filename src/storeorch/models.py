"""The frozen data that the library hands out and takes in.

All times are timezone-aware and in UTC, all durations are in seconds.

This module must know no storage, no cluster and no Helm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, computed_field

T = TypeVar("T")


class Status(StrEnum):
    """Where a store is in its life; the transitions are in ``lifecycle``."""

    PROVISIONING = "provisioning"
    READY = "ready"
    UPDATING = "updating"
    DEGRADED = "degraded"
    FAILED = "failed"
    DELETING = "deleting"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Frozen):
    """What one step last observed.

    Attributes:
        type: ``NamespaceReady``, ``ReleaseInstalled``, …: one for each step.
        status: Whether it holds.
        reason: One CamelCase word for programs.
        message: One sentence for users.
        since: When ``status`` last changed.
    """

    type: str
    status: bool
    reason: str
    message: str
    since: datetime


class Fault(_Frozen):
    """Why a store is not as declared, in words made for users.

    Attributes:
        code: Stable code of the error, as in ``storeorch.errors``.
        message: One sentence.
        hint: What to do next.
        error_id: Leads to the full detail in the operator's log.
    """

    code: str
    message: str
    hint: str | None = None
    error_id: str | None = None


class Store(_Frozen):
    """One store: what was declared beside what was last observed.

    Attributes:
        id: UUID of the store.
        name: Lower-case DNS label, unique among the stores that exist.
        type: Name of the store type.
        owner: Whom it belongs to, in the words of the program that declared it; None
            where stores have no owners.
        parameters: What was declared, as checked by the type's model.
        cluster: Name of the cluster that the store lives in.
        generation: Counts declarations (create, update, retry, delete).
        observed_generation: The generation that ``status`` speaks of; 0 before
            the first pass.
        status: Where the store is in its life.
        namespace: Its Kubernetes namespace.
        host: Its host name.
        url: Its address, once it answers there.
        helm_release: Name of its Helm release.
        fault: Why it is not as declared.
        attempts: Failed passes in a row, as far as they are to be repeated; 0 after one
            that went well, found nothing to do or only waits.
        established: It has been ready, so it may hold data.
        created_at: When it was first declared.
        declared_at: When it was last declared.
        updated_at: When the row last changed.
        ready_at: When it last became ready.
        conditions: One for each step, in the order of the steps.
    """

    id: str
    name: str
    type: str
    owner: str | None = None
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    cluster: str = "default"
    generation: int = 1
    observed_generation: int = 0
    status: Status
    namespace: str
    host: str
    url: str | None = None
    helm_release: str
    fault: Fault | None = None
    attempts: int = 0
    established: bool = False
    created_at: datetime
    declared_at: datetime
    updated_at: datetime
    ready_at: datetime | None = None
    conditions: tuple[Condition, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def error_message(self) -> str | None:
        """The sentence that says why the store is not as declared, or None."""
        return self.fault.message if self.fault else None

    @property
    def progress(self) -> float:
        """Share of the conditions that hold, from 0 to 1."""
        if not self.conditions:
            return 0.0
        return sum(c.status for c in self.conditions) / len(self.conditions)

    def condition(self, type_: str) -> Condition | None:
        """Return the condition of that type, or None before its step was looked at."""
        return next((c for c in self.conditions if c.type == type_), None)


class EventKind(StrEnum):
    """What an event tells of."""

    DECLARED = "declared"
    TRANSITION = "transition"
    STEP = "step"
    ERROR = "error"
    ACCESS = "access"
    DELETED = "deleted"


class NewEvent(_Frozen):
    """An event that has yet to be written.

    Attributes:
        kind: What it tells of.
        reason: One CamelCase word for programs.
        message: One sentence for users.
        actor: Who caused it: a user, or the worker's name.
        step: Name of the step, for step events.
        status: The status after a transition.
        duration: How long the step took, in seconds.
        error_id: Leads to the full detail in the operator's log.
    """

    kind: EventKind
    reason: str
    message: str
    actor: str
    step: str | None = None
    status: Status | None = None
    duration: float | None = None
    error_id: str | None = None


class Event(NewEvent):
    """One line of a store's history; it outlives the store.

    Attributes:
        id: Grows with time within one database.
        store_id: The store's id.
        store_name: The store's name.
        owner: The store's owner.
        at: When it was written.
        generation: The declaration it belongs to.
        epoch: The lease under which it was written; 0 for declarations.
    """

    id: int
    store_id: str
    store_name: str
    owner: str | None = None
    at: datetime
    generation: int
    epoch: int = 0


class Page(_Frozen, Generic[T]):
    """A part of a longer list.

    Attributes:
        items: The entries of this page.
        next_cursor: Give it back to get the page after this one; None at the end.
    """

    items: Sequence[T]
    next_cursor: str | None = None


class StoreFilter(_Frozen):
    """Which stores to list.

    Attributes:
        statuses: Only these; empty means all.
        type: Only of this type.
        search: Only names that contain this.
        owner: Only stores of this owner.
        ids: Only these; None means all.
    """

    statuses: frozenset[Status] = frozenset()
    type: str | None = None
    search: str | None = None
    owner: str | None = None
    ids: frozenset[str] | None = None


class StoreOrder(StrEnum):
    """In which order stores are listed."""

    NEWEST = "newest"
    """Declared last comes first."""

    OLDEST = "oldest"
    """Declared first comes first."""

    NAME = "name"
    """By name, as its bytes compare."""

    UPDATED = "updated"
    """Changed last comes first."""


class Delta(_Frozen):
    """What happened between two looks at all stores.

    Attributes:
        cursor: Id of the newest event that was told of, now or before.
        events: What was written into the histories, oldest first.
        stores: Present rows of the stores that changed, with or without an event; a
            store that is gone is not among them.
    """

    cursor: int
    events: tuple[Event, ...] = ()
    stores: tuple[Store, ...] = ()


class OwnerLimits(_Frozen):
    """How much one owner may declare; None means without limit.

    Attributes:
        stores: Stores at once, those that are being deleted included.
        creations_per_hour: Declarations of new stores within one hour.
    """

    stores: Annotated[int, Field(ge=0)] | None = None
    creations_per_hour: Annotated[int, Field(ge=0)] | None = None


class FieldProblem(_Frozen):
    """What is wrong with one field of a declaration that was only tried.

    Attributes:
        field: Where: ``("name",)``, ``("type",)`` or ``("parameters", "title")`` and the like.
        code: Code of the error that the declaration would raise.
        message: One sentence for users.
        hint: What to do next.
    """

    field: tuple[str | int, ...]
    code: str
    message: str
    hint: str | None = None


class AdminLogin(_Frozen):
    """How whoever administers a store logs in.

    Attributes:
        username: Name or e-mail address of the user.
        password: The generated password.
        url: Where to log in, once the store answers there.
    """

    username: str
    password: str = Field(repr=False)
    url: str | None = None


class Credentials(_Frozen):
    """What gives access to a store; to be shown to whoever asked, and kept nowhere.

    Attributes:
        store_id: The store.
        url: Its address, once it answers there.
        values: Passwords and keys by name, as the store's Secret has them.
        admin: How its administrator logs in; None where the type has no such user.
    """

    store_id: str
    url: str | None
    values: Mapping[str, str] = Field(repr=False)
    admin: AdminLogin | None = None


class NewStore(_Frozen):
    """A checked declaration of a store that does not exist yet."""

    id: str
    name: str
    type: str
    owner: str | None = None
    parameters: Mapping[str, Any]
    cluster: str
    namespace: str
    host: str
    helm_release: str


class Observation(_Frozen):
    """What one pass concluded, to be written under the lease it was made with."""

    status: Status
    observed_generation: int
    conditions: tuple[Condition, ...]
    url: str | None = None
    fault: Fault | None = None
    attempts: Annotated[int, Field(ge=0)] = 0
    established: bool = False


class Claim(_Frozen):
    """A store that this worker, and no other, may change until the lease ends.

    Attributes:
        store: The row as it was when claimed.
        worker: Name of the worker that holds the lease.
        epoch: Grows with every claim; every write of an observation carries it.
        at: When it was claimed, by the database's clock.
    """

    store: Store
    worker: str
    epoch: int
    at: datetime


class ClaimBatch(_Frozen):
    """The answer to a request for work.

    Attributes:
        claims: The stores claimed.
        next_due: Seconds until the next store is due that is free, or None.
    """

    claims: tuple[Claim, ...]
    next_due: float | None = None


class Worker(_Frozen):
    """An engine that has given a sign of life lately."""

    name: str
    seen_at: datetime
