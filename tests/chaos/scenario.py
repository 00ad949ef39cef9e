"""One run: servers, workers, declarations and disturbances together, and the verdict.

Nothing is polled that can be waited for; what sleeps here is the disturbance itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos import final_state, row_audit, script
from tests.chaos.declarer import Declarer
from tests.chaos.helm_journal import HelmJournal, count
from tests.chaos.report import Report
from tests.chaos.script import Disturbance, Fault, Kind, Options, Script
from tests.chaos.workers import Worker
from tests.integration.api import Api
from tests.postgresql import PostgresServer

from storeorch import Orchestrator, Settings
from storeorch.plugins import load_plugins
from storeorch_devcluster import EmbeddedCluster

DATABASE: Final = "chaos"
DECLARER: Final = "declarer"
HOSTS: Final = "127.0.0.1 localhost\n"

_RELEASES_AT_ONCE: Final = 2
"""Helm processes of one worker at once."""

_SOON: Final = 0.5
"""A worker that is killed as soon as this is not waited for: it is killed while it starts."""

_END_SECONDS: Final = 60.0
"""Time that a worker may take to end in good order; it is told to take ten seconds."""

Say = Callable[[str], None]


class Pace:
    """Counts the disturbances; others wait for a number of them."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self._total = total
        self._counted = asyncio.Condition()

    async def count(self) -> None:
        """Count one."""
        async with self._counted:
            self.done += 1
            self._counted.notify_all()

    async def reached(self, number: int) -> None:
        """Wait until there were that many, or all."""
        number = min(number, self._total)
        async with self._counted:
            await self._counted.wait_for(lambda: self.done >= number)


@dataclass(frozen=True)
class Stage:
    """Everything that a run takes place on.

    Attributes:
        cluster: The cluster.
        database: The database server.
        journal: Who started Helm for what.
        workers: The engines.
        declarer: Who declares.
        hosts: The hosts file that all engines write.
    """

    cluster: EmbeddedCluster
    database: PostgresServer
    journal: HelmJournal
    workers: Sequence[Worker]
    declarer: Declarer
    hosts: Path


async def run(options: Options, folder: Path, say: Say) -> Report:
    """Carry out one run.

    Args:
        options: How long and how hard.
        folder: Where everything is written; the logs of the workers stay there.
        say: Told what happens.
    """
    plot = script.write(options)
    async with _stage(options, folder) as stage:
        pace = Pace(options.kills)
        faults: dict[Fault, int] = {}
        for worker in stage.workers:
            await worker.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_declare(stage, plot, pace, say))
            tasks.create_task(_break_servers(stage, plot, pace, faults, say))
            for number, worker in enumerate(stage.workers):
                own = [each for each in plot.disturbances if each.victim == number]
                tasks.create_task(_disturb(worker, own, pace, options, say))
        say("nothing is disturbed any more; waiting until all stores are settled")
        unsettled = await _settle(stage, options.patience)
        say("ending the workers")
        await asyncio.gather(*(worker.end(_END_SECONDS) for worker in stage.workers))
        api = Api(stage.cluster.kubeconfig)
        try:
            state = await final_state.look(
                stage.declarer, api, stage.hosts.read_text().replace(HOSTS, ""), unsettled
            )
        finally:
            api.close()
        writes, told = await asyncio.to_thread(row_audit.read, stage.database, DATABASE)
        return Report(
            options=options,
            disturbances=plot.disturbances,
            declarations=plot.declarations,
            faults=faults,
            lost_answers=stage.declarer.lost,
            workers=stage.workers,
            state=state,
            helm=count(stage.journal.entries()),
            helm_alive=stage.journal.alive(),
            rows=row_audit.judge(writes, told, declarer=DECLARER),
            releases_at_once=_RELEASES_AT_ONCE,
        )


@asynccontextmanager
async def _stage(options: Options, folder: Path) -> AsyncIterator[Stage]:
    database = PostgresServer()
    cluster = EmbeddedCluster(folder / "cluster")
    workers: list[Worker] = []
    try:
        await asyncio.to_thread(database.start)
        url = await asyncio.to_thread(database.create, DATABASE)
        settings = Settings.load(
            database_url=f"{url}&application_name={DECLARER}", actor=DECLARER, log_file=None
        )
        await Orchestrator.upgrade_database(settings)
        row_audit.install(database, DATABASE)
        await asyncio.to_thread(cluster.start)
        plugins = load_plugins()
        helm = plugins.executable("helm")
        assert helm is not None, "the cluster brings no Helm"
        journal = HelmJournal(folder, helm)
        hosts = folder / "hosts"
        hosts.write_text(HOSTS)
        environ = {
            **{key: value for key, value in os.environ.items() if not _is_setting(key)},
            "KUBECONFIG": str(cluster.kubeconfig),
            "STOREORCH_HOSTS_FILE": str(hosts),
            "STOREORCH_HELM": str(journal.program),
            "STOREORCH_LEASE_DURATION": f"{options.lease:g}",
            "STOREORCH_MAX_RELEASES": str(_RELEASES_AT_ONCE),
            "STOREORCH_BACKOFF_BASE": "0.5",
            "STOREORCH_BACKOFF_CAP": "5",
        }
        workers += [Worker(f"w{number}", environ, url, folder) for number in range(options.workers)]
        async with Orchestrator(settings, plugins, engine=False) as orchestrator:
            yield Stage(cluster, database, journal, workers, Declarer(orchestrator), hosts)
    finally:
        for worker in workers:
            await worker.kill()
        await asyncio.to_thread(cluster.stop)
        await asyncio.to_thread(database.close)


def _is_setting(key: str) -> bool:
    return key.startswith("STOREORCH_") and key != "STOREORCH_DEV_CACHE"


async def _declare(stage: Stage, plot: Script, pace: Pace, say: Say) -> None:
    for declaration in plot.declarations:
        await pace.reached(declaration.at)
        await stage.declarer.declare(declaration)
    say(f"all {len(plot.declarations)} declarations are acknowledged")


async def _disturb(
    worker: Worker, own: Sequence[Disturbance], pace: Pace, options: Options, say: Say
) -> None:
    for each in own:
        if each.kind is Kind.STOP or each.after >= _SOON:
            await worker.running()
        await asyncio.sleep(each.after)
        if each.kind is Kind.KILL:
            await worker.kill()
            await asyncio.sleep(each.hold)
            await worker.start()
        else:
            worker.stop()
            await asyncio.sleep(each.hold)
            worker.go_on()
        await pace.count()
        if pace.done % 10 == 0:
            say(f"{pace.done} of {options.kills} disturbances")
    await worker.running()


async def _break_servers(
    stage: Stage, plot: Script, pace: Pace, faults: dict[Fault, int], say: Say
) -> None:
    for each in plot.faults:
        await pace.reached(each.at)
        if await asyncio.to_thread(_break, stage, each.fault):
            say(each.fault.value)
            faults[each.fault] = faults.get(each.fault, 0) + 1


def _break(stage: Stage, fault: Fault) -> bool:
    match fault:
        case Fault.API_RESTART:
            stage.cluster.restart("kube-apiserver")
        case Fault.API_KILL:
            stage.cluster.kill("kube-apiserver")
            stage.cluster.start()
        case Fault.DATABASE_RESTART:
            stage.database.restart()
        case Fault.DATABASE_KILL:
            stage.database.kill()
            stage.database.start()
        case Fault.BACKEND_KILL:
            return stage.database.kill_backend(DATABASE)
    return True


async def _settle(stage: Stage, patience: float) -> list[str]:
    """Wait until every store has come to rest; return the names of those that did not."""
    waits = {
        name: asyncio.create_task(stage.declarer.settled(wanted))
        for name, wanted in stage.declarer.wanted.items()
    }
    await asyncio.wait(waits.values(), timeout=patience)
    for task in waits.values():
        task.cancel()
    await asyncio.gather(*waits.values(), return_exceptions=True)
    return [name for name, task in waits.items() if task.cancelled()]
