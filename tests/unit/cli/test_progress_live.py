from __future__ import annotations

import io
from contextlib import ExitStack
from datetime import timedelta

import pytest
from rich.console import Console

from storeorch.cli.progress.live import LiveScreen
from storeorch.cli.progress.view import PlannedStep
from storeorch.models import Status

from .fake import FAULT, T0, condition, make_store

PLAN = (
    PlannedStep("namespace", "NamespaceReady"),
    PlannedStep("release", "ReleaseInstalled"),
)
NAMESPACE = condition("NamespaceReady", holds=True, after=0.5, message="It is there.")


class Picture:
    """A screen that is asked for its picture rather than drawn by a clock."""

    def __init__(self, *, height: int = 40, encoding: str = "utf-8") -> None:
        self.file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        self.console = Console(
            file=self.file, width=60, height=height, force_terminal=True, color_system=None
        )
        self.screen = LiveScreen(self.console, lambda: T0 + timedelta(seconds=12))

    def lines(self) -> list[str]:
        with self.console.capture() as captured:
            self.console.print(self.screen)
        return captured.get().splitlines()


def test_steps_with_ticks_and_seconds() -> None:
    picture = Picture()
    picture.screen.update("x", make_store(conditions=(NAMESPACE,)), PLAN)
    head, first, second = picture.lines()
    assert head == "my-store  provisioning  1/2  12s  release"
    assert first == "  ✓ namespace    0.5s  It is there."
    assert second.endswith(" release       12s  ")


def test_a_problem_is_shown_below() -> None:
    picture = Picture()
    store = make_store(status=Status.FAILED, conditions=(NAMESPACE,), fault=FAULT)
    picture.screen.update("x", store, PLAN)
    assert picture.lines()[2:] == [
        "  ✗ release      6.5s  ",
        "  The image cannot be pulled.",
        "  Check the image's name.",
    ]


def test_stores_stand_side_by_side_and_long_lines_are_cut() -> None:
    picture = Picture()
    long = condition("NamespaceReady", holds=True, after=1, message="x" * 100)
    picture.screen.update("x", make_store("a", conditions=(long,)), PLAN)
    picture.screen.update("y", make_store("my-store", Status.READY), PLAN[:0])
    lines = picture.lines()
    assert lines[0].startswith("a         provisioning")
    assert lines[3].startswith("my-store  ready         0/0  7.0s  http://my-store.local")
    assert max(map(len, lines)) == 60


def test_on_a_low_terminal_each_store_is_one_line() -> None:
    picture = Picture(height=10)
    for number in range(5):
        picture.screen.update(str(number), make_store(f"store-{number}"), PLAN)
    assert [line.split()[0] for line in picture.lines()] == [f"store-{n}" for n in range(5)]


def test_a_store_that_is_gone_stays_in_the_picture() -> None:
    picture = Picture()
    picture.screen.gone("unknown")
    picture.screen.update("x", make_store(status=Status.DELETING), PLAN)
    picture.screen.gone("x")
    lines = picture.lines()
    assert lines[0].startswith("my-store  deleted       2/2")
    assert all(line.startswith("  ✓") for line in lines[1:])


def test_without_unicode_plain_signs_are_used() -> None:
    picture = Picture(encoding="ascii")
    picture.screen.update("x", make_store(conditions=(NAMESPACE,)), PLAN)
    lines = picture.lines()
    assert lines[1].startswith("  + namespace")
    assert lines[2].startswith("  > release")
    assert all(line.isascii() for line in lines)


@pytest.mark.parametrize("fails", [False, True])
def test_the_last_picture_stays(*, fails: bool) -> None:
    picture = Picture()
    with ExitStack() as stack:
        if fails:
            stack.enter_context(pytest.raises(AssertionError))
        with picture.screen:
            picture.screen.update("x", make_store(status=Status.READY), PLAN[:0])
            assert not fails
    picture.file.seek(0)
    assert "my-store  ready" in picture.file.read()
