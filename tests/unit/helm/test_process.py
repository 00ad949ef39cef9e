from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import anyio
import pytest

from storeorch.errors import LeaseLost
from storeorch.helm import process

NEVER = 3600.0


class Line:
    """A named pipe; its end comes when the last process that holds it open is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = asyncio.StreamReader()

    async def open(self) -> asyncio.ReadTransport:
        os.mkfifo(self.path)
        # Neither we nor the program wait for each other when they open it.
        end = os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
        protocol = asyncio.StreamReaderProtocol(self._reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, end)
        return transport

    async def heard(self) -> str:
        """Return the next line, or nothing once everybody is gone."""
        async with asyncio.timeout(30):
            return (await self._reader.readline()).decode().strip()

    async def all_gone(self) -> bool:
        """Wait until the last process that holds the pipe open is gone."""
        async with asyncio.timeout(30):
            await self._reader.read()
        return True


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "line")
    transport = await made.open()
    yield made
    transport.close()


def shell(script: str, *arguments: str | Path) -> list[str]:
    return ["sh", "-c", script, "sh", *map(str, arguments)]


async def test_output_and_status() -> None:
    finished = await process.run(shell("cat; echo problem >&2; exit 3"), stdin=b"value")
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, b"value", b"problem\n")
    assert not finished.timed_out


async def test_arguments_reach_the_program_as_they_are() -> None:
    words = ["$(id)", "a b", "; true", "'", "*"]
    finished = await process.run(["printf", "%s|", *words])
    assert finished.stdout.decode().split("|")[:-1] == words


async def test_much_input_and_output() -> None:
    text = os.urandom(3_000_000)
    assert (await process.run(["cat"], stdin=text)).stdout == text


async def test_input_that_nobody_reads() -> None:
    assert (await process.run(["true"], stdin=b"x" * 1_000_000)).returncode == 0


async def test_the_newest_output_is_kept() -> None:
    finished = await process.run(["cat"], stdin=b"a" * 500_000 + b"the end", limit=1000)
    assert len(finished.stdout) == 1000
    assert finished.stdout.endswith(b"athe end")


async def test_environment_is_what_is_given() -> None:
    finished = await process.run(["/usr/bin/env"], env={"ONLY": "this"})
    assert finished.stdout == b"ONLY=this\n"


async def test_missing_program(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await process.run([str(tmp_path / "nothing")])


async def test_signal_from_outside() -> None:
    assert (await process.run(shell("kill -9 $$"))).returncode == -signal.SIGKILL


@pytest.fixture
def term_blocked() -> Iterator[None]:
    """Block SIGTERM here and so in programs started from here: it waits until it is asked for."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def orderly(record: Path) -> list[str]:
    """Return a program that ends at SIGTERM, however early that comes, and records its pid."""
    code = """\
import os, pathlib, signal, sys
signal.sigwait({signal.SIGTERM})
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
print("recorded")
sys.exit(1)
"""
    return [sys.executable, "-S", "-c", code, str(record)]


@pytest.mark.usefixtures("term_blocked")
async def test_deadline_is_a_term(tmp_path: Path) -> None:
    finished = await process.run(orderly(tmp_path / "record"), deadline=0.1, grace=NEVER)
    assert finished.timed_out
    assert (finished.returncode, finished.stdout) == (1, b"recorded\n")


@pytest.mark.usefixtures("term_blocked")
async def test_who_ignores_a_term_is_killed() -> None:
    finished = await process.run(["sleep", "3600"], deadline=0.1, grace=0.1)
    assert finished.timed_out
    assert finished.returncode == -signal.SIGKILL


async def test_children_left_behind_are_ended(line: Line) -> None:
    """They hold the program's output as well; nobody waits for them."""
    script = 'exec 3>"$1"; (sh -c "sleep 3600; :"; :) & echo done'
    finished = await process.run(shell(script, line.path), grace=NEVER)
    assert finished.stdout == b"done\n"
    assert await line.all_gone()


async def test_grandchildren_are_ended_at_the_deadline(line: Line) -> None:
    script = 'exec 3>"$1"; trap "" TERM; (sh -c "sleep 3600; :"; :) & while :; do wait; done'
    finished = await process.run(shell(script, line.path), deadline=0.2, grace=0.1)
    assert finished.timed_out
    assert await line.all_gone()


STUBBORN = (
    "trap 'echo asked >&3' TERM; exec 3>\"$1\"; echo $$ >&3; while :; do sleep 3600 & wait; done"
)
POLITE = "trap 'exit' TERM; exec 3>\"$1\"; echo $$ >&3; sleep 3600 & wait"


async def started(script: str, line: Line) -> tuple[asyncio.Task[process.Finished], int]:
    task = asyncio.create_task(process.run(shell(script, line.path), grace=NEVER))
    return task, int(await line.heard())


async def test_cancellation_waits_until_the_program_is_gone(line: Line) -> None:
    task, pid = await started(POLITE, line)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not pid_is_taken(pid)
    assert await line.all_gone()


async def test_second_cancellation_does_not_wait(line: Line) -> None:
    task, pid = await started(STUBBORN, line)
    task.cancel()
    assert await line.heard() == "asked"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not pid_is_taken(pid)
    assert await line.all_gone()


async def test_cancelled_scope_is_one_cancellation(line: Line) -> None:
    """Although anyio delivers it again and again."""
    script = "trap 'echo asked >&3; exit' TERM; exec 3>\"$1\"; echo $$ >&3; sleep 3600 & wait"
    async with anyio.create_task_group() as group:

        async def work() -> None:
            await process.run(shell(script, line.path), grace=NEVER)

        group.start_soon(work)
        pid = int(await line.heard())
        group.cancel_scope.cancel()
    assert not pid_is_taken(pid)
    assert await line.heard() == "asked"


@pytest.mark.parametrize("turns", range(6))
async def test_cancellation_during_the_start(line: Line, turns: int) -> None:
    """At whatever turn of the loop it comes, nothing is left."""
    holds_open = os.open(line.path, os.O_WRONLY)
    task = asyncio.create_task(process.run(shell(POLITE, line.path), grace=NEVER))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    os.close(holds_open)
    said = await line.heard()
    assert not said or not pid_is_taken(int(said))
    assert await line.all_gone()


async def test_gated_program_is_given_its_input_and_arguments() -> None:
    script = 'printf "%s|" "$@"; cat'
    finished = await process.run(shell(script, "a b", "$(id)", "'"), stdin=b"\nvalue\n", gated=True)
    assert finished.stdout == b"a b|$(id)|'|\nvalue\n"
    missing = await process.run(["/nothing/here"], gated=True)
    assert missing.returncode == 127


async def test_gated_program_does_nothing_when_its_starter_ends_before_it_is_guarded(
    line: Line,
) -> None:
    """A program that reads no input would go on, under nobody's eyes."""
    code = """\
import os, signal, sys
from contextlib import contextmanager
from storeorch.helm import process

@contextmanager
def guarding(pid):
    print(pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    yield

import asyncio
script = 'exec 3>"$1"; echo up >&3'
run = process.run(["sh", "-c", script, "sh", sys.argv[1]], guarding=guarding, gated=True)
asyncio.run(run)
"""
    holds_open = os.open(line.path, os.O_WRONLY)
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(line.path)), stdout=asyncio.subprocess.PIPE
    )
    assert engine.stdout is not None
    pid = int(await engine.stdout.readline())
    await engine.wait()
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        assert await asyncio.to_thread(poll.poll, 30_000), "it was not ended"
        os.close(pidfd)
    os.close(holds_open)
    assert await line.heard() == ""


async def test_program_that_may_not_begin_is_ended() -> None:
    pids: list[int] = []

    def refusing(pid: int) -> AbstractContextManager[object]:
        pids.append(pid)
        raise LeaseLost

    with pytest.raises(LeaseLost):
        await process.run(["sleep", "3600"], guarding=refusing, gated=True)
    assert not pid_is_taken(pids[0])


@pytest.mark.skipif(not process.mortal_prefix(), reason="needs setpriv of util-linux")
async def test_program_dies_with_an_engine_that_is_killed(line: Line) -> None:
    code = """\
import asyncio, sys
from storeorch.helm import process
script = 'exec 3>"$1"; echo up >&3; exec sleep 3600'
asyncio.run(process.run([*process.mortal_prefix(), "sh", "-c", script, "sh", sys.argv[1]]))
"""
    engine = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(line.path))
    assert await line.heard() == "up"
    engine.kill()
    await engine.wait()
    assert await line.all_gone()


def pid_is_taken(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_two_cancellations_during_the_start(line: Line) -> None:
    holds_open = os.open(line.path, os.O_WRONLY)
    script = "trap '' TERM; exec 3>\"$1\"; while :; do sleep 3600 & wait; done"
    task = asyncio.create_task(process.run(shell(script, line.path), grace=NEVER))
    for _ in range(2):
        await asyncio.sleep(0)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    os.close(holds_open)
    assert await line.all_gone()
