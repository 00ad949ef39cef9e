from __future__ import annotations

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeorch.cli.duration import Duration
from storeorch.durations import written


def parse(text: str) -> float:
    return Duration().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("600", 600),
        ("0", 0),
        ("1.5", 1.5),
        ("90s", 90),
        ("0.5s", 0.5),
        ("10m", 600),
        ("1h30m", 5400),
        ("2h", 7200),
        ("1h0m1s", 3601),
        (" 10M ", 600),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "m", "-5", "10x", "1m1h", "1.5h", "1e3", "inf", "nan", "10 m", "٣m"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration"):
        parse(text)


def test_a_year_is_the_longest() -> None:
    with pytest.raises(click.BadParameter, match="longer than a year"):
        parse("9999999h")


@settings(deadline=None)
@given(st.integers(min_value=10, max_value=365 * 24 * 3600))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse(written(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (2.14, "2.1s"), (9.99, "10.0s"), (10, "10s"), (59.6, "1m"), (3600, "1h")],
)
def test_writing(seconds: float, text: str) -> None:
    assert written(seconds) == text
