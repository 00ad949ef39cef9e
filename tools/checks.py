"""Run every check of ``plan``, two at a time, and sum up.

A check's output is shown in one piece when it ends, so that parallel checks do
not mix. A check that fails does not hide the others. The last line counts the
tests of all test runs. A skipped test fails the whole, as it proved nothing, unless
``plan`` excuses the reason.

Usage: python tools/checks.py [NAME ...]
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, STDOUT
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final
from xml.etree import ElementTree as ET

from plan import EXCUSED, OUTPUT, ROOT, Check, plan

AT_ONCE: Final = 2
"""Checks that run at the same time; most of them keep one core busy."""

HEARTBEAT: Final = 60.0
"""Seconds between two signs of life of a check that is running."""

LIMIT: Final = 80 * 60.0
"""Seconds for the whole; what has not ended by then has failed."""

GRACE: Final = 20.0
"""Seconds that a check gets to clean up after it was told to end."""


class Verdict(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(slots=True)
class Counts:
    """How many tests did what."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


def say(text: str = "") -> None:
    """Print a line at once."""
    print(text, flush=True)


def minutes(seconds: float) -> str:
    """Return a duration as people read it, for example ``3 min 05 s``."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole} min {rest:02d} s" if whole else f"{rest} s"


def located(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command with the program of the environment that runs this module."""
    program, *arguments = command
    if program == "python":
        return (sys.executable, *arguments)
    return (str(Path(sys.executable).parent / program), *arguments)


@contextlib.contextmanager
def _pipe_into(log: BinaryIO) -> Iterator[tuple[int, asyncio.Event]]:
    """Copy what is written into a pipe to a file.

    A pipe and not the file itself, because tests limit the size of files.

    Yields:
        The end to write to, which the caller closes, and what tells that all was copied.
    """
    loop = asyncio.get_running_loop()
    reader, writer = os.pipe()
    drained = asyncio.Event()

    def copy() -> None:
        block = os.read(reader, 65_536)
        log.write(block)
        log.flush()
        if not block:
            loop.remove_reader(reader)
            drained.set()

    loop.add_reader(reader, copy)
    try:
        yield writer, drained
    finally:
        loop.remove_reader(reader)
        os.close(reader)


class Run:
    """One run over a set of checks.

    Args:
        checks: What to run, in the order in which to start.
    """

    def __init__(self, checks: tuple[Check, ...]) -> None:
        self._checks = checks
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._ended = {check.name: asyncio.Event() for check in checks}
        self.verdicts = {check.name: Verdict.NOT_RUN for check in checks}
        self.seconds = {check.name: 0.0 for check in checks}

    async def all(self) -> None:
        """Run every check, and stop what still runs when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as tasks:
                for check in self._checks:
                    tasks.create_task(self._when_possible(check))

    async def _when_possible(self, check: Check) -> None:
        try:
            for name in (*check.needs, *check.after):
                if name in self._ended:
                    await self._ended[name].wait()
            missing = [n for n in check.needs if self.verdicts.get(n, Verdict.PASSED) != "passed"]
            if missing:
                say(f"== {check.name}: not run, because {missing[0]} did not pass")
                return
            async with self._slots:
                await self._run(check)
        finally:
            self._ended[check.name].set()

    async def _run(self, check: Check) -> None:
        log = OUTPUT / f"{check.name}.log"
        began = time.monotonic()
        say(f"== {check.name}: {check.title} …")
        self.verdicts[check.name] = Verdict.FAILED
        heartbeat = asyncio.create_task(self._show_life(check, began))
        good = True
        try:
            for number, command in enumerate(check.commands):
                good &= await self._command(check, number, command) == 0
            self.verdicts[check.name] = Verdict.PASSED if good else Verdict.FAILED
        finally:
            heartbeat.cancel()
            self.seconds[check.name] = time.monotonic() - began
            text = log.read_text(errors="replace").rstrip()
            outcome = f"{self.verdicts[check.name]} after {minutes(self.seconds[check.name])}"
            say(f"\n== {check.name}: {outcome}\n{text}\n")

    async def _command(self, check: Check, number: int, command: tuple[str, ...]) -> int:
        environment = {
            **os.environ,
            "COVERAGE_FILE": str(OUTPUT / f".coverage.{check.name}.{number}")
            if check.tests
            else str(OUTPUT / ".coverage"),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "110",
        }
        with (OUTPUT / f"{check.name}.log").open("ab") as log, _pipe_into(log) as (pipe, drained):
            process = await asyncio.create_subprocess_exec(
                *located(command),
                cwd=ROOT,
                env=environment,
                stdin=DEVNULL,
                stdout=pipe,
                stderr=STDOUT,
                start_new_session=True,
            )
            os.close(pipe)
            try:
                status = await process.wait()
            finally:
                await self._end(process)
            # A process that the command left behind may hold the pipe open for ever.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await drained.wait()
            if status != 0:
                log.write(f"\n(exit status {status}: {' '.join(command)[:200]})\n".encode())
            return status

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is not None:
                return
            os.killpg(process.pid, sign)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await process.wait()

    async def _show_life(self, check: Check, began: float) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            lines = (OUTPUT / f"{check.name}.log").read_text(errors="replace").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            say(f"   {check.name}, for {minutes(time.monotonic() - began)}: {last[-100:]}")


def count() -> tuple[Counts, list[str]]:
    """Read the reports of all test runs.

    Returns:
        The counts, and each skipped test that proves too little: a test may be
        skipped only for a reason that ``plan.EXCUSED`` names.
    """
    counts, unproven = Counts(), []
    for report in sorted(OUTPUT.glob("*.xml")):
        try:
            cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 -- our own file
        except ET.ParseError:
            continue  # the test run was ended from outside, so its check has failed
        for case in cases:
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                counts.failed += 1
            elif skip is not None:
                counts.skipped += 1
                if skip.get("message") not in EXCUSED:
                    unproven.append(f"{case.get('classname')}.{case.get('name')}")
            else:
                counts.passed += 1
    return counts, unproven


def main(names: list[str]) -> int:
    """Run the checks of these names, or all, and return the exit status."""
    known = plan()
    if unknown := set(names) - {check.name for check in known}:
        say(
            f"No such check: {', '.join(sorted(unknown))}. There are: "
            f"{', '.join(check.name for check in known)}."
        )
        return 2
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    began = time.monotonic()
    run = Run(tuple(check for check in known if not names or check.name in names))
    asyncio.run(run.all())
    counts, unproven = count()
    say("== Summary")
    for name, verdict in run.verdicts.items():
        say(f"   {name:<12} {verdict:<8} {minutes(run.seconds[name]):>12}")
    for name in unproven:
        say(f"   skipped, so not proven: {name}")
    say(f"   {'all':<12} {'':<8} {minutes(time.monotonic() - began):>12}")
    good = not unproven and all(verdict is Verdict.PASSED for verdict in run.verdicts.values())
    say(f"{'Everything passed.' if good else 'Not everything passed.'}")
    say(f"tests: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
