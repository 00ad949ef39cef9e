"""Programs of a process that falls silent, in processes of their own."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storeorch.helm import guard, process
from storeorch.helm.watchdog import Watchdog

PATIENCE = 0.3
SCRIPT = """
import asyncio, sys
from storeorch.helm.process import run
from storeorch.helm.watchdog import Watchdog

async def main():
    watchdog = Watchdog(patience={patience}, grace=0.05)
    arguments = ["sh", "-c", {program!r}]
    finished = await run(arguments, stdin=b"go\\n", guarding=watchdog.guarding)
    await watchdog.close()
    print(finished.returncode)

asyncio.run(main())
"""


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    path = tmp_path / "pid"
    os.mkfifo(path)
    return path


@pytest.fixture
def worker(pid_file: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a program; the program writes its pid to a pipe."""
    ignoring = "trap '' TERM; " if getattr(request, "param", False) else ""
    program = f"read go; {ignoring}echo $$ > {pid_file}; while :; do sleep 60; done"
    code = SCRIPT.format(patience=PATIENCE, program=program)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as made:
        yield made
        with suppress(ProcessLookupError):
            made.kill()


def wait_for_end(pidfd: int) -> None:
    assert select.select([pidfd], [], [], 30)[0], "it was not ended"


@pytest.mark.parametrize("worker", [False, True], indirect=True, ids=["heeds", "ignores SIGTERM"])
def test_program_of_a_stopped_process(worker: subprocess.Popen[str], pid_file: Path) -> None:
    program = os.pidfd_open(int(pid_file.read_text()))
    worker.send_signal(signal.SIGSTOP)
    wait_for_end(program)
    worker.send_signal(signal.SIGCONT)
    assert worker.stdout is not None
    assert worker.stdout.read() in {"-15\n", "-9\n"}
    os.close(program)


def test_program_of_a_killed_process(worker: subprocess.Popen[str], pid_file: Path) -> None:
    program = os.pidfd_open(int(pid_file.read_text()))
    worker.kill()
    wait_for_end(program)
    os.close(program)


async def test_a_process_that_lives_keeps_its_program() -> None:
    watchdog = Watchdog(patience=0.05, grace=0.05)
    finished = await process.run(["sleep", "0.5"], guarding=watchdog.guarding)
    assert finished.returncode == 0
    await watchdog.close()


async def test_guard_that_was_ended_is_replaced() -> None:
    watchdog = Watchdog(patience=0.2, grace=0.05)
    program = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    with watchdog.guarding(program.pid):
        first = watchdog._guard
        assert first is not None
        first.kill()
        first.wait()
        async with asyncio.timeout(30):
            while watchdog._guard is first:  # noqa: ASYNC110 - until its next sign of life
                await asyncio.sleep(0)
        await watchdog.close()  # which ends what is guarded
        assert await program.wait() == -signal.SIGTERM


async def test_closing_twice_and_without_a_guard() -> None:
    watchdog = Watchdog(patience=1, grace=1)
    await watchdog.close()
    with watchdog.guarding(os.getpid()):
        pass
    await watchdog.close()
    await watchdog.close()


def test_guard_ends_what_is_left_at_the_end_of_its_input() -> None:
    reader, writer = os.pipe()
    with (
        subprocess.Popen(["sleep", "60"], start_new_session=True) as guarded,
        subprocess.Popen(["sleep", "60"], start_new_session=True) as freed,
    ):
        os.write(writer, f"+{guarded.pid}\n+{freed.pid}\n\n-{freed.pid}\n+9".encode())
        os.close(writer)
        guard.guard(reader, patience=60, grace=0.05)
        os.close(reader)
        assert guarded.wait(30) == -signal.SIGTERM
        assert freed.poll() is None
        freed.kill()
