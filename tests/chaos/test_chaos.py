"""A short run: the long one is ``nox -s chaos``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.chaos.scenario import run
from tests.chaos.script import Options

pytestmark = pytest.mark.cluster

SHORT = Options(stores=12, kills=15, seed=1, lease=6, restarts=1, patience=180)


async def test_engines_that_are_killed_and_stopped_lose_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = await run(SHORT, tmp_path, print)
    for line in report.lines():
        print(line)
        record_property(*line.split(": ", 1))
    assert report.violations() == []
    assert report.rows.claims > 0
    assert report.rows.events > 0
    assert report.helm.upgrades >= report.state.as_declared > 0
