"""Engines in processes of their own, which are killed, stopped and started again.

As under a supervisor, an engine that ends because a server is away is started again.
This module must not know what the engines work on.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.chaos.helm_journal import WORKER_VARIABLE

_STOREORCH: Final = Path(sys.executable).parent / "storeorch"
_RUNS: Final = "The engine is running."
_NOT_READY: Final = 4
"""Exit status of a command that finds a server away."""

_AGAIN_SECONDS: Final = 1.0
"""Pause before an engine is started again that a server was away for."""


@dataclass
class Life:
    """One process of a worker, from its start to its end.

    Attributes:
        process: The process.
        runs: Set once the engine runs.
        killed: Whether its end is our doing.
        reader: Reads what it says until its end.
    """

    process: asyncio.subprocess.Process
    runs: asyncio.Event = field(default_factory=asyncio.Event)
    killed: bool = False
    reader: asyncio.Task[None] | None = None


class Worker:
    """A worker; each of its processes has a name of its own.

    Args:
        name: Name of the worker.
        environ: Environment of its processes.
        database_url: The database; the name is added to it.
        folder: Where its log is written.

    Attributes:
        starts: How many processes it had.
        found_away: How many of them ended at the start, because a server was away.
        wrong: What a worker must not do; each a sentence.
        exit_codes: How the processes ended that were told to end in good order.
    """

    def __init__(
        self, name: str, environ: Mapping[str, str], database_url: str, folder: Path
    ) -> None:
        self.name = name
        self.starts = 0
        self.found_away = 0
        self.wrong: list[str] = []
        self.exit_codes: list[int] = []
        self._environ = environ
        self._database_url = database_url
        self._folder = folder
        self._log = folder / f"{name}.log"
        self._life: Life | None = None

    async def start(self) -> None:
        """Start a process."""
        self.starts += 1
        name = f"{self.name}.{self.starts}"
        process = await asyncio.create_subprocess_exec(
            *(str(_STOREORCH), "run"),
            env={
                **self._environ,
                WORKER_VARIABLE: name,
                "STOREORCH_DATABASE_URL": f"{self._database_url}&application_name={name}",
                "STOREORCH_LOG_FILE": str(self._folder / f"{self.name}.operator.log"),
            },
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        life = Life(process)
        life.reader = asyncio.create_task(self._follow(life, name))
        self._life = life

    async def running(self) -> None:
        """Wait until its engine runs, however often it has to be started for that."""
        while True:
            life = self._life
            assert life is not None
            assert life.reader is not None
            runs = asyncio.create_task(life.runs.wait())
            await asyncio.wait([runs, life.reader], return_when=asyncio.FIRST_COMPLETED)
            if runs.done():
                return
            runs.cancel()
            await asyncio.sleep(_AGAIN_SECONDS)
            await self.start()

    async def kill(self) -> None:
        """End the process as a crash does, without a word."""
        if self._life is not None:
            self._life.killed = True
            self._signal(signal.SIGKILL)
            await self._ended(self._life)

    def stop(self) -> None:
        """Let the process stand still."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a process that stands still go on."""
        self._signal(signal.SIGCONT)

    async def end(self, within: float) -> None:
        """Have the process end in good order.

        Args:
            within: Seconds after which it is killed, which counts as wrong.
        """
        life, self._life = self._life, None
        if life is None:
            return
        with contextlib.suppress(ProcessLookupError):
            life.process.send_signal(signal.SIGTERM)
        life.killed = True
        try:
            async with asyncio.timeout(within):
                await self._ended(life)
        except TimeoutError:
            self.wrong.append(f"{self.name} did not end within {within:g} s of SIGTERM")
            life.process.kill()
            await self._ended(life)
        self.exit_codes.append(life.process.returncode or 0)

    def _signal(self, number: signal.Signals) -> None:
        assert self._life is not None
        with contextlib.suppress(ProcessLookupError):
            self._life.process.send_signal(number)

    @staticmethod
    async def _ended(life: Life) -> None:
        assert life.reader is not None
        await asyncio.wait([life.reader])

    async def _follow(self, life: Life, name: str) -> None:
        stream = life.process.stderr
        assert stream is not None
        with self._log.open("ab") as log:
            log.write(f"== {name}, pid {life.process.pid}\n".encode())
            async for line in stream:
                log.write(line)
                log.flush()
                if _RUNS.encode() in line:
                    life.runs.set()
                if line.startswith(b"Traceback"):
                    self.wrong.append(f"{name} showed a traceback")
            code = await life.process.wait()
            log.write(f"== {name} ended with {code}\n".encode())
        if life.killed:
            return
        if code == _NOT_READY and not life.runs.is_set():
            self.found_away += 1
        else:
            self.wrong.append(f"{name} ended by itself with {code}")
