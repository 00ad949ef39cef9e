"""One history of a seed: run it, and say what became of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from storeorch.testing.clock import VirtualClock
from storeorch.testing.simulation.circumstances import Circumstances, Shop
from storeorch.testing.simulation.course import Course
from storeorch.testing.simulation.journal import Entry
from storeorch.testing.simulation.picture import Ears, difference, undisturbed
from storeorch.testing.simulation.process import SimulatedLoop
from storeorch.testing.simulation.promises import CONVERGENCE, Breach


@dataclass(frozen=True, slots=True)
class History:
    """What became of a history.

    Attributes:
        seed: Its seed.
        entries: All that happened, in order.
        faults: How often each kind of fault and trouble came.
        breaches: Promises that were not kept.
        passes: How many passes there were over all stores.
        most_passes: The most that one store took once faults had stopped.
        lives: How often workers were started.
        seconds: How long it lasted, in virtual time.
    """

    seed: int
    entries: Sequence[Entry] = field(repr=False)
    faults: Counter[str]
    breaches: Sequence[Breach]
    passes: int
    most_passes: int
    lives: int
    seconds: float

    @property
    def digest(self) -> str:
        """SHA-256 of all that happened: the same for the same seed and the same program."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(f"{entry}\n".encode())
        return digest.hexdigest()


def simulate(seed: int, shops: Sequence[Shop] = (Shop(),), **settings: Any) -> History:
    """Run one history.

    Args:
        seed: Decides everything about it.
        shops: The store types that take part.
        **settings: Settings of the engines other than those that the seed chooses.
    """
    clock = VirtualClock()
    return run_course(Course(Circumstances.of(seed, **settings), shops, clock), shops, clock)


def run_course(course: Course, shops: Sequence[Shop], clock: VirtualClock) -> History:
    """Run the course of a history, and compare what is left with what was never disturbed.

    Args:
        course: What to run.
        shops: The store types that take part.
        clock: The course's clock.
    """
    with (
        _listening(course.ears),
        asyncio.Runner(loop_factory=lambda: SimulatedLoop(clock)) as runner,
    ):
        runner.run(course.run())
        lasted = clock.monotonic()
    if not course.promises.breaches:
        with _listening(Ears()):
            _compare(course, shops)
    faults = Counter({kind.value: n for kind, n in course.plan.injected.items()})
    faults.update(course.journal.troubles)
    return History(
        seed=course.seed,
        entries=course.journal.entries,
        faults=faults,
        breaches=course.promises.breaches,
        passes=course.passes,
        most_passes=course.most_passes,
        lives=course.lives,
        seconds=lasted,
    )


def _compare(course: Course, shops: Sequence[Shop]) -> None:
    """Compare what is left of each store with one that was never disturbed."""
    by_name = {shop.store_type.name: shop for shop in shops}
    for store, seen in course.left:
        expected = undisturbed(store, by_name[store.type], course.given)
        if differs := difference(seen, expected):
            course.promises.note(CONVERGENCE, f"{store.name} differs in: {differs}")


@contextmanager
def _listening(ears: Ears) -> Iterator[None]:
    """Hear what storeorch logs, and let nobody else hear it."""
    logger = logging.getLogger("storeorch")
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(ears)
    try:
        yield
    finally:
        logger.removeHandler(ears)
        logger.level, logger.propagate = before
