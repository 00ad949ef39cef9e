"""An orchestrator that plays what a test wrote down, and a command line around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from types import TracebackType
from typing import Any, ClassVar, Self, cast

from click.testing import CliRunner, Result
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from storeorch.cli import cli
from storeorch.cli.context import CliContext
from storeorch.cli.extensions import Extensions
from storeorch.environment import Check
from storeorch.errors import StoreNotFound, UnknownStoreType
from storeorch.models import (
    Condition,
    Credentials,
    Event,
    EventKind,
    Fault,
    OwnerLimits,
    Page,
    Status,
    Store,
    StoreFilter,
    StoreOrder,
)
from storeorch.orchestrator import Orchestrator
from storeorch.plugins import PluginInfo
from storeorch.ports import LogLine
from storeorch.settings import Settings
from storeorch.storetype import Done, Outcome, Step, StoreContext, StoreType

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class _Step(Step):
    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        return Done()

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        return Done()


class NamespaceStep(_Step):
    name = "namespace"
    condition = "NamespaceReady"


class ReleaseStep(_Step):
    name = "release"
    condition = "ReleaseInstalled"


class Disk(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: str = Field("10Gi", description="Size of the claim, for example ``10Gi``.")


class ToyParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")
    replicas: int = Field(1, ge=1, description="How many pods.")
    tags: list[str] = []
    disk: Disk = Disk()


class ToyType(StoreType):
    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy shop"
    description: ClassVar[str] = "A shop for tests."
    parameters: ClassVar[type[BaseModel]] = ToyParameters

    @override
    def steps(self) -> Sequence[Step]:
        return [NamespaceStep(), ReleaseStep()]


def make_store(name: str = "my-store", status: Status = Status.PROVISIONING, **over: Any) -> Store:
    """Return a store that was declared at ``T0``."""
    settled = status in {Status.READY, Status.DEGRADED, Status.FAILED}
    fields: dict[str, Any] = {
        "id": f"id-of-{name}",
        "name": name,
        "type": "toy",
        "status": status,
        "namespace": f"store-{name}-12345678",
        "host": f"{name}.local.test",
        "url": f"http://{name}.local.test" if status is Status.READY else None,
        "helm_release": name,
        "observed_generation": 1 if settled else 0,
        "created_at": T0,
        "declared_at": T0,
        "updated_at": T0 + timedelta(seconds=7),
    }
    return Store(**{**fields, **over})


def condition(
    type_: str, *, holds: bool, after: float, reason: str = "", message: str = ""
) -> Condition:
    """Return a condition that changed ``after`` seconds after ``T0``."""
    return Condition(
        type=type_,
        status=holds,
        reason=reason or ("Done" if holds else "NotYet"),
        message=message,
        since=T0 + timedelta(seconds=after),
    )


def make_event(number: int, name: str = "my-store", **over: Any) -> Event:
    """Return the event of that number."""
    fields: dict[str, Any] = {
        "id": number,
        "kind": EventKind.STEP,
        "reason": "Done",
        "message": f"Message {number}.",
        "actor": "worker-1",
        "step": "release",
        "duration": 2.14,
        "store_id": f"id-of-{name}",
        "store_name": name,
        "at": T0 + timedelta(seconds=number),
        "generation": 1,
    }
    return Event(**{**fields, **over})


FAULT = Fault(
    code="workload-failed",
    message="The image cannot be pulled.",
    hint="Check the image's name.",
    error_id="e-12345678",
)


class FakeOrchestrator:
    """Plays an `Orchestrator`; a test says what is there and what comes next.

    Attributes:
        stores: What is there, by name.
        story: What a watch yields after the present store; None means: gone.
        hangs: Whether a watch goes on without a word at the end of its story.
        elsewhere: Whether another process has a live engine.
        raises: Errors by the name of the method that raises them.
        calls: What was called, with the arguments that matter.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stores: dict[str, Store] = {}
        self.history: list[Event] = []
        self.story: list[Store | None] = []
        self.written: list[LogLine] = []
        self.secrets = Credentials(store_id="id", url=None, values={"key": "s3cret"})
        self.hangs = False
        self.on_hang: Callable[[], object] = lambda: None
        self.elsewhere = True
        self.offered: list[StoreType] = [ToyType()]
        self.infos = [PluginInfo("toys", "storeorch-toys", "1.2", ("toy",))]
        self.checks = [Check("helm", ok=True, detail="Helm 4.3.1")]
        self.raises: dict[str, BaseException] = {}
        self.calls: list[tuple[str, Any]] = []
        self.stopped = asyncio.Event()

    def _called(self, name: str, arguments: Any = None) -> None:
        self.calls.append((name, arguments))
        if name in self.raises:
            raise self.raises[name]

    @property
    def names_called(self) -> list[str]:
        return [name for name, _ in self.calls]

    async def __aenter__(self) -> Self:
        self._called("open")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.calls.append(("close", None))

    async def create(
        self,
        name: str,
        *,
        type: str,  # noqa: A002 - as the real one
        parameters: Mapping[str, Any] | None = None,
        actor: str | None = None,
        owner: str | None = None,
        limits: OwnerLimits | None = None,
        key: str | None = None,
    ) -> Store:
        self._called("create", (name, type, parameters))
        self.stores[name] = make_store(name, parameters=parameters or {})
        return self.stores[name]

    async def update(
        self, name_or_id: str, *, parameters: Mapping[str, Any], actor: str | None = None
    ) -> Store:
        self._called("update", parameters)
        return self._become(name_or_id, Status.UPDATING)

    async def retry(self, name_or_id: str, *, actor: str | None = None) -> Store:
        self._called("retry", name_or_id)
        return self._become(name_or_id, Status.PROVISIONING)

    async def delete(self, name_or_id: str, *, actor: str | None = None) -> Store:
        self._called("delete", name_or_id)
        return self._become(name_or_id, Status.DELETING)

    def _become(self, name_or_id: str, status: Status) -> Store:
        store = self._find(name_or_id)
        store = store.model_copy(update={"status": status, "generation": store.generation + 1})
        self.stores[store.name] = store
        return store

    def _find(self, name_or_id: str) -> Store:
        for store in self.stores.values():
            if name_or_id in {store.name, store.id}:
                return store
        raise StoreNotFound(f"There is no store {name_or_id!a}.")

    async def get(self, name_or_id: str) -> Store:
        self._called("get", name_or_id)
        return self._find(name_or_id)

    async def list(
        self,
        where: StoreFilter | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order: StoreOrder = StoreOrder.NEWEST,
    ) -> Page[Store]:
        self._called("list", (where, cursor))
        # Pages of one, so that a command that forgets to go on shows it.
        index = int(cursor or 0)
        found = list(self.stores.values())
        following = str(index + 1) if index + 1 < len(found) else None
        return Page(items=found[index : index + 1], next_cursor=following)

    async def events(
        self, name_or_id: str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Event]:
        self._called("events", (name_or_id, after))
        if not self.history:
            raise StoreNotFound(f"There never was a store {name_or_id!a}.")
        return [event for event in self.history if event.id > after][:limit]

    async def watch(self, name_or_id: str) -> AsyncGenerator[Store]:
        self._called("watch", name_or_id)
        store = self._find(name_or_id)
        yield store
        for following in self.story:
            # Lets others run, as a change that comes from outside does.
            await asyncio.sleep(0)
            if following is None:
                del self.stores[store.name]
                return
            if following.name == store.name:
                yield following
        if self.hangs:
            self.on_hang()
            await asyncio.Event().wait()

    async def follow(self, name_or_id: str, *, after: int = 0) -> AsyncGenerator[Event]:
        self._called("follow", name_or_id)
        self._find(name_or_id)
        for event in self.history:
            yield event

    async def credentials(self, name_or_id: str, *, actor: str | None = None) -> Credentials:
        self._called("credentials", name_or_id)
        self._find(name_or_id)
        return self.secrets

    async def logs(
        self, name_or_id: str, *, follow: bool = False, tail: int = 100
    ) -> AsyncGenerator[LogLine]:
        self._called("logs", (follow, tail))
        self._find(name_or_id)
        for line in self.written:
            yield line

    async def wait(self, name_or_id: str, *, timeout: float | None = None) -> Store | None:
        raise AssertionError("the command line follows stores by watching them")

    def types(self) -> Sequence[StoreType]:
        return self.offered

    def type(self, name: str) -> StoreType:
        for offered in self.offered:
            if offered.name == name:
                return offered
        raise UnknownStoreType(f"There is no store type {name!a}.")

    def plugins(self) -> Sequence[PluginInfo]:
        return self.infos

    async def check_environment(self) -> Sequence[Check]:
        self._called("check_environment")
        return self.checks

    async def require_environment(self) -> None:
        self._called("require_environment")

    async def engine_running(self) -> bool:
        self._called("engine_running")
        return self.elsewhere

    async def start_engine(self, *, only: Sequence[str] | None = None) -> None:
        self._called("start_engine", only)

    async def run(self) -> None:
        self._called("run")
        self.on_hang()
        await self.stopped.wait()

    def stop(self) -> None:
        self._called("stop")
        self.stopped.set()

    async def upgrade_database(self, settings: Settings | None = None) -> bool:
        self._called("upgrade_database", settings)
        return True


class Cli:
    """Runs commands against one fake.

    Attributes:
        o: The fake that every command is given.
        settings: The settings that every command is given.
        terminal: Whether someone can be asked on standard input.
        extensions: Entry points of plugins with commands.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.o = FakeOrchestrator(settings)
        self.terminal = False
        self.extensions = Extensions(())
        self.load_settings: Callable[[], Settings] = lambda: self.settings

    def __call__(self, *arguments: str, typed: str | None = None, **env: str) -> Result:
        """Run a command; what it printed is in ``stdout`` and ``stderr``."""
        context = CliContext(
            load_settings=self.load_settings,
            make_orchestrator=lambda _settings: cast("Orchestrator", self.o),
            interactive=lambda: self.terminal,
            make_extensions=lambda: self.extensions,
        )
        environment = {"STOREORCH_LOG_FILE": None, "COLUMNS": "80", **env}
        return CliRunner().invoke(
            cli, list(arguments), input=typed, obj=context, env=environment, prog_name="storeorch"
        )

    def log(self) -> str:
        """Return the operator's log."""
        path = self.settings.log_file
        with suppress(FileNotFoundError):
            return path.read_text("utf-8") if path else ""
        return ""


def entry_point(module: str) -> EntryPoint:
    """Return the entry point of one of the plugins in ``plugins.py``."""
    return EntryPoint(module, f"{__package__}.plugins:{module}", "storeorch.plugins")
