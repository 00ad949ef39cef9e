"""The library's front door: declare stores, look at them, wait for them.

This module owns the wiring of adapters, engine and plugins. It imports adapters
only when they are needed, so that reading the database alone stays cheap.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from typing_extensions import override

from storeorch.clock import SystemClock
from storeorch.engine import ALIVE_SECONDS, Engine, running
from storeorch.environment import Check, check_all, require_all
from storeorch.errors import InvalidParameters
from storeorch.lifecycle import Declaration
from storeorch.models import (
    NewStore,
    Store,
)
from storeorch.names import check_not_reserved, check_store_name, host_for, namespace_for
from storeorch.plugins import PluginInfo, Plugins, load_plugins
from storeorch.reconciler import Reconciler, World
from storeorch.settings import Settings
from storeorch.storetype import StoreType
from storeorch.views import StoreViews

if TYPE_CHECKING:
    from pydantic import BaseModel

    from storeorch.ports import Clock, Hosts, LogLine, Releases, Repository
    from storeorch.wiring import Adapters


class Orchestrator(StoreViews):
    """Declares stores and watches them; with an engine inside it also makes them.

    ```python
    async with Orchestrator.from_settings() as o:
        store = await o.create("my-store", type="woocommerce")
        await o.wait(store.id)
    ```

    Args:
        settings: All settings.
        plugins: The store types that are offered.
        engine: Whether an engine runs inside, from entering to leaving.
        only: Ids of the stores that the engine inside works on; None means all.
        adapters: Makes the adapters to cluster, Helm and hosts; for tests.
        repository: An open repository to use instead of the settings' database.
        clock: Time.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Plugins,
        *,
        engine: bool = True,
        only: Sequence[str] | None = None,
        adapters: Callable[[], Adapters] | None = None,
        repository: Repository | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings: Final = settings
        self._plugins = plugins
        self._engine_inside = engine
        self._only = only
        self._clock = clock or SystemClock()
        self._make_adapters = adapters or self._wire
        self._adapters: Adapters | None = None
        self._given_repository = repository
        self._open_repository: Repository | None = None
        self._engine: Engine | None = None
        self._stack = AsyncExitStack()

    @classmethod
    def from_settings(
        cls,
        settings: Settings | None = None,
        *,
        engine: bool = True,
        only: Sequence[str] | None = None,
    ) -> Self:
        """Make one from the environment and the installed plugins.

        Args:
            settings: Settings to use; None reads them from the environment.
            engine: Whether an engine runs inside. Several engines, in any number of
                processes, share the work of one database.
            only: Ids of the stores that the engine inside works on; None means all.

        Raises:
            EnvironmentNotReady: A setting has a value that is not possible.
        """
        return cls(settings or Settings.load(), load_plugins(), engine=engine, only=only)

    async def __aenter__(self) -> Self:
        """Open the database, and start the engine where one was asked for.

        Raises:
            DatabaseUnavailable: The database cannot be used.
            DatabaseOutdated: Its schema is not that of this version.
        """
        await self._stack.__aenter__()
        try:
            self._open_repository = self._given_repository or await self._open_database()
            if self._engine_inside:
                await self.start_engine(only=self._only)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the engine inside and close everything."""
        await self._close()

    # -- declaring ------------------------------------------------------------

    async def create(
        self,
        name: str,
        *,
        type: str,  # noqa: A002 - the word that users know
        parameters: Mapping[str, Any] | None = None,
        actor: str | None = None,
    ) -> Store:
        """Declare a store; it is accepted when this returns, and made by an engine.

        Args:
            name: Lower-case DNS label of 1 to 40 characters, unique in the cluster.
            type: Name of the store type.
            parameters: Checked against the type's model; see ``StoreType.parameters``.
            actor: Who is named in the history; defaults to the setting.

        Raises:
            InvalidStoreName: The name is not possible, or the platform's own.
            UnknownStoreType: No plugin offers the type.
            InvalidParameters: The parameters do not fit.
            NameTaken: A store of this name exists.
            StoreIsDeleting: One exists and is being deleted.
        """
        check_store_name(name)
        check_not_reserved(name, self.settings.reserved_names)
        offered = self.type(type)
        checked = offered.check(parameters or {})
        store_id = str(uuid.uuid4())
        new = NewStore(
            id=store_id,
            name=name,
            type=type,
            parameters=checked.model_dump(mode="json", exclude_unset=True),
            cluster=self.settings.cluster,
            namespace=namespace_for(name, store_id),
            host=self._host(name, offered, checked),
            helm_release=name,
        )
        return await self._repository.create(new, actor=actor or self.settings.actor)

    async def update(
        self,
        name_or_id: str,
        *,
        parameters: Mapping[str, Any],
        actor: str | None = None,
    ) -> Store:
        """Declare new parameters, merged over the present ones.

        Args:
            name_or_id: The store.
            parameters: What changes; nested mappings are merged key by key.
            actor: Who is named in the history.

        Raises:
            StoreNotFound: There is no such store.
            InvalidParameters: The result does not fit the type's model.
            StoreIsDeleting: It is being deleted.
        """
        store = await self.get(name_or_id)
        offered = self.type(store.type)
        checked = offered.check(_merge(store.parameters, parameters))
        # A host that no parameter gave stays, whatever the setting has become since.
        chosen = offered.host(checked) != offered.host(offered.check(store.parameters))
        return await self._repository.declare(
            store.id,
            Declaration.UPDATE,
            actor=actor or self.settings.actor,
            parameters=checked.model_dump(mode="json", exclude_unset=True),
            host=self._host(store.name, offered, checked) if chosen else None,
        )

    async def retry(self, name_or_id: str, *, actor: str | None = None) -> Store:
        """Have another attempt made at a store that failed, is degraded or backs off.

        Raises:
            StoreNotFound: There is no such store.
            InvalidTransition: It is ready.
            StoreIsDeleting: It is being deleted.
        """
        return await self._declare(name_or_id, Declaration.RETRY, actor)

    async def delete(self, name_or_id: str, *, actor: str | None = None) -> Store:
        """Declare that a store is no longer wanted; saying so again changes nothing.

        Raises:
            StoreNotFound: There is no such store.
        """
        return await self._declare(name_or_id, Declaration.DELETE, actor)

    # -- looking inside -------------------------------------------------------

    async def logs(
        self, name_or_id: str, *, follow: bool = False, tail: int = 100
    ) -> AsyncGenerator[LogLine]:
        """Yield what the containers of a store have written.

        Args:
            name_or_id: The store.
            follow: Go on as they write, until all of them have ended.
            tail: How many of the last lines of each container to begin with.

        Raises:
            StoreNotFound: There is no such store.
            ClusterRefused: The node of a pod does not hand out its logs.
            EnvironmentNotReady: The cluster cannot be asked.
        """
        store = await self.get(name_or_id)
        lines = self._connected().cluster.logs(store.namespace, follow=follow, tail=tail)
        async for line in lines:
            yield line

    # -- types and plugins ----------------------------------------------------

    def types(self) -> Sequence[StoreType]:
        """Return the store types that can be asked for, by name."""
        return [self._plugins.types[name] for name in sorted(self._plugins.types)]

    def type(self, name: str) -> StoreType:
        """Return a store type.

        Raises:
            UnknownStoreType: No plugin offers it.
        """
        return self._plugins.type(name)

    def plugins(self) -> Sequence[PluginInfo]:
        """Return what is known of each plugin, broken ones included."""
        return self._plugins.infos

    # -- engine ---------------------------------------------------------------

    async def start_engine(self, *, only: Sequence[str] | None = None) -> None:
        """Start an engine inside, unless one runs here already.

        Args:
            only: Ids of the stores it works on; None means all.
        """
        if self._engine is not None:
            for store_id in only or ():
                self._engine.include(store_id)
            return
        self._engine = await self._stack.enter_async_context(running(self._make_engine(only)))

    async def run(self) -> None:
        """Run an engine until ``stop`` is called or the task is cancelled."""
        self._engine = self._make_engine(self._only)
        try:
            await self._engine.run()
        finally:
            self._engine = None

    def stop(self) -> None:
        """Have the engine inside take no new work and end."""
        if self._engine is not None:
            self._engine.stop()

    async def engine_running(self) -> bool:
        """Return whether an engine of another process works on this database."""
        workers = await self._repository.workers(seen_within=ALIVE_SECONDS)
        own = self._engine.worker if self._engine else None
        return any(worker.name != own for worker in workers)

    async def orphans(self) -> Sequence[str]:
        """Return namespaces that carry our label and belong to no store of the database."""
        cluster = self._connected().cluster
        # A store that is declared meanwhile is in neither look; one that is gone, not in the last.
        labelled = set(await cluster.orphans(lambda store_id: False))  # noqa: ARG005
        known: set[str] = set()
        cursor: str | None = None
        while True:
            page = await self.list(cursor=cursor, limit=1000)
            known.update(store.id for store in page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
        found = await cluster.orphans(known.__contains__)
        return [namespace for namespace in found if namespace in labelled]

    # -- environment ----------------------------------------------------------

    async def check_environment(self) -> Sequence[Check]:
        """Look at everything an engine needs, and name the fix of what is missing."""
        return await check_all(self._connected())

    async def require_environment(self) -> None:
        """Verify that an engine could work here; nothing is written.

        Raises:
            EnvironmentNotReady: The first thing that is missing.
        """
        await require_all(self._connected())

    @classmethod
    async def upgrade_database(cls, settings: Settings | None = None) -> bool:
        """Bring the database to the schema of this version.

        Returns:
            Whether anything had to be done.

        Raises:
            DatabaseUnavailable: The database cannot be used.
            DatabaseOutdated: It was written by a newer version of storeorch.
        """
        from storeorch.db import upgrade_database  # noqa: PLC0415 - heavy

        return await upgrade_database((settings or Settings.load()).database_url)

    # -- inside ---------------------------------------------------------------

    async def _close(self) -> None:
        self.stop()
        self._engine = None
        self._adapters = None
        try:
            await self._stack.aclose()
        finally:
            self._open_repository = None

    @property
    @override
    def _repository(self) -> Repository:
        if self._open_repository is None:
            msg = "An Orchestrator is used with 'async with'."
            raise RuntimeError(msg)
        return self._open_repository

    async def _open_database(self) -> Repository:
        from storeorch.db import SqlRepository  # noqa: PLC0415 - heavy

        opening = SqlRepository.open(self.settings.database_url, cluster=self.settings.cluster)
        return await self._stack.enter_async_context(opening)

    def _wire(self) -> Adapters:
        from storeorch.wiring import connect  # noqa: PLC0415 - heavy

        return connect(self.settings, self._plugins.executable, self._clock)

    def _connected(self) -> Adapters:
        if self._adapters is None:
            self._adapters = self._make_adapters()
            self._stack.push_async_callback(self._adapters.close)
        return self._adapters

    def _make_engine(self, only: Sequence[str] | None) -> Engine:
        adapters = self._connected()
        hosts: Hosts = adapters.hosts
        releases: Releases = adapters.releases
        reconciler = Reconciler(
            repository=self._repository,
            type_of=self._plugins.type,
            world=World(adapters.cluster, releases, hosts, self._clock, adapters.visitor),
            settings=self.settings,
        )
        return Engine(
            repository=self._repository,
            reconcile=reconciler.reconcile,
            watch=adapters.cluster.watch,
            clock=self._clock,
            settings=self.settings,
            worker=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
            only=only,
        )

    def _host(self, name: str, offered: StoreType, parameters: BaseModel) -> str:
        """Return the host of a store; neither the platform's own nor below its domain, if chosen.

        Hosts below the platform's domain go by name, so that a store cannot choose the
        address of one that is still to come.
        """
        own = host_for(name, self.settings.domain)
        chosen = offered.host(parameters)
        if chosen is None or chosen == own:
            return own
        if chosen == self.settings.domain or chosen.endswith(f".{self.settings.domain}"):
            raise InvalidParameters(
                f"The host {chosen} belongs to the platform.",
                hint=f"Hosts below {self.settings.domain} go by the names of stores: leave the "
                "parameter out, or give a host of a domain of your own.",
            )
        return chosen

    async def _declare(self, name_or_id: str, declaration: Declaration, actor: str | None) -> Store:
        store = await self.get(name_or_id)
        return await self._repository.declare(
            store.id, declaration, actor=actor or self.settings.actor
        )


def _merge(present: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(present)
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(before, value)
        else:
            merged[key] = value
    return merged
