"""Whole histories with everything that can go wrong: every promise holds in each."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from plan import ROOT
from shops import ALL
from storeorch.testing.simulation import simulate

SEEDS = 500
TOGETHER = 25
TOLD = "see: python3 -m nox -s simulate -- --seed"


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_all_promises_hold(first: int) -> None:
    for seed in range(first, first + TOGETHER):
        assert simulate(seed, ALL).breaches == [], f"{TOLD} {seed}"


def test_faults_of_every_kind_are_injected() -> None:
    """A simulator that makes no trouble proves nothing."""
    kinds: set[str] = set()
    for seed in range(60):
        kinds |= simulate(seed, ALL).faults.keys()
    assert kinds >= {
        *("crash", "cancel", "delay", "error", "lost", "duplicate"),
        *("api-outage", "database-outage", "deaf-watch", "lagging-watch", "partition", "silence"),
        *("stop", "stall", "kill", "restart", "clock-jump"),
        *("drift", "data-loss", "workload-trouble", "finalizer", "in-the-way"),
    }


@pytest.mark.parametrize("seed", [3, 4, 15])
def test_same_seed_tells_the_same_history(seed: int) -> None:
    """Also in another process, whose hashes of strings are others."""
    command = [sys.executable, "tools/simulate.py", "--seed", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    history = simulate(seed, ALL)
    *told, digest, _, violations = answer.stdout.splitlines()
    assert told == [str(entry) for entry in history.entries]
    assert digest == f"digest: {history.digest}"
    assert violations == "violations: 0"
    assert simulate(seed, ALL).digest == history.digest


def test_other_seeds_tell_other_histories() -> None:
    assert len({simulate(seed, ALL).digest for seed in range(5)}) == 5
