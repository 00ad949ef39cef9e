"""Daemons: start them, know them again, end them.

A daemon runs in a session of its own, so that neither Ctrl-C nor the end of
the process that started it reaches it. It is known again by pid and full
command line together: after a restart of the machine a pid may belong to
somebody else, and a stranger must never be ended.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from storeorch_devcluster.state import ProcessRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SETTLE_LOOKS = 200
SETTLE_PAUSE = 0.005
"""How often, and with how many seconds between, a new process is looked at."""

TERM_PATIENCE = 3.0
"""Seconds between asking a daemon to end and ending it by force.

An API server or etcd with clients would take up to a minute to end politely;
both survive force by design.
"""


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    executed: Sequence[str] | None = None,
    path: str | None = None,
) -> ProcessRecord:
    """Start a daemon.

    Args:
        argv: Program and arguments; the program is an absolute path.
        log: File that its output is appended to.
        executed: What is started instead, and then becomes that program by itself.
        path: Search path of programs, by default this process' own.

    Returns:
        What is needed to find it again.

    Raises:
        OSError: The program cannot be started or the log cannot be written.
    """
    # No Popen object: nobody shall wait for this child when the caller forgets it.
    log_flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    executed = argv if executed is None else executed
    pid = os.posix_spawn(
        executed[0],
        list(executed),
        os.environ | ({} if path is None else {"PATH": path}),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), log_flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGTERM, signal.SIGINT],
    )
    record = ProcessRecord(pid=pid, argv=list(argv))
    # At its birth a process has no command line for an instant, and would pass for a stranger.
    for _ in range(SETTLE_LOOKS):
        if find(record) is not None or not psutil.pid_exists(pid):
            break
        time.sleep(SETTLE_PAUSE)
    return record


def find(record: ProcessRecord) -> psutil.Process | None:
    """Return the running daemon of that record, or None if it is gone.

    A daemon that ended and is a child of this process is reaped.
    """
    try:
        process = psutil.Process(record.pid)
        return process if _lives(process) and process.cmdline() == record.argv else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def terminate(records: Iterable[ProcessRecord], *, patience: float = TERM_PATIENCE) -> None:
    """End daemons: ask them, wait, end those by force that did not listen.

    Args:
        records: The daemons; those that are gone already are skipped.
        patience: Seconds to wait before force.
    """
    running = [process for record in records if (process := find(record)) is not None]
    for process in running:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _kill(_still_there(running, patience))


def kill(record: ProcessRecord) -> None:
    """End a daemon by force, without giving it a chance to clean up."""
    process = find(record)
    if process is not None:
        _kill([process])


def _kill(running: Sequence[psutil.Process]) -> None:
    for process in running:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _still_there(running, TERM_PATIENCE)


def _still_there(running: Sequence[psutil.Process], patience: float) -> list[psutil.Process]:
    # Not psutil.wait_procs: it also waits until a stranger's parent has reaped it.
    deadline = time.monotonic() + patience
    left = list(running)
    while (left := [process for process in left if _lives(process)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(SETTLE_PAUSE)
    return left


def _lives(process: psutil.Process) -> bool:
    try:
        # A program of many threads looks like a zombie while its last ones still hold its ports.
        if process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1:
            return process.is_running()
    except psutil.NoSuchProcess:
        return False
    with suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
        process.wait(timeout=0)
    return False
