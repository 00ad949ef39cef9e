"""The whole of storeorch in memory: ports, reconciler and engines on one virtual clock.

This module must know no adapter.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from storeorch.engine import Engine
from storeorch.errors import UnknownStoreType
from storeorch.models import Claim, NewStore, Status, Store
from storeorch.names import check_store_name, host_for, namespace_for
from storeorch.ports import Cluster, Hosts, Releases, Repository, Visitor
from storeorch.reconciler import Reconciler, World
from storeorch.settings import Settings
from storeorch.storetype import StoreType
from storeorch.testing.checkpoint import Checkpoint, pass_by
from storeorch.testing.clock import VirtualClock, running_clock
from storeorch.testing.cluster import MemoryCluster
from storeorch.testing.hosts import MemoryHosts
from storeorch.testing.releases import MemoryReleases
from storeorch.testing.repository import MemoryRepository
from storeorch.testing.sample import SampleShop

SETTLED = frozenset({Status.READY, Status.DEGRADED, Status.FAILED})
"""Statuses in which a store stays until something happens."""


class Sandbox:
    """In-memory ports, and reconcilers and engines that work on them.

    Args:
        types: The store types that are offered; the sample shop unless given.
        clock: Time; unless given that of the running ``VirtualLoop``, or a new one.
        checkpoint: Given to all doubles, see ``FaultPlan.checkpoint``.
        seed: Of all jitter.
        **settings: Settings other than the defaults.

    Attributes:
        clock: Time.
        settings: Settings of the engines.
        repository: The database.
        cluster: The cluster.
        releases: Helm.
        hosts: Where hosts are made known.
        visitor: Asks for pages of stores; None asks no store.

    Example:
        >>> from storeorch.testing import Sandbox, run_virtual
        >>> sandbox = Sandbox()
        >>> async def main():
        ...     store = await sandbox.create("my-store")
        ...     return await sandbox.settle(store.id)
        >>> run_virtual(main(), clock=sandbox.clock).status.value
        'ready'
    """

    def __init__(
        self,
        types: Sequence[StoreType] = (),
        *,
        clock: VirtualClock | None = None,
        checkpoint: Checkpoint = pass_by,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        self.clock = clock or running_clock() or VirtualClock()
        # The prefix keeps the environment of whoever runs the tests out of them.
        given = {"database_url": "sqlite://", "actor": "tester", "log_file": None, **settings}
        self.settings = Settings(_env_prefix="STOREORCH_SANDBOX_ONLY_", **given)
        self.repository = MemoryRepository(self.clock, checkpoint=checkpoint)
        self.cluster = MemoryCluster(self.clock, checkpoint=checkpoint)
        self.releases = MemoryReleases(
            self.cluster, max_processes=self.settings.max_releases, checkpoint=checkpoint
        )
        self.hosts = MemoryHosts(checkpoint=checkpoint)
        self.visitor: Visitor | None = None
        self._types = {offered.name: offered for offered in (types or [SampleShop()])}
        self._rng = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def type_of(self, name: str) -> StoreType:
        """Return the store type of that name.

        Raises:
            UnknownStoreType: It is not offered.
        """
        if name not in self._types:
            raise UnknownStoreType
        return self._types[name]

    async def create(
        self,
        name: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        type_: str | None = None,
        actor: str = "tester",
    ) -> Store:
        """Declare a store of the first type, or of the one that is named."""
        offered = self.type_of(type_ or next(iter(self._types)))
        checked = offered.check(parameters or {})
        store_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        new = NewStore(
            id=store_id,
            name=check_store_name(name),
            type=offered.name,
            parameters=checked.model_dump(mode="json", exclude_unset=True),
            cluster=self.settings.cluster,
            namespace=namespace_for(name, store_id),
            host=offered.host(checked) or host_for(name, self.settings.domain),
            helm_release=name,
        )
        return await self.repository.create(new, actor=actor)

    def reconciler(
        self,
        *,
        repository: Repository | None = None,
        cluster: Cluster | None = None,
        releases: Releases | None = None,
        hosts: Hosts | None = None,
    ) -> Reconciler:
        """Return a reconciler, on ports other than the sandbox's own where given."""
        world = World(
            cluster=cluster or self.cluster,
            releases=releases or self.releases,
            hosts=hosts or self.hosts,
            clock=self.clock,
            visitor=self.visitor,
        )
        return Reconciler(
            repository=repository or self.repository,
            type_of=self.type_of,
            world=world,
            settings=self.settings,
            rng=random.Random(self._rng.getrandbits(64)),  # noqa: S311
        )

    def engine(
        self,
        worker: str = "worker-1",
        *,
        only: Sequence[str] | None = None,
        repository: Repository | None = None,
        cluster: Cluster | None = None,
        releases: Releases | None = None,
        hosts: Hosts | None = None,
    ) -> Engine:
        """Return an engine, on ports other than the sandbox's own where given.

        Like a process of its own, it has its own connection to the database.
        """
        repository = repository or self.repository.connect()
        reconciler = self.reconciler(
            repository=repository, cluster=cluster, releases=releases, hosts=hosts
        )
        return Engine(
            repository=repository,
            reconcile=reconciler.reconcile,
            watch=(cluster or self.cluster).watch,
            clock=self.clock,
            settings=self.settings,
            worker=worker,
            only=only,
        )

    async def claim(self, store_id: str, worker: str = "worker-1") -> Claim:
        """Take the lease of a store, due or not.

        Raises:
            LookupError: It is held by someone, or not there.
        """
        if row := self.repository.rows.get(store_id):
            row.due_at = self.clock.now()
        batch = await self.repository.claim(
            worker,
            limit=1,
            lease=self.settings.lease_duration,
            wanted=[store_id],
            only=[store_id],
        )
        if not batch.claims:
            raise LookupError(f"The store {store_id} cannot be claimed.")
        return batch.claims[0]

    async def walk(self, store_id: str) -> Store | None:
        """Run one pass over a store, due or not; returns it, or None once it is gone."""
        await self.reconciler().reconcile(await self.claim(store_id))
        return await self.repository.get(store_id)

    async def settle(
        self,
        store_id: str,
        *,
        until: Collection[Status] = SETTLED,
        engine: Engine | None = None,
        timeout: float = 86_400,
    ) -> Store | None:
        """Run an engine until a store has one of the statuses for its present generation.

        Args:
            store_id: The store.
            until: Those statuses.
            engine: The engine to run; a new one unless given.
            timeout: Virtual seconds after which to give up.

        Returns:
            The store, or None once it is gone.

        Raises:
            TimeoutError: It has none of them by then.
        """
        runner = engine or self.engine()
        async with self.repository.changes() as changes, asyncio.timeout(timeout):
            task = asyncio.create_task(runner.run())
            try:
                while True:
                    row = self.repository.rows.get(store_id)
                    if row is None:
                        return None
                    store = row.store
                    if store.status in until and store.observed_generation == store.generation:
                        return store
                    await changes.wait()
            finally:
                runner.stop()
                await task
