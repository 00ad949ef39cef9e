"""A place to work in: a database, a hosts file and a log of its own on the shared cluster.

What is set up here is environment variables only, so that the library in this
process and commands in others see the same.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from storeorch import Condition, Orchestrator, Settings, Store
from storeorch.clock import SystemClock
from storeorch.helm import HelmReleases
from storeorch.plugins import Plugins, load_plugins
from storeorch.wiring import Adapters, connect

from . import probe
from .api import PATIENCE, Api, Json

STOREORCH: Final = Path(sys.executable).parent / "storeorch"
HOSTS: Final = b"127.0.0.1 localhost\n\n# kept as it is\n10.1.2.3\tprinter  # third floor\n"


@dataclass(frozen=True)
class Ended:
    """What became of a command."""

    code: int
    out: str
    err: str

    def sentences(self) -> list[str]:
        return self.err.splitlines()


@dataclass
class Command:
    """A command that runs; what it says is kept line by line."""

    process: asyncio.subprocess.Process
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    _said: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def _read(self, stream: asyncio.StreamReader | None, into: list[str]) -> None:
        assert stream is not None
        async for line in stream:
            async with self._said:
                into.append(line.decode().rstrip("\n"))
                self._said.notify_all()

    async def says(self, text: str) -> None:
        """Wait until a line on standard error holds this text."""
        async with asyncio.timeout(PATIENCE), self._said:
            await self._said.wait_for(lambda: any(text in line for line in self.err))

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    async def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        await self.process.wait()

    async def ended(self) -> Ended:
        async with asyncio.timeout(PATIENCE):
            code = await self.process.wait()
        return Ended(code, "\n".join(self.out), "\n".join(self.err))


@dataclass
class Workplace:
    """The environment of one test.

    Attributes:
        folder: Where all its files are.
        api: The cluster.
        environ: The environment of commands.
        wired: The adapters of all orchestrators made here, in their order.
    """

    folder: Path
    api: Api
    environ: dict[str, str]
    wired: list[Adapters] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.folder / "storeorch.db"

    @property
    def hosts(self) -> Path:
        return self.folder / "hosts"

    @property
    def log(self) -> Path:
        return self.folder / "private" / "operator.log"

    @property
    def helm(self) -> Path:
        """The real Helm, as commands find it."""
        found = self.environ.get("STOREORCH_HELM") or shutil.which("helm")
        helm = Path(found) if found else load_plugins().executable("helm")
        assert helm is not None, "there is no Helm"
        return helm

    # -- this process ---------------------------------------------------------

    def orchestrator(
        self,
        *,
        engine: bool = True,
        plugins: Plugins | None = None,
        only: Sequence[str] | None = None,
        kubeconfig: Path | None = None,
        **settings: Any,
    ) -> Orchestrator:
        """Return an orchestrator whose adapters can be looked at, as wired by the library."""
        found = Settings.load(**settings)
        known = plugins or self.plugins()

        def adapters() -> Adapters:
            made = connect(found, known.executable, SystemClock())
            self.wired.append(made)
            return made

        return Orchestrator(found, known, engine=engine, only=only, adapters=adapters)

    def plugins(self, extra: object = probe) -> Plugins:
        """Return the installed plugins and the probe."""
        found = load_plugins()
        found.register(extra, "probe")
        return found

    @property
    def helm_started(self) -> int:
        """How many Helm processes the orchestrator that was made last has started."""
        releases = self.wired[-1].releases
        assert isinstance(releases, HelmReleases)
        return releases.started

    # -- other processes ------------------------------------------------------

    def environment(self, **extra: str) -> dict[str, str]:
        return {**self.environ, **extra}

    def install_probe(self) -> None:
        """Make the probe an installed distribution for commands of this workplace."""
        packages = self.folder / "packages"
        shutil.copytree(Path(probe.__file__).parent, packages / "storeorch_probe")
        info = packages / "storeorch_probe-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: storeorch-probe\nVersion: 1.0")
        (info / "entry_points.txt").write_text("[storeorch.plugins]\nprobe = storeorch_probe\n")
        self.environ["PYTHONPATH"] = str(packages)

    async def start(self, *arguments: str, prefix: Sequence[str] = (), **environ: str) -> Command:
        process = await asyncio.create_subprocess_exec(
            *prefix,
            str(STOREORCH),
            *arguments,
            env=self.environment(**environ),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return Command(process)

    @asynccontextmanager
    async def running(self, *arguments: str, **environ: str) -> AsyncIterator[Command]:
        """Run a command beside the body; it is ended with it, if it still runs."""
        command = await self.start(*arguments, **environ)
        process = command.process
        async with asyncio.TaskGroup() as readers:
            readers.create_task(command._read(process.stdout, command.out))
            readers.create_task(command._read(process.stderr, command.err))
            try:
                yield command
            finally:
                if process.returncode is None:
                    process.terminate()
                    try:
                        async with asyncio.timeout(PATIENCE):
                            await process.wait()
                    except TimeoutError:
                        process.kill()
                        await process.wait()

    @asynccontextmanager
    async def engine(self, **environ: str) -> AsyncIterator[Command]:
        """Run an engine in another process."""
        async with self.running("run", **environ) as command:
            await command.says("The engine is running")
            yield command

    async def cli(self, *arguments: str, prefix: Sequence[str] = (), **environ: str) -> Ended:
        """Run a command to its end."""
        command = await self.start(*arguments, prefix=prefix, **environ)
        async with asyncio.timeout(PATIENCE):
            out, err = await command.process.communicate()
        assert command.process.returncode is not None
        return Ended(command.process.returncode, out.decode(), err.decode())

    # -- what is left ---------------------------------------------------------

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read from the database without storeorch."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def store_ids(self) -> set[str]:
        """Return the ids of all stores that were ever declared here."""
        try:
            return {row[0] for row in self.rows("SELECT DISTINCT store_id FROM events")}
        except sqlite3.Error:
            return set()

    def namespaces_of(self, store_id: str) -> list[Json]:
        return self.api.items(
            f"/api/v1/namespaces?labelSelector=storeorch.io/store-id%3D{store_id}"
        )

    def leave(self) -> None:
        """Remove from the cluster what a failed test may have left."""
        for store_id in self.store_ids():
            for namespace in self.namespaces_of(store_id):
                self.api.delete(f"/api/v1/namespaces/{namespace['metadata']['name']}")


def environment_of(folder: Path, kubeconfig: Path, base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a workplace.

    Args:
        folder: The workplace's folder.
        kubeconfig: The cluster.
        base: The environment to start from.
    """
    environ = {key: value for key, value in base.items() if not key.startswith("STOREORCH_")}
    kept = {key: base[key] for key in ("STOREORCH_HELM", "STOREORCH_DEV_CACHE") if key in base}
    return {
        **environ,
        **kept,
        "KUBECONFIG": str(kubeconfig),
        "NO_COLOR": "1",
        "STOREORCH_DATABASE_URL": f"sqlite:///{folder}/storeorch.db",
        "STOREORCH_HOSTS_FILE": str(folder / "hosts"),
        "STOREORCH_LOG_FILE": str(folder / "private" / "operator.log"),
        "STOREORCH_ACTOR": "tester",
        # What fails is tried again soon, so that tests are short.
        "STOREORCH_BACKOFF_BASE": "0.2",
        "STOREORCH_BACKOFF_CAP": "1",
        "STOREORCH_LEASE_DURATION": "6",
    }


async def seen(o: Orchestrator, name: str, holds: Callable[[Store], object]) -> Store:
    """Watch a store until it is as wanted."""
    last: Store | None = None
    try:
        async with asyncio.timeout(PATIENCE):
            async for last in o.watch(name):
                if holds(last):
                    return last
    except TimeoutError:
        raise AssertionError(f"the store did not come to be as wanted: {last!r}") from None
    raise AssertionError(f"the store is gone; it was last {last!r}")


def condition(store: Store, type_: str) -> Condition:
    found = store.condition(type_)
    assert found is not None, f"{store.name} has no condition {type_}"
    return found


async def assert_gone(store: Store, workplace: Workplace) -> None:
    """Check that a store has left nothing in the cluster and in the hosts file."""
    api = workplace.api
    assert api.namespace(store.namespace) is None
    assert workplace.namespaces_of(store.id) == []
    for path in ("/api/v1/secrets", "/api/v1/pods"):
        left = [each for each in api.items(path) if in_namespace(each, store.namespace)]
        assert left == []
    # The volume's own controller removes it, in its own time.
    await api.until(
        "/api/v1/persistentvolumes",
        lambda volumes: (
            not any(
                each["spec"].get("claimRef", {}).get("namespace") == store.namespace
                for each in volumes
            )
        ),
    )
    assert store.id not in workplace.hosts.read_text()
    if not workplace.rows("SELECT id FROM stores"):
        assert workplace.hosts.read_bytes() == HOSTS


def in_namespace(obj: Json, namespace: str) -> bool:
    found: bool = obj["metadata"]["namespace"] == namespace
    return found
