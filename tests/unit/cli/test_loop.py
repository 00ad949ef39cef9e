"""Signals, in processes of their own: a test runner has its own ideas of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, os, signal, sys
from storeorch.cli import cli
from storeorch.cli.context import CliContext
from storeorch.settings import Settings
from tests.unit.cli.fake import FakeOrchestrator, make_store

settings = Settings(log_file=None)
o = FakeOrchestrator(settings)
o.hangs = True
o.elsewhere = {elsewhere}
o.stores["my-store"] = make_store()
signals = iter({signals})
def kill():
    for number in signals:
        os.kill(os.getpid(), number)
        if {one_by_one}:
            asyncio.get_running_loop().call_soon(kill)
            return
o.on_hang = kill
if {stubborn}:
    o.stop = lambda: None
try:
    cli({arguments}, prog_name="storeorch", obj=CliContext(
        load_settings=lambda: settings, make_orchestrator=lambda _: o))
finally:
    print("closed:", o.names_called.count("close"), "declared:", "delete" in o.names_called)
"""
ROOT = Path(__file__).parents[3]


def play(
    *arguments: str,
    signals: list[int],
    elsewhere: bool = True,
    stubborn: bool = False,
    one_by_one: bool = False,
) -> subprocess.CompletedProcess[str]:
    code = SCRIPT.format(
        arguments=list(arguments),
        signals=[int(number) for number in signals],
        elsewhere=elsewhere,
        stubborn=stubborn,
        one_by_one=one_by_one,
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("elsewhere", "hint"),
    [(True, "The work goes on."), (False, "Nothing is lost.")],
)
def test_an_interrupted_wait_says_how_to_go_on(
    number: signal.Signals, *, elsewhere: bool, hint: str
) -> None:
    done = play("store", "wait", "my-store", signals=[number], elsewhere=elsewhere)
    assert done.returncode == 130
    assert hint in done.stderr
    assert done.stderr.endswith("Interrupted.\n")
    assert done.stdout == "closed: 1 declared: False\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_stops_the_engine_in_good_order(number: signal.Signals) -> None:
    done = play("run", signals=[number])
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "The engine has stopped."
    assert done.stdout == "closed: 1 declared: False\n"


def test_a_second_signal_stops_at_once() -> None:
    done = play("run", signals=[signal.SIGTERM, signal.SIGTERM], stubborn=True, one_by_one=True)
    assert done.returncode == 130
    assert "Stopping at once." in done.stderr
    assert done.stdout == "closed: 1 declared: False\n"
