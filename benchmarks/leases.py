"""How many passes a second several engines get through on one PostgreSQL, and at what cost.

The stores are of a type that does nothing and wants to be looked at again at once, so
what is measured is the engine, the reconciler and the database: claim, pass, observation
and lease given back. Each engine is a process of its own. PostgreSQL runs on the same
machine and takes its share of it.

Prints for each number of engines: passes per second in all, database statements per
pass, and CPU milliseconds of an engine's own process per pass.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import event
from tests.postgresql import PostgresServer
from typing_extensions import override

from storeorch import Settings
from storeorch.clock import SystemClock
from storeorch.db import SqlRepository, upgrade_database
from storeorch.engine import Engine
from storeorch.models import Claim, NewStore
from storeorch.reconciler import Reconciler, World
from storeorch.storetype import Done, Outcome, Step, StoreContext, StoreType

DATABASE = "leases"


class Idle(Step):
    """Does nothing, and wants to be asked again."""

    name = "idle"
    condition = "Idle"

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        return Done("Nothing was done.", look_again_in=0)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        return Done("Nothing is left.")


class Nothing(BaseModel):
    """No parameters."""


class IdleType(StoreType):
    """A type that does nothing."""

    name = "idle"
    title = "Idle"
    description = "Does nothing."
    parameters = Nothing

    @override
    def steps(self) -> Sequence[Step]:
        return (Idle(),)


@dataclass(slots=True)
class Counts:
    """What one engine did.

    Attributes:
        passes: Passes that were concluded.
        statements: Statements that the database was sent.
        seconds: Time that it took.
        cpu: CPU seconds of the process.
    """

    passes: int = 0
    statements: int = 0
    seconds: float = 0
    cpu: float = 0


@asynccontextmanager
async def no_watch() -> AsyncIterator[AsyncIterator[str]]:
    """Watch a cluster in which nothing happens."""

    async def nothing() -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield ""

    yield nothing()


async def work(url: str, seconds: float) -> Counts:
    """Run one engine until the time is over."""
    counts = Counts()
    settings = Settings.load(database_url=url, log_file=None)
    async with SqlRepository.open(url) as repository:

        def count(*_arguments: object) -> None:
            counts.statements += 1

        event.listen(repository._engine.sync_engine, "before_cursor_execute", count)
        reconciler = Reconciler(
            repository=repository,
            type_of=lambda _name: IdleType(),
            world=cast("World", _World(SystemClock())),
            settings=settings,
        )

        async def reconcile(claim: Claim) -> None:
            await reconciler.reconcile(claim)
            counts.passes += 1

        engine = Engine(
            repository=repository,
            reconcile=reconcile,
            watch=no_watch,
            clock=SystemClock(),
            settings=settings,
            worker=f"bench-{uuid.uuid4().hex[:8]}",
        )
        running = asyncio.create_task(engine.run())
        await asyncio.sleep(seconds / 4)  # warm
        counts.passes = counts.statements = 0
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        done = Counts(
            counts.passes,
            counts.statements,
            time.perf_counter() - began,
            time.process_time() - cpu,
        )
        engine.stop()
        await running
    return done


@dataclass(slots=True)
class _World:
    clock: SystemClock
    cluster: Any = None
    releases: Any = None
    hosts: Any = None


async def declare(url: str, count: int) -> None:
    """Create stores of the type that does nothing."""
    async with SqlRepository.open(url) as repository:
        for number in range(count):
            store_id = str(uuid.uuid4())
            new = NewStore(
                id=store_id,
                name=f"idle-{number}",
                type="idle",
                parameters={},
                cluster="default",
                namespace=f"store-idle-{number}-{store_id[:8]}",
                host=f"idle-{number}.local.test",
                helm_release=f"idle-{number}",
            )
            await repository.create(new, actor="bench")


async def measure(url: str, engines: int, seconds: float) -> list[Counts]:
    """Run that many engines at once, each in a process of its own."""
    command = (sys.executable, __file__, "--engine", url, "--seconds", str(seconds))
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(*command, stdout=pipe) for _ in range(engines)
    ]
    answers = await asyncio.gather(*(process.communicate() for process in processes))
    return [Counts(**json.loads(out)) for out, _ in answers]


def report(engines: int, measured: Sequence[Counts]) -> None:
    """Print what some engines did together."""
    rate = sum(each.passes / each.seconds for each in measured)
    passes = sum(each.passes for each in measured) or 1
    statements = sum(each.statements for each in measured) / passes
    cpu = sum(each.cpu for each in measured) / passes
    print(
        f"{engines} engines: {rate:.0f} claims and releases per second,"
        f" {statements:.2f} statements per pass, {cpu * 1000:.2f} ms of own CPU per pass",
        flush=True,
    )


def main() -> int:
    """Start a PostgreSQL, declare the stores, run the engines, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=int, default=400, help="stores that do nothing")
    parser.add_argument("--seconds", type=float, default=8, help="time of one measurement")
    parser.add_argument("--engines", type=int, nargs="+", default=[1, 2, 4], help="engines at once")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        counts = asyncio.run(work(options.engine, options.seconds))
        fields = ("passes", "statements", "seconds", "cpu")
        print(json.dumps({name: getattr(counts, name) for name in fields}))
        return 0
    server = PostgresServer()
    try:
        server.start()
        url = server.create(DATABASE)
        asyncio.run(upgrade_database(url))
        asyncio.run(declare(url, options.stores))
        for engines in options.engines:
            report(engines, asyncio.run(measure(url, engines, options.seconds)))
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
