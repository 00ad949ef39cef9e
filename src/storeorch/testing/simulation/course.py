"""The course of a history: workers, people and weather on one virtual clock.

Trouble comes first. Then it ends, the people do what only people can, and every
store has to reach what it was declared to be. At the end all promises are judged.

This module must not know what is reported of a history.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from typing_extensions import override

from storeorch.errors import StoreorchError
from storeorch.lifecycle import Declaration
from storeorch.models import Status, Store
from storeorch.names import ownership_labels
from storeorch.settings import Settings
from storeorch.steps import HelmStoreType
from storeorch.storetype import StoreContext, StoreType
from storeorch.testing.clock import VirtualClock
from storeorch.testing.faults import Crash, FaultKind, FaultPlan
from storeorch.testing.simulation import verdict
from storeorch.testing.simulation.circumstances import (
    RESYNC_SECONDS,
    Circumstances,
    Shop,
    rng_of,
)
from storeorch.testing.simulation.doubles import (
    SimulatedCluster,
    SimulatedDatabase,
    SimulatedHosts,
    SimulatedRepository,
)
from storeorch.testing.simulation.helm import SimulatedReleases
from storeorch.testing.simulation.journal import Journal
from storeorch.testing.simulation.people import Person, Remembered
from storeorch.testing.simulation.picture import Ears, picture
from storeorch.testing.simulation.promises import (
    CONVERGENCE,
    DURABILITY,
    PromiseBroken,
    Promises,
)
from storeorch.testing.simulation.weather import IN_THE_WAY, LOST_DATA, Weather
from storeorch.testing.simulation.worker import CANARY, Worker

MANY_PASSES: Final = 60
"""Once faults have stopped, a store that takes more passes does not converge."""

_LONG: Final = 3600.0
"""A store that has not settled after so many seconds without faults never does."""

_ROUNDS: Final = 4
"""How often people try again what only they can, before it counts as hopeless."""

STRANGERS: Final[Mapping[str, dict[str, str]]] = {
    "shop-of-somebody": {"team": "theirs"},
    "store-old-0badc0de": ownership_labels("old", "0badc0de-0000-4000-8000-000000000000"),
}
"""Labels of namespaces that belong to somebody else, and to a store that no database knows."""


class JournalledPlan(FaultPlan):
    """A plan whose points go into a journal."""

    def __init__(self, journal: Journal, clock: VirtualClock, **how: Any) -> None:
        super().__init__(**how)
        self._journal = journal
        self._clock = clock

    @override
    def decide(self, process: str, name: str, possible: Collection[FaultKind]) -> FaultKind | None:
        fault = super().decide(process, name, possible)
        struck = f"  <- {fault.value}" if fault is not None else ""
        self._journal.write(self._clock.monotonic(), process, name + struck)
        return fault


class Course:
    """The parts of one history, and how they go together.

    Args:
        circumstances: What the seed has decided.
        shops: The store types that take part.
        clock: The clock of the loop that ``run`` is to run on.
        crash_at: Number of the point at which a worker dies; nothing else strikes then.

    Attributes:
        ears: Hears what is logged meanwhile, if added to the loggers.
        promises: What is judged.
        journal: What happened.
        plan: What struck.
        given: Settings of the engines.
        repository: The database.
        workers: The workers.
        people: Who declares stores.
        left: The stores that are left at the end, and their pictures.
        passes: How many passes there were over all stores.
        most_passes: The most that one store took once faults had stopped.
    """

    def __init__(
        self,
        circumstances: Circumstances,
        shops: Sequence[Shop],
        clock: VirtualClock,
        *,
        crash_at: int | None = None,
    ) -> None:
        self.ears = Ears()
        self._circumstances = circumstances
        self._clock = clock
        self._shops = {shop.store_type.name: shop for shop in shops}
        given = {"database_url": "sqlite://", "actor": "somebody", "log_file": None}
        self.given = {**given, **circumstances.settings}
        self._settings = Settings(_env_prefix="STOREORCH_SIMULATION_ONLY_", **self.given)
        self.journal = Journal()
        seed = circumstances.seed
        self.plan = JournalledPlan(
            self.journal,
            clock,
            seed=rng_of(seed, "faults").getrandbits(32),
            rate=circumstances.rate,
            kinds=circumstances.kinds,
            at=None if crash_at is None else {crash_at: FaultKind.CRASH},
        )
        checkpoint = self.plan.checkpoint
        database = SimulatedDatabase()
        self.repository = SimulatedRepository(clock, checkpoint=checkpoint, database=database)
        self._cluster = SimulatedCluster(
            clock,
            ready_lag=circumstances.ready_lag,
            terminating_lag=circumstances.terminating_lag,
            watch_lag=circumstances.watch_lag,
            checkpoint=checkpoint,
        )
        self._hosts = SimulatedHosts(checkpoint=checkpoint)
        self._releases = self._helm()
        self.promises = Promises(
            clock=clock,
            database=database,
            cluster=self._cluster,
            hosts=self._hosts,
            settings=self._settings,
            digest_of=self._digest_of,
            journal=self.journal,
        )
        database.witness = self.promises
        self._cluster.witness = self.promises
        self._hosts.witness = self.promises
        self.workers: list[Worker] = []
        self.people: list[Person] = []
        self.passes = 0
        self.most_passes = 0
        self._counting = False
        self.left: list[tuple[Store, Mapping[str, Any]]] = []

    @property
    def seed(self) -> int:
        """The seed of the history."""
        return self._circumstances.seed

    @property
    def lives(self) -> int:
        """How often workers were started."""
        return sum(worker.lives for worker in self.workers)

    # -- the course -----------------------------------------------------------

    async def run(self) -> None:
        """Live through the history, to its end or to the first breach."""
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        course = asyncio.ensure_future(self.take())
        broken = asyncio.ensure_future(self.promises.broken.wait())
        await asyncio.wait({course, broken}, return_when=asyncio.FIRST_COMPLETED)
        broken.cancel()
        course.cancel()
        with suppress(asyncio.CancelledError, PromiseBroken):
            await course

    async def take(self) -> None:
        """Live through trouble, and through what follows it."""
        async with self.taking_part() as weather:
            storm = asyncio.ensure_future(weather.live())
            trouble = self._circumstances.trouble_seconds
            await asyncio.gather(*(person.live(trouble) for person in self.people))
            storm.cancel()
            self.plan.active = False
            self.journal.write(self._clock.monotonic(), "world", "faults stop")
            await weather.clear_up()
            await self._converge(after=0)
            await self._roll_over()
            # What nobody was told of is found at the next resync.
            await self._converge(after=RESYNC_SECONDS * 1.2)

    @asynccontextmanager
    async def taking_part(self) -> AsyncIterator[Weather]:
        """Have workers run beside the body, and judge what there is in the end."""
        seed = self._circumstances.seed
        self.workers = [self._worker(n + 1) for n in range(self._circumstances.workers)]
        self.people = [self._person(n + 1) for n in range(self._circumstances.stores)]
        self._weather = Weather(
            rng=rng_of(seed, "weather"),
            gap=self._circumstances.gap,
            lease=self._settings.lease_duration,
            repository=self.repository,
            cluster=self._cluster,
            hosts=self._hosts,
            workers=self.workers,
            promises=self.promises,
            journal=self.journal,
        )
        for name, labels in STRANGERS.items():
            self._weather.add_stranger(name, labels)
        self._hosts.known[verdict.STRANGE_HOST] = verdict.STRANGE_HOST
        for person in self.people if self._circumstances.trouble_seconds else ():
            person.announce = self._weather.announced
        lives = [asyncio.ensure_future(worker.live()) for worker in self.workers]
        try:
            yield self._weather
            for worker in self.workers:
                await worker.retire()
            await asyncio.gather(*lives)
            self._judge()
        finally:
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)

    async def _converge(self, *, after: float) -> None:
        """Wait until every store is as declared, with people's help where only that helps.

        Args:
            after: Seconds to let pass before.
        """
        again: list[Remembered] = []
        for _ in range(_ROUNDS):
            self._count_passes()
            await asyncio.sleep(after)
            await self._settle()
            again = [
                known
                for person in self.people
                for known in person.remembered
                if (row := self.repository.rows.get(known.id)) is not None
                and row.store.status is not Status.READY
            ]
            if not again:
                self._count_passes()
                return
            for name in [name for name in self._weather.strangers if name not in STRANGERS]:
                self._weather.make_way(name)
            for person in self.people:
                for known in person.remembered:
                    if known in again:
                        await person.say(Declaration.RETRY, known)
        self.promises.note(CONVERGENCE, f"{again[0].name} fails however often it is retried")

    async def _settle(self) -> None:
        until = self._clock.monotonic() + _LONG
        while restless := self._restless():
            if self._clock.monotonic() > until:
                self.promises.note(CONVERGENCE, f"{restless} an hour after the last fault")
                return
            await asyncio.sleep(1)

    def _restless(self) -> str | None:
        """Say what has not settled yet, or None."""
        for row in self.repository.rows.values():
            store = row.store
            known = self._weather.excuses.get(store.id, set())
            at_rest = (
                store.status is Status.READY
                or (store.status is Status.FAILED and known)
                or (store.status is Status.DEGRADED and known & {LOST_DATA, IN_THE_WAY})
            )
            if not at_rest or store.observed_generation != store.generation:
                why = f": {store.error_message}" if store.fault else ""
                return f"{store.name} is {store.status.value}{why}"
            if row.lease_owner is not None:
                return f"{store.name} is held by {row.lease_owner}"
        return None

    async def _roll_over(self) -> None:
        """Restart every worker in good order while it has work, which it must give back."""
        rng = rng_of(self._circumstances.seed, "roll-over")
        for person in self.people:
            if person.remembered:
                await person.say(Declaration.UPDATE, person.remembered[-1])
        for worker in self.workers:
            await asyncio.sleep(rng.random() * 2)
            name = worker.process.name
            if await worker.restart():
                for row in self.repository.rows.values():
                    if row.lease_owner == name:
                        self.promises.note(
                            DURABILITY, f"{name} has stopped and still holds {row.store.name}"
                        )

    def _judge(self) -> None:
        """Judge what can be judged at the end only, and keep a picture of what is left."""
        remembered = [known for person in self.people for known in person.remembered]
        strangers = {name: STRANGERS.get(name, {}) for name in self._weather.strangers}
        promises, database = self.promises, self.repository.database
        for error in filter(None, (worker.failed for worker in self.workers)):
            promises.note(DURABILITY, f"an engine ended by itself: {error!r}")
        verdict.judge_memory(promises, database, remembered)
        verdict.judge_leftovers(promises, database, self._cluster, self._hosts, strangers)
        verdict.judge_strangers(promises, self._cluster, self._hosts, self._weather.strangers)
        verdict.judge_secrecy(promises, database, self.ears, CANARY)
        for row in self.repository.rows.values():
            self.left.append((row.store, picture(row.store, self._cluster, self._hosts)))

    # -- parts ----------------------------------------------------------------

    def _worker(self, number: int) -> Worker:
        return Worker(
            number,
            plan=self.plan,
            clock=self._clock,
            settings=self._settings,
            repository=self.repository,
            cluster=self._cluster,
            hosts=self._hosts,
            type_of=self._type_of,
            charts=self._learn_charts,
            helm_slowest=self._circumstances.helm_slowest,
            stalls=self._circumstances.stalls,
            rng=rng_of(self._circumstances.seed, f"worker-{number}"),
            journal=self.journal,
        )

    def _person(self, number: int) -> Person:
        return Person(
            f"shop-{number}",
            shops=list(self._shops.values()),
            settings=self._settings,
            plan=self.plan,
            repository=self.repository,
            rng=rng_of(self._circumstances.seed, f"person-{number}"),
            journal=self.journal,
        )

    def _helm(self) -> SimulatedReleases:
        releases = SimulatedReleases(
            self._cluster,
            lease=self._settings.lease_duration,
            rng=rng_of(self._circumstances.seed, "helm"),
            slowest=0,
        )
        self._learn_charts(releases)
        return releases

    def _learn_charts(self, releases: SimulatedReleases) -> None:
        for shop in self._shops.values():
            if isinstance(shop.store_type, HelmStoreType):
                releases.learn(shop.store_type.chart, shop.workloads)

    def _type_of(self, name: str) -> StoreType:
        return self._shops[name].store_type

    def _digest_of(self, store: Store) -> str | None:
        """Return what the release of a store as declared is made from."""
        store_type = self._type_of(store.type)
        if not isinstance(store_type, HelmStoreType):
            return None
        ctx = StoreContext(
            store=store,
            parameters=store_type.check(store.parameters),
            settings=self._settings,
            cluster=self._cluster,
            releases=self._releases,
            hosts=self._hosts,
            clock=self._clock,
        )
        return store_type.release_request(ctx).digest

    def _count_passes(self) -> None:
        """Begin to count passes anew, after judging those of the last count."""
        passes = self.promises.passes
        self.passes += sum(passes.values())
        if self._counting and passes:
            most = max(passes.values())
            self.most_passes = max(self.most_passes, most)
            if most > MANY_PASSES:
                self.promises.note(CONVERGENCE, f"a store took {most} passes without faults")
        self._counting = True
        passes.clear()

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Hear of errors that nobody has caught; dead processes and their last calls have some."""
        error = context.get("exception")
        if not isinstance(error, (Crash, PromiseBroken, StoreorchError, asyncio.CancelledError)):
            self.promises.note(DURABILITY, f"nobody caught: {context.get('message')} {error!r}")
