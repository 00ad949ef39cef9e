"""The crash matrix: the life of a store, with a worker that dies once, at each point in turn.

Points are the begin and the end of every call of a port, both sides of every commit,
and the places between two effects of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from typing_extensions import override

from storeorch.lifecycle import Declaration
from storeorch.models import Status
from storeorch.testing.clock import VirtualClock
from storeorch.testing.simulation.circumstances import Circumstances, Shop
from storeorch.testing.simulation.course import Course
from storeorch.testing.simulation.history import History, run_course
from storeorch.testing.simulation.people import Remembered
from storeorch.testing.simulation.promises import CONVERGENCE

_PATIENCE: Final = 600.0
"""Seconds without faults after which a store is not going to get there any more."""


class Phase(StrEnum):
    """The part of a store's life in which the worker dies."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class _Life(Course):
    """One store is created, updated and deleted, each once the one before is done."""

    def __init__(self, shop: Shop, clock: VirtualClock, crash_at: int | None) -> None:
        self.begins: dict[Phase, int] = {}
        self._shop = shop
        super().__init__(
            _circumstances(), [shop], clock, crash_at=-1 if crash_at is None else crash_at
        )

    @override
    async def take(self) -> None:
        first, second = self._shop.variants[:2]
        async with self.taking_part():
            (person,) = self.people
            self._begin(Phase.CREATE)
            known = await person.create(self._shop, first)
            await self._wait(known, Status.READY)
            self._begin(Phase.UPDATE)
            await person.update(known, second)
            await self._wait(known, Status.READY)
            self._begin(Phase.DELETE)
            await person.say(Declaration.DELETE, known)
            await self._wait(known, None)

    def _begin(self, phase: Phase) -> None:
        self.begins[phase] = len(self.plan.trace)

    async def _wait(self, known: Remembered, status: Status | None) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            row = self.repository.rows.get(known.id)
            if row is None and status is None:
                return
            if row is not None and row.lease_owner is None:
                store = row.store
                if store.status is status and store.observed_generation == store.generation:
                    return
            if loop.time() > until:
                self.promises.note(CONVERGENCE, f"{known.name} does not become {status}")
                return
            await asyncio.sleep(0.25)


def crash_matrix(shop: Shop, phase: Phase) -> Iterator[tuple[str, History]]:
    """Run the life of a store once for each point of a phase, with a crash there.

    Args:
        shop: The store's type, with two variants of its parameters.
        phase: The part of its life.

    Yields:
        The point's name, and what became of the store.
    """
    life, _ = _live(shop, None)
    begins = [*life.begins.values(), len(life.plan.trace)]
    index = list(life.begins).index(phase)
    for number in range(begins[index], begins[index + 1]):
        crashed, history = _live(shop, number)
        point = crashed.plan.trace[number]
        if point.fault is not None:
            yield f"{point.process} {point.name}", history


def _live(shop: Shop, crash_at: int | None) -> tuple[_Life, History]:
    clock = VirtualClock()
    life = _Life(shop, clock, crash_at)
    return life, run_course(life, [shop], clock)


def _circumstances() -> Circumstances:
    return Circumstances(
        seed=0,
        workers=1,
        stores=1,
        trouble_seconds=0,
        rate=0,
        kinds=frozenset(),
        stalls=0,
        gap=1e9,
        ready_lag=0.5,
        terminating_lag=0.5,
        watch_lag=0.05,
        helm_slowest=0.1,
        settings={"lease_duration": 6, "backoff_cap": 20},
    )
