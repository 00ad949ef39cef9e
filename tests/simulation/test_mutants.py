"""The mutation check: whatever promise is broken on purpose, the simulator notices."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.simulation.mutants import MUTANTS

from storeorch.testing.simulation import History, simulate

WITHIN = 500


def first_caught(name: str) -> tuple[int, History]:
    """Return after how many seeds a mutant was caught, and the history in which it was."""
    for seed in range(WITHIN):
        with MUTANTS[name]():
            history = simulate(seed)
        if history.breaches:
            return seed + 1, history
    pytest.fail(f"not caught within {WITHIN} seeds")


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(
    name: str, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    seeds, history = first_caught(name)
    record_property("seeds", seeds)
    with capsys.disabled():
        print(f"\n{name}: caught after {seeds} seeds ({history.breaches[0]})")


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 12
