"""What goes over the wire. Times are ISO 8601 in UTC, durations are in seconds.

This module must know no route.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from storeorch import (
    Condition,
    Event,
    EventKind,
    Fault,
    FieldProblem,
    LogLine,
    Status,
    Store,
    StoreType,
)

T = TypeVar("T")

Declared = Mapping[str, Any]


class Answer(BaseModel):
    """Base of what is answered."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Asked(BaseModel):
    """Base of what is asked; what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Success(Answer, Generic[T]):
    """An answer with content."""

    success: Literal[True] = True
    data: T


class Message(Answer):
    """An answer without content."""

    success: Literal[True] = True
    message: str


class Problem(Answer):
    """What is wrong with one field."""

    field: tuple[str | int, ...]
    """Where, for example ``["parameters", "storage_class"]``."""

    code: str
    """Stable code."""

    message: str
    """One sentence."""

    hint: str | None = None
    """What to do next."""


class ErrorBody(Answer):
    """Why a request was refused."""

    code: str
    """Stable kebab-case code."""

    message: str
    """One sentence for users."""

    hint: str | None = None
    """What to do next."""

    error_id: str | None = None
    """Leads to the full detail in the operator's log."""

    fields: tuple[Problem, ...] = ()
    """Which fields of the request are not possible, where it is about fields."""


class Failure(Answer):
    """The answer to a request that was refused."""

    success: Literal[False] = False
    error: ErrorBody


class StoreOut(Answer):
    """A store: what was declared beside what was last observed."""

    id: str
    name: str
    type: str
    status: Status
    owner: str | None
    namespace: str
    host: str
    url: str | None
    """Its address, once it answers there."""

    helm_release: str
    parameters: Declared
    conditions: tuple[Condition, ...]
    """One for each step, in the order of the steps; empty before the first look."""

    progress: float
    """Share of the conditions that hold, from 0 to 1."""

    error_message: str | None
    fault: Fault | None
    """Why it is not as declared, in words made for users."""

    attempts: int
    generation: int
    observed_generation: int
    """The generation that ``status`` speaks of."""

    created_at: datetime
    declared_at: datetime
    updated_at: datetime
    ready_at: datetime | None

    @classmethod
    def of(cls, store: Store) -> StoreOut:
        """Return what is shown of a store."""
        return cls(**{name: getattr(store, name) for name in cls.model_fields})


class EventOut(Answer):
    """One line of a store's history."""

    id: int
    store_id: str
    store_name: str
    at: datetime
    kind: EventKind
    reason: str
    message: str
    actor: str
    """Who caused it: a user, or the engine's name."""

    step: str | None
    status: Status | None
    duration: float | None
    """How long the step took, in seconds."""

    generation: int
    error_id: str | None

    @classmethod
    def of(cls, event: Event) -> EventOut:
        """Return what is shown of an event."""
        return cls(**{name: getattr(event, name) for name in cls.model_fields})


class StorePage(Answer):
    """Where a list of stores goes on."""

    next_cursor: str | None
    """Give it back as ``cursor`` to get what comes after; null at the end."""

    total: int
    """Stores that fit the filters, on all pages."""

    counts: Mapping[Status, int]
    """The same by status; a status that none has is left out."""


class StoreList(Success[tuple[StoreOut, ...]]):
    """A list of stores."""

    page: StorePage


class EventPage(Answer):
    """Where a history goes on."""

    next_after: int
    """Give it back as ``after`` to get what comes after."""

    more: bool
    """Whether there is more already."""


class EventList(Success[tuple[EventOut, ...]]):
    """A part of a store's history, oldest first."""

    page: EventPage


class LogLineOut(Answer):
    """A line that a container of a store wrote, as it wrote it; to be shown as text only."""

    pod: str
    container: str
    text: str

    @classmethod
    def of(cls, line: LogLine) -> LogLineOut:
        """Return what is shown of a line."""
        return cls(pod=line.pod, container=line.container, text=line.text)


class LogPage(Answer):
    """Whether that is all."""

    more: bool
    """Whether there was more than one answer holds; ask with a shorter ``tail``."""


class LogList(Success[tuple[LogLineOut, ...]]):
    """The last lines of a store's containers, container by container."""

    page: LogPage


class CreateStore(Asked):
    """A store to be created."""

    name: str
    """Lower-case letters, digits and ``-``, at most 40, unique."""

    type: str
    """Name of the store type, see ``GET /api/types``."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    """As the type's JSON schema says."""


class UpdateStore(Asked):
    """New parameters, merged over the present ones."""

    parameters: dict[str, Any]


class ValidateStore(Asked):
    """A declaration to be tried; without a name only the parameters are looked at."""

    name: str | None = None
    type: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class Validation(Answer):
    """What a declaration would be refused for."""

    valid: bool
    problems: tuple[Problem, ...]

    @classmethod
    def of(cls, found: Sequence[FieldProblem]) -> Validation:
        """Return the problems as they are shown."""
        problems = tuple(Problem(**problem.model_dump()) for problem in found)
        return cls(valid=not problems, problems=problems)


class StepOut(Answer):
    """One step of a store type."""

    name: str
    condition: str
    """The condition that tells whether it holds."""


class TypeOut(Answer):
    """A store type that can be asked for."""

    name: str
    title: str
    description: str
    parameters_schema: Annotated[dict[str, Any], Field(alias="schema")]
    """JSON Schema of the parameters."""

    steps: tuple[StepOut, ...]

    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, populate_by_name=True, serialize_by_alias=True
    )

    @classmethod
    def of(cls, offered: StoreType) -> TypeOut:
        """Return what is shown of a store type."""
        return cls(
            name=offered.name,
            title=offered.title or offered.name,
            description=offered.description,
            parameters_schema=offered.parameters.model_json_schema(),
            steps=tuple(
                StepOut(name=step.name, condition=step.condition) for step in offered.steps()
            ),
        )


class AdminOut(Answer):
    """How whoever administers a store logs in."""

    model_config = ConfigDict(from_attributes=True)

    username: str
    password: str
    url: str | None
    """Where; null until the store answers there."""


class CredentialsOut(Answer):
    """What gives access to a store; not to be kept."""

    model_config = ConfigDict(from_attributes=True)

    url: str | None
    values: Mapping[str, str]
    """Passwords and keys by name."""

    admin: AdminOut | None
    """Null where the type has no such user."""


class Me(Answer):
    """Who is asking, and what that allows."""

    actor: str
    owner: str | None
    """Null means all owners."""

    role: Literal["viewer", "operator", "admin"]
    auth: Literal["on", "off"]
    max_stores: int | None
    creations_per_hour: int | None


class Health(Answer):
    """That the app runs."""

    status: Literal["ok"]
    version: str
    timestamp: datetime


class Part(Answer):
    """One thing that the app needs."""

    name: str
    ok: bool
    detail: str


class Readiness(Answer):
    """Whether requests would be carried out."""

    ready: bool
    parts: tuple[Part, ...]


class Change(Answer):
    """The ``data`` of a message of the event stream."""

    event: EventOut | None
    """What was written into the history; null where only the row changed."""

    store: StoreOut | None
    """The store as it is now; null if it is gone."""
