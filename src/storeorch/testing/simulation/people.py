"""The people of a history: they declare stores, through a connection that may fail.

They remember what was acknowledged. What was not may have happened or not, so they
allow both.

This module must know no engine.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from storeorch.errors import DatabaseUnavailable
from storeorch.lifecycle import Declaration
from storeorch.models import NewStore, Store
from storeorch.names import host_for, namespace_for
from storeorch.settings import Settings
from storeorch.testing.faults import Crash, FaultKind, FaultPlan
from storeorch.testing.rows import Row
from storeorch.testing.simulation.circumstances import Shop
from storeorch.testing.simulation.doubles import SimulatedRepository
from storeorch.testing.simulation.journal import Journal
from storeorch.testing.simulation.process import SimulatedProcess

_SHARES: Final = {"update": 0.45, "retry": 0.2, "delete": 0.35}


@dataclass(slots=True)
class Remembered:
    """What somebody remembers of one store.

    Attributes:
        id: Its id.
        name: Its name.
        acknowledged: Whether its creation was.
        generation: The newest that was acknowledged.
        parameters: What may have been declared, as far as they know.
        deletion: Whether it may have been declared.
        deletion_acknowledged: Whether that was acknowledged.
    """

    id: str
    name: str
    acknowledged: bool = False
    generation: int = 0
    parameters: list[dict[str, Any]] = field(default_factory=list)
    deletion: bool = False
    deletion_acknowledged: bool = False

    def complaint(self, row: Row | None) -> str | None:
        """Say what was acknowledged and is lost, or None."""
        if row is None:
            if self.acknowledged and not self.deletion:
                return f"the store {self.name} is lost"
            return None
        if self.deletion_acknowledged:
            return f"the deletion of {self.name} is lost"
        if row.store.generation < self.generation:
            return f"a declaration of {self.name} is lost"
        if self.parameters and dict(row.store.parameters) not in self.parameters:
            return f"the parameters of {self.name} are not those that were declared"
        return None


class Person:
    """Declares the stores of one name, one after the other.

    Args:
        name: Name of the stores.
        shops: What to choose from.
        settings: Domain and cluster of the stores.
        plan: What strikes their connection.
        repository: The database.
        rng: Of all that they do.
        journal: Where it is noted.

    Attributes:
        remembered: All stores that they may have declared.
        announce: Told of each store before it is declared for the first time.
    """

    def __init__(
        self,
        name: str,
        *,
        shops: Sequence[Shop],
        settings: Settings,
        plan: FaultPlan,
        repository: SimulatedRepository,
        rng: random.Random,
        journal: Journal,
    ) -> None:
        self.remembered: list[Remembered] = []
        self.announce: Callable[[NewStore], None] | None = None
        self._name = name
        self._shops = shops
        self._settings = settings
        self._rng = rng
        self._journal = journal
        self._true = repository
        self._who = f"person-{name}"
        process = SimulatedProcess(
            plan, self._who, spared=frozenset({FaultKind.CRASH, FaultKind.CANCEL})
        )
        self._repository = process.wrap(repository.connect(), "repository", DatabaseUnavailable)

    async def live(self, seconds: float) -> None:
        """Declare this and that for so many seconds, the first thing soon."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        await asyncio.sleep(self._rng.random() * 3)
        while loop.time() < until:
            if not self.remembered or self._row(self.remembered[-1]) is None:
                shop = self._rng.choice(self._shops)
                await self._create(shop, self._parameters(shop))
            else:
                await self._say(self._choose(), self.remembered[-1])
            await asyncio.sleep(self._rng.expovariate(2 / seconds))

    async def create(self, shop: Shop, parameters: Mapping[str, Any]) -> Remembered:
        """Declare a store of that type."""
        return await self._create(shop, dict(parameters))

    async def update(self, known: Remembered, parameters: Mapping[str, Any]) -> None:
        """Declare other parameters of a store."""
        await self._say(Declaration.UPDATE, known, dict(parameters))

    async def say(self, declaration: Declaration, known: Remembered) -> None:
        """Declare something of a store."""
        await self._say(declaration, known)

    def _choose(self) -> Declaration:
        return Declaration(self._rng.choices(list(_SHARES), list(_SHARES.values()))[0])

    async def _create(self, shop: Shop, parameters: dict[str, Any]) -> Remembered:
        store_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        known = Remembered(store_id, self._name, parameters=[parameters])
        new = NewStore(
            id=store_id,
            name=self._name,
            type=shop.store_type.name,
            parameters=parameters,
            cluster=self._settings.cluster,
            namespace=namespace_for(self._name, store_id),
            host=host_for(self._name, self._settings.domain),
            helm_release=self._name,
        )
        self.remembered.append(known)
        if self.announce is not None:
            self.announce(new)
        store = await self._call("create", lambda: self._repository.create(new, actor=self._who))
        if store is not None:
            known.acknowledged = True
            known.generation = 1
        return known

    async def _say(
        self,
        declaration: Declaration,
        known: Remembered,
        parameters: dict[str, Any] | None = None,
    ) -> None:
        row = self._row(known)
        if row is None:
            return
        if declaration is Declaration.UPDATE:
            shop = next(s for s in self._shops if s.store_type.name == row.store.type)
            parameters = self._parameters(shop) if parameters is None else parameters
            known.parameters.append(parameters)
        known.deletion = known.deletion or declaration is Declaration.DELETE
        store = await self._call(
            declaration.value,
            lambda: self._repository.declare(
                known.id, declaration, actor=self._who, parameters=parameters
            ),
        )
        if store is None:
            return
        known.generation = store.generation
        if parameters is not None:
            known.parameters = [parameters]
        if declaration is Declaration.DELETE:
            known.deletion_acknowledged = True

    async def _call(self, what: str, call: Callable[[], Awaitable[Store]]) -> Store | None:
        """Return what was acknowledged, or None where the outcome is unknown or refused."""
        now = asyncio.get_running_loop().time
        try:
            store = await call()
        except Crash:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, they were told no outcome
            self._journal.write(now(), self._who, f"{what}: {type(error).__name__}")
            return None
        self._journal.write(now(), self._who, f"{what}: generation {store.generation}")
        return store

    def _parameters(self, shop: Shop) -> dict[str, Any]:
        checked = shop.store_type.check(self._rng.choice(shop.variants))
        return checked.model_dump(mode="json", exclude_unset=True)

    def _row(self, known: Remembered) -> Row | None:
        return self._true.rows.get(known.id)
