"""What a store type is: a parameter model and an ordered list of steps.

A type for a Helm chart subclasses ``storeorch.HelmStoreType`` and needs no
steps of its own; anything else subclasses ``StoreType`` and lists its steps.

This module must not know how steps are walked, nor any adapter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError

from storeorch.errors import InvalidParameters
from storeorch.models import FieldProblem, Status, Store
from storeorch.names import store_labels
from storeorch.parameters import ChartParameters, Parameters
from storeorch.ports import Clock, Cluster, Hosts, Owner, Releases, Visitor
from storeorch.settings import Settings


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened in a step, for the store's history.

    Attributes:
        reason: One CamelCase word.
        message: One sentence for users.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """The step has observed that its work is complete.

    Attributes:
        message: One sentence for users.
        url: The store's address, from the step that knows it.
        changed: Whether the step did something in this pass.
        reason: One CamelCase word; the condition's reason.
        notes: What shall be kept in the store's history beside the outcome.
        look_again_in: Seconds after which to look even if nothing changed; None
            relies on the cluster's watch alone.
    """

    message: str = "Done."
    url: str | None = None
    changed: bool = False
    reason: str = "Done"
    notes: tuple[Note, ...] = ()
    look_again_in: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The step has done what it can; a change in the cluster will bring it on.

    Attributes:
        reason: One CamelCase word.
        message: One sentence for users: what is waited for.
        look_again_in: Seconds after which to look even if nothing changed; None
            relies on the cluster's watch alone.
    """

    reason: str
    message: str
    look_again_in: float | None = None


Outcome = Done | Waiting
"""What a step answers; what cannot be done is raised as a ``StepError``."""


@dataclass(frozen=True, slots=True)
class StoreContext:
    """All that a step may see while it works on one store.

    Attributes:
        store: The store as claimed, with the conditions seen so far in this pass.
        parameters: Its parameters, checked by the type's model.
        settings: The engine's settings.
        cluster: The cluster.
        releases: Helm.
        hosts: Where hosts are made known.
        clock: Time.
        visitor: Asks for pages of stores; None where no store is asked.
    """

    store: Store
    parameters: BaseModel
    settings: Settings
    cluster: Cluster
    releases: Releases
    hosts: Hosts
    clock: Clock
    visitor: Visitor | None = None

    @property
    def namespace(self) -> str:
        """The store's namespace."""
        return self.store.namespace

    @property
    def owner(self) -> Owner:
        """The store as the owner of objects."""
        return Owner(self.store.id, self.store.name)

    @property
    def labels(self) -> dict[str, str]:
        """Labels that tie an object to the store."""
        return store_labels(self.store.name, self.store.id)

    @property
    def settled(self) -> bool:
        """Whether the store has been brought to its declaration and may hold data.

        Steps of a settled store report what is gone rather than make it anew.
        """
        return self.store.established and self.store.status is not Status.UPDATING

    @property
    def url(self) -> str:
        """The address that the store will have."""
        encrypted = isinstance(self.parameters, ChartParameters) and self.parameters.tls
        scheme = "https" if encrypted else self.settings.url_scheme
        return f"{scheme}://{self.store.host}"


@dataclass(frozen=True, slots=True)
class AdminAccess:
    """Who may administer a store of a type, and where.

    Attributes:
        password_key: Key of the password in the store's credentials.
        path: Path of the administration under the store's address, with its leading slash.
        username: Name of the user who logs in.
        username_parameter: Dotted path of the parameter that holds the name instead,
            for example ``admin_email``.
    """

    password_key: str
    path: str
    username: str = ""
    username_parameter: str | None = None

    def username_for(self, parameters: BaseModel) -> str:
        """Return the name of the user who logs in.

        Args:
            parameters: The store's, checked by the type's model.
        """
        if self.username_parameter is None:
            return self.username
        value: object = parameters
        for name in self.username_parameter.split("."):
            value = getattr(value, name)
        return str(value)


class Step(ABC):
    """One idempotent part of bringing a store into being, and out of it again.

    A step is called anew at every pass, also after a crash in the middle of the
    last one. It looks, does what is missing, and answers what it saw. It never
    sleeps.

    Attributes:
        name: Lower-case name, unique within the type.
        condition: The condition that tells whether it holds, in CamelCase.
        slow: It may take seconds, so what was seen before it is written first.
    """

    name: ClassVar[str]
    condition: ClassVar[str]
    slow: ClassVar[bool] = False

    @abstractmethod
    async def apply(self, ctx: StoreContext) -> Outcome:
        """Bring the step's part into being.

        Raises:
            StepError: It cannot be done.
        """

    @abstractmethod
    async def remove(self, ctx: StoreContext) -> Outcome:
        """Remove the step's part; what is not there is fine.

        Raises:
            StepError: It cannot be done.
        """


class StoreType(ABC):
    """A kind of store that can be asked for by name.

    Attributes:
        name: The name that users give, a lower-case DNS label.
        title: Its name for people.
        description: One sentence.
        parameters: Model of what users may set; ``--set`` and the API accept just this.
        admin: Who may administer a store; None where a type has no such user.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    parameters: ClassVar[type[BaseModel]] = Parameters
    admin: ClassVar[AdminAccess | None] = None

    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """Return the steps in the order in which they are applied."""

    def host(self, parameters: BaseModel) -> str | None:
        """Return the host that a store was given, or None for ``<name>.<domain>``.

        Unless overridden, it is the parameter ``domain`` of ``ChartParameters``.

        Args:
            parameters: The store's, checked by the type's model.
        """
        return parameters.domain or None if isinstance(parameters, ChartParameters) else None

    def check(self, parameters: Mapping[str, Any]) -> BaseModel:
        """Check parameters against the model.

        Args:
            parameters: As given by the user, nested mappings included.

        Returns:
            The checked model.

        Raises:
            InvalidParameters: One sentence names the first parameter that is wrong.
        """
        try:
            checked = self.parameters.model_validate(dict(parameters))
        except ValidationError as error:
            raise self._explain(_details(error)[0]) from error
        if not _is_text(checked.model_dump(mode="json", exclude_unset=True)):
            raise self._unstorable()
        return checked

    def problems(self, parameters: Mapping[str, Any]) -> Sequence[FieldProblem]:
        """Return everything that is wrong with parameters; empty if they fit.

        Args:
            parameters: As given by the user, nested mappings included.
        """
        try:
            self.check(parameters)
        except InvalidParameters as refused:
            error = refused.__cause__
            if not isinstance(error, ValidationError):
                return [_problem(("parameters",), refused)]
            return [
                _problem(("parameters", *details["loc"]), self._explain(details))
                for details in _details(error)
            ]
        return []

    def _unstorable(self) -> InvalidParameters:
        return InvalidParameters(
            f"A parameter of the type {self.name} holds characters that cannot be stored.",
            hint="Leave out the character NUL and halves of surrogate pairs.",
        )

    def _explain(self, first: Mapping[str, Any]) -> InvalidParameters:
        key = ".".join(str(part) for part in first["loc"]) or "parameters"
        known = ", ".join(sorted(self.parameters.model_fields)) or "none"
        if first["type"] == "extra_forbidden":
            return InvalidParameters(
                f"The type {self.name} has no parameter {key!a}.",
                hint=f"Its parameters are: {known}. See: storeorch type show {self.name}",
            )
        if first["type"] == "missing":
            return InvalidParameters(
                f"The parameter {key} of the type {self.name} is missing.",
                hint=f"Give it with: --set {key}=VALUE",
            )
        return InvalidParameters(
            f"The parameter {key} of the type {self.name} is not valid: {first['msg']}.",
            hint=f"See what is possible with: storeorch type show {self.name}",
        )


def _details(error: ValidationError) -> Sequence[Mapping[str, Any]]:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [dict(each) for each in found]


def _problem(field: tuple[str | int, ...], error: InvalidParameters) -> FieldProblem:
    return FieldProblem(field=field, code=error.code, message=error.message, hint=error.hint)


def _is_text(content: Any) -> bool:
    """Return whether all text in plain data is text that every database takes."""
    if isinstance(content, str):
        return "\0" not in content and not any("\ud800" <= sign <= "\udfff" for sign in content)
    if isinstance(content, Mapping):
        return all(_is_text(part) for entry in content.items() for part in entry)
    return not isinstance(content, list) or all(map(_is_text, content))
