"""Run a program to its end, and end it with all that it started.

- No shell: the arguments reach the program as they are.
- Its own session and process group, so that signals reach its children and a
  terminal's Ctrl-C does not.
- Cancellation and the deadline send SIGTERM to the group, wait for the grace
  period, then send SIGKILL. A second cancellation does not wait any longer.
- The program is always reaped before ``run`` returns or raises.
- A gated program begins only once whatever looks after it knows of it: one whose
  starter stops or dies before that does nothing.
- Output is kept up to a limit, the newest bytes of it.

This module must not know Helm.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import anyio
from typing_extensions import override

GRACE: Final = 5.0
"""Seconds between SIGTERM and SIGKILL; Helm records a failure in some 10 ms."""

OUTPUT_LIMIT: Final = 16 * 2**20
"""Bytes kept of each stream. A release's Secret holds 1 MiB at most, packed to about a tenth."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_IMPATIENT: Final = 2

_GATE: Final = ("/bin/sh", "-c", 'IFS= read -r _ && exec "$@"', "sh")
"""Words before a command that hold it back until a line comes, and end where none can come.

``read`` takes the line alone from its input, byte by byte, and leaves the rest to the
command, which it becomes. The shell sees no more of the command than to hand it on.
"""

Guarding = Callable[[int], AbstractContextManager[object]]


def unguarded(pid: int) -> AbstractContextManager[object]:  # noqa: ARG001 - as a guarding one
    """Have nobody look after a program."""
    return contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a program.

    Attributes:
        returncode: Its exit status; negative for the signal that ended it.
        stdout: The newest bytes that it wrote there.
        stderr: The newest bytes that it wrote there.
        timed_out: It was ended at the deadline.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool


class _Watcher(asyncio.SubprocessProtocol):
    """Collects output; tells the exit of the program from the end of its output.

    The two differ where a child of the program outlives it and holds its pipes.
    """

    def __init__(self, limit: int) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.drained: asyncio.Future[None] = loop.create_future()
        self.output: Final = {_STDOUT: bytearray(), _STDERR: bytearray()}
        self._limit = limit

    @override
    def pipe_data_received(self, fd: int, data: bytes) -> None:
        kept = self.output[fd]
        kept += data
        if len(kept) > 2 * self._limit:
            del kept[: -self._limit]

    @override
    def process_exited(self) -> None:
        self.exited.set_result(None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.drained.set_result(None)

    def text(self, fd: int) -> bytes:
        return bytes(self.output[fd][-self._limit :])


async def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    deadline: float | None = None,
    grace: float = GRACE,
    limit: int = OUTPUT_LIMIT,
    guarding: Guarding = unguarded,
    gated: bool = False,
) -> Finished:
    """Run a program to its end.

    Args:
        argv: The program and its arguments.
        stdin: What it reads from its standard input.
        env: Its whole environment; None hands on ours.
        deadline: Seconds after which it is ended; None lets it run.
        grace: Seconds between SIGTERM and SIGKILL.
        limit: Bytes kept of each output stream.
        guarding: Given the program's pid, holds whatever looks after it; what it raises
            ends the program.
        gated: Let the program begin only when ``guarding`` has been entered. One that
            cannot be started is then no ``OSError``, but ends with the status 127.

    Raises:
        OSError: It could not be started.
    """
    supervisor = asyncio.create_task(
        _supervise(
            [*_GATE, *argv] if gated else argv,
            stdin=b"\n" + stdin if gated else stdin,
            env=env,
            deadline=deadline,
            grace=grace,
            limit=limit,
            guarding=guarding,
        ),
        name=f"supervise {argv[0]}",
    )
    try:
        return await asyncio.shield(supervisor)
    except asyncio.CancelledError:
        supervisor.cancel()
        # Without the shield, a cancelled anyio scope would cancel again at every turn
        # of the loop, and each would count as the second cancellation that kills.
        with anyio.CancelScope(shield=True):
            await _settle(supervisor)
        raise


async def _settle(supervisor: asyncio.Task[Finished]) -> None:
    while not supervisor.done():
        try:
            await asyncio.wait({supervisor})
        except asyncio.CancelledError:
            supervisor.cancel()
    with contextlib.suppress(asyncio.CancelledError, OSError):
        supervisor.result()


async def _supervise(
    argv: Sequence[str],
    *,
    stdin: bytes,
    env: Mapping[str, str] | None,
    deadline: float | None,
    grace: float,
    limit: int,
    guarding: Guarding,
) -> Finished:
    loop = asyncio.get_running_loop()
    starting = loop.create_task(
        loop.subprocess_exec(
            lambda: _Watcher(limit),
            *argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
    )
    cancellations = 0
    # A program that is being started can be ended only once it is there.
    while not starting.done():
        cancellations += await _wait_out(starting)
    transport, watcher = starting.result()
    try:
        # Before it is given its input, for which a gated program waits.
        with guarding(transport.get_pid()):
            pipe = transport.get_pipe_transport(_STDIN)
            if isinstance(pipe, asyncio.WriteTransport):
                pipe.write(stdin)
                pipe.write_eof()
            if not cancellations:
                cancellations += await _wait_out(watcher.exited, deadline)
            timed_out = not watcher.exited.done() and not cancellations
            if not watcher.exited.done():
                _signal_group(transport, signal.SIGTERM)
                if cancellations < _IMPATIENT:
                    cancellations += await _wait_out(watcher.exited, grace)
            # Also what the program has left behind: it may hold the pipes, or go on working.
            _signal_group(transport, signal.SIGKILL)
            while not watcher.exited.done():
                cancellations += await _wait_out(watcher.exited)
        cancellations += await _wait_out(watcher.drained, grace)
    finally:
        if not watcher.exited.done():
            _signal_group(transport, signal.SIGKILL)
        while not watcher.exited.done():
            cancellations += await _wait_out(watcher.exited)
        transport.close()
    if cancellations:
        raise asyncio.CancelledError
    return Finished(
        returncode=transport.get_returncode() or 0,
        stdout=watcher.text(_STDOUT),
        stderr=watcher.text(_STDERR),
        timed_out=timed_out,
    )


async def _wait_out(future: asyncio.Future[Any], timeout: float | None = None) -> bool:
    """Wait for a future without cancelling it; return whether this task was cancelled meanwhile."""
    try:
        await asyncio.wait({future}, timeout=timeout)
    except asyncio.CancelledError:
        return True
    return False


def _signal_group(transport: asyncio.SubprocessTransport, number: signal.Signals) -> None:
    # The session that the program leads has its pid as the group's id; the id stays
    # taken while the group has members, so that no stranger can be hit.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(transport.get_pid(), number)


@functools.cache
def mortal_prefix() -> tuple[str, ...]:
    """Return the words that make a command die with the thread that started it.

    An engine that is killed cannot end its Helm, and its successor must not find
    one still at work. Linux can be asked for that (prctl PR_SET_PDEATHSIG), with
    util-linux' ``setpriv`` as the program that asks; elsewhere the prefix is empty.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        return ()
    prefix = (setpriv, "--pdeathsig", "KILL", "--")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run([*prefix, "true"], check=True, capture_output=True, timeout=5)
        return prefix
    return ()
