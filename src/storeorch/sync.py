"""The same front door for programs without an event loop.

Every method of ``storeorch.Orchestrator`` stands here under the same name, with
the same arguments and errors, and blocks until it is done; a test keeps the two
in step. The event loop runs in a thread of its own, so an engine inside goes on
while the program does other things.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from storeorch.environment import Check
from storeorch.models import (
    Credentials,
    Delta,
    Event,
    FieldProblem,
    OwnerLimits,
    Page,
    Status,
    Store,
    StoreFilter,
    StoreOrder,
    Worker,
)
from storeorch.orchestrator import Orchestrator as AsyncOrchestrator
from storeorch.plugins import PluginInfo
from storeorch.ports import LogLine
from storeorch.settings import Settings
from storeorch.storetype import StoreType

T = TypeVar("T")


class Orchestrator:
    """Declares stores and watches them; see ``storeorch.Orchestrator``.

    ```python
    with Orchestrator.from_settings() as o:
        store = o.create("my-store", type="woocommerce")
        o.wait(store.id)
    ```

    Args:
        orchestrator: The asynchronous one that does the work.
    """

    def __init__(self, orchestrator: AsyncOrchestrator) -> None:
        self._async = orchestrator
        self._stack = ExitStack()
        self._open_portal: BlockingPortal | None = None

    @classmethod
    def from_settings(
        cls,
        settings: Settings | None = None,
        *,
        engine: bool = True,
        only: Sequence[str] | None = None,
    ) -> Self:
        """Make one from the environment; see ``storeorch.Orchestrator.from_settings``."""
        return cls(AsyncOrchestrator.from_settings(settings, engine=engine, only=only))

    def __enter__(self) -> Self:
        """Start the event loop's thread and open the database."""
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal("asyncio"))
            stack.enter_context(portal.wrap_async_context_manager(self._async))
            self._stack = stack.pop_all()
            self._open_portal = portal
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the engine inside, close everything and end the thread."""
        try:
            self._stack.__exit__(kind, error, traceback)
        finally:
            self._open_portal = None

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self._async.settings

    def create(
        self,
        name: str,
        *,
        type: str,  # noqa: A002 - the word that users know
        parameters: Mapping[str, Any] | None = None,
        actor: str | None = None,
        owner: str | None = None,
        limits: OwnerLimits | None = None,
        key: str | None = None,
    ) -> Store:
        """Declare a store; see ``storeorch.Orchestrator.create``."""
        return self._call(
            lambda: self._async.create(
                name,
                type=type,
                parameters=parameters,
                actor=actor,
                owner=owner,
                limits=limits,
                key=key,
            )
        )

    def validate(
        self,
        name: str | None = None,
        *,
        type: str,  # noqa: A002 - as in ``create``
        parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[FieldProblem]:
        """Return what would be refused; see ``storeorch.Orchestrator.validate``."""
        return self._call(lambda: self._async.validate(name, type=type, parameters=parameters))

    def update(
        self, name_or_id: str, *, parameters: Mapping[str, Any], actor: str | None = None
    ) -> Store:
        """Declare new parameters; see ``storeorch.Orchestrator.update``."""
        return self._call(
            lambda: self._async.update(name_or_id, parameters=parameters, actor=actor)
        )

    def retry(self, name_or_id: str, *, actor: str | None = None) -> Store:
        """Have another attempt made; see ``storeorch.Orchestrator.retry``."""
        return self._call(lambda: self._async.retry(name_or_id, actor=actor))

    def delete(self, name_or_id: str, *, actor: str | None = None) -> Store:
        """Declare a store as no longer wanted; see ``storeorch.Orchestrator.delete``."""
        return self._call(lambda: self._async.delete(name_or_id, actor=actor))

    def get(self, name_or_id: str) -> Store:
        """Return a store; see ``storeorch.Orchestrator.get``."""
        return self._call(lambda: self._async.get(name_or_id))

    def list(
        self,
        where: StoreFilter | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order: StoreOrder = StoreOrder.NEWEST,
    ) -> Page[Store]:
        """Return stores; see ``storeorch.Orchestrator.list``."""
        return self._call(lambda: self._async.list(where, limit=limit, cursor=cursor, order=order))

    def count(self, where: StoreFilter | None = None) -> Mapping[Status, int]:
        """Return how many have each status; see ``storeorch.Orchestrator.count``."""
        return self._call(lambda: self._async.count(where))

    def engines(self) -> Sequence[Worker]:
        """Return the engines that are alive; see ``storeorch.Orchestrator.engines``."""
        return self._call(self._async.engines)

    def credentials(self, name_or_id: str, *, actor: str | None = None) -> Credentials:
        """Return a store's passwords; see ``storeorch.Orchestrator.credentials``."""
        return self._call(lambda: self._async.credentials(name_or_id, actor=actor))

    def history(
        self, *, owner: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Event]:
        """Return events of all stores; see ``storeorch.Orchestrator.history``."""
        return self._call(lambda: self._async.history(owner=owner, after=after, limit=limit))

    def last_event(self) -> int:
        """Return the newest event's id; see ``storeorch.Orchestrator.last_event``."""
        return self._call(self._async.last_event)

    def follow_all(self, *, after: int | None = None) -> Iterator[Delta]:
        """Yield what happens to all stores; see ``storeorch.Orchestrator.follow_all``."""
        return self._iterate(self._async.follow_all(after=after))

    def events(self, name_or_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return the history of a store; see ``storeorch.Orchestrator.events``."""
        return self._call(lambda: self._async.events(name_or_id, after=after, limit=limit))

    def watch(self, name_or_id: str) -> Iterator[Store]:
        """Yield a store now and after every change; see ``storeorch.Orchestrator.watch``."""
        return self._iterate(self._async.watch(name_or_id))

    def follow(self, name_or_id: str, *, after: int = 0) -> Iterator[Event]:
        """Yield events as they come; see ``storeorch.Orchestrator.follow``."""
        return self._iterate(self._async.follow(name_or_id, after=after))

    def wait(self, name_or_id: str, *, timeout: float | None = None) -> Store | None:
        """Wait until a store is settled; see ``storeorch.Orchestrator.wait``."""
        return self._call(lambda: self._async.wait(name_or_id, timeout=timeout))

    def logs(self, name_or_id: str, *, follow: bool = False, tail: int = 100) -> Iterator[LogLine]:
        """Yield what the containers have written; see ``storeorch.Orchestrator.logs``."""
        return self._iterate(self._async.logs(name_or_id, follow=follow, tail=tail))

    def types(self) -> Sequence[StoreType]:
        """Return the store types; see ``storeorch.Orchestrator.types``."""
        return self._async.types()

    def type(self, name: str) -> StoreType:
        """Return a store type; see ``storeorch.Orchestrator.type``."""
        return self._async.type(name)

    def plugins(self) -> Sequence[PluginInfo]:
        """Return what is known of each plugin; see ``storeorch.Orchestrator.plugins``."""
        return self._async.plugins()

    def start_engine(self, *, only: Sequence[str] | None = None) -> None:
        """Start an engine inside; see ``storeorch.Orchestrator.start_engine``."""
        self._call(lambda: self._async.start_engine(only=only))

    def run(self) -> None:
        """Run an engine until ``stop``; see ``storeorch.Orchestrator.run``."""
        self._call(self._async.run)

    def stop(self) -> None:
        """Have the engine inside end; see ``storeorch.Orchestrator.stop``."""
        self._portal.call(self._async.stop)

    def engine_running(self) -> bool:
        """Return whether another engine works; see ``storeorch.Orchestrator.engine_running``."""
        return self._call(self._async.engine_running)

    def orphans(self) -> Sequence[str]:
        """Return namespaces without a store; see ``storeorch.Orchestrator.orphans``."""
        return self._call(self._async.orphans)

    def check_environment(self) -> Sequence[Check]:
        """Look at the environment; see ``storeorch.Orchestrator.check_environment``."""
        return self._call(self._async.check_environment)

    def require_environment(self) -> None:
        """Verify the environment; see ``storeorch.Orchestrator.require_environment``."""
        self._call(self._async.require_environment)

    @classmethod
    def upgrade_database(cls, settings: Settings | None = None) -> bool:
        """Bring the schema up to date; see ``storeorch.Orchestrator.upgrade_database``."""
        with start_blocking_portal("asyncio") as portal:
            return portal.call(AsyncOrchestrator.upgrade_database, settings)

    @property
    def _portal(self) -> BlockingPortal:
        if self._open_portal is None:
            msg = "An Orchestrator is used with 'with'."
            raise RuntimeError(msg)
        return self._open_portal

    def _call(self, function: Callable[[], Awaitable[T]]) -> T:
        return self._portal.call(function)

    def _iterate(self, source: AsyncGenerator[T]) -> Iterator[T]:
        try:
            while True:
                try:
                    yield self._call(source.__anext__)
                except StopAsyncIteration:
                    return
        finally:
            if self._open_portal is not None:
                self._call(source.aclose)
