"""The library's front door: declare stores, look at them, wait for them.

This module owns the wiring of adapters, engine and plugins. It imports adapters
only when they are needed, so that reading the database alone stays cheap.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from storeorch.access import StoreAccess
from storeorch.clock import SystemClock
from storeorch.declaring import host_of, merge, new_store, problem, problems_of
from storeorch.engine import Engine, running
from storeorch.environment import Check, check_all, require_all
from storeorch.errors import NameTaken
from storeorch.lifecycle import Declaration
from storeorch.models import FieldProblem, OwnerLimits, Store
from storeorch.plugins import PluginInfo, Plugins, load_plugins
from storeorch.reconciler import Reconciler, World
from storeorch.settings import Settings
from storeorch.storetype import StoreType

if TYPE_CHECKING:
    from storeorch.ports import Clock, Cluster, Hosts, Releases, Repository
    from storeorch.wiring import Adapters


class Orchestrator(StoreAccess):
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
        self.settings = settings
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
        owner: str | None = None,
        limits: OwnerLimits | None = None,
        key: str | None = None,
    ) -> Store:
        """Declare a store; it is accepted when this returns, and made by an engine.

        Args:
            name: Lower-case DNS label of 1 to 40 characters, unique in the cluster.
            type: Name of the store type.
            parameters: Checked against the type's model; see ``StoreType.parameters``.
            actor: Who is named in the history; defaults to the setting.
            owner: Whom the store belongs to, 1 to 200 printable characters.
            limits: What that owner may have, held in the transaction that declares.
            key: Names this declaration, 1 to 255 printable characters. Said again
                with the same key it returns the store that it made, and makes no other.

        Raises:
            InvalidStoreName: The name is not possible, or the platform's own.
            UnknownStoreType: No plugin offers the type.
            InvalidParameters: The parameters do not fit.
            InvalidDeclaration: Owner or key are not possible.
            NameTaken: A store of this name exists.
            StoreIsDeleting: One exists and is being deleted.
            OwnerLimitReached: The owner may not declare more.
            KeyReused: The key was used for another declaration, or its store is gone.
        """
        new = new_store(
            self._plugins,
            self.settings,
            name=name,
            type_=type,
            parameters=parameters or {},
            owner=owner,
            key=key,
        )
        return await self._repository.create(
            new, actor=actor or self.settings.actor, limits=limits, once=key is not None
        )

    async def validate(
        self,
        name: str | None = None,
        *,
        type: str,  # noqa: A002 - as in ``create``
        parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[FieldProblem]:
        """Return what a declaration would be refused for, field by field; nothing is written.

        Args:
            name: Name of a new store; None where only parameters are of interest.
            type: Name of the store type.
            parameters: As for ``create``.
        """
        found = problems_of(
            self._plugins, self.settings, name=name, type_=type, parameters=parameters or {}
        )
        refused = any(each.field == ("name",) for each in found)
        if name and not refused and await self._repository.find(name) is not None:
            taken = NameTaken(f"A store named {name} exists already.")
            found.insert(0, problem(("name",), taken))
        return found

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
        checked = offered.check(merge(store.parameters, parameters))
        # A host that no parameter gave stays, whatever the setting has become since.
        chosen = offered.host(checked) != offered.host(offered.check(store.parameters))
        return await self._repository.declare(
            store.id,
            Declaration.UPDATE,
            actor=actor or self.settings.actor,
            parameters=checked.model_dump(mode="json", exclude_unset=True),
            host=host_of(self.settings, store.name, offered, checked) if chosen else None,
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

    # -- types and plugins ----------------------------------------------------

    def types(self) -> Sequence[StoreType]:
        """Return the store types that can be asked for, by name."""
        return [self._plugins.types[name] for name in sorted(self._plugins.types)]

    @override
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
        own = self._engine.worker if self._engine else None
        return any(worker.name != own for worker in await self.engines())

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

    @property
    @override
    def _cluster(self) -> Cluster:
        return self._connected().cluster

    async def _open_database(self) -> Repository:
        from storeorch.db import SqlRepository  # noqa: PLC0415 - heavy

        opening = SqlRepository.open(
            self.settings.database_url,
            cluster=self.settings.cluster,
            connections=self.settings.database_connections,
        )
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

    async def _declare(self, name_or_id: str, declaration: Declaration, actor: str | None) -> Store:
        store = await self.get(name_or_id)
        return await self._repository.declare(
            store.id, declaration, actor=actor or self.settings.actor
        )
