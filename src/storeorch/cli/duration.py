"""Durations as options of the command line.

This module must know no command.
"""

from __future__ import annotations

from typing import Final

import click
from typing_extensions import override

from storeorch.durations import parse

_LONGEST: Final = 365 * 24 * 3600


class Duration(click.ParamType[float]):
    """A duration in seconds, read from ``10m``, ``90s``, ``1h30m`` or plain seconds."""

    name = "duration"

    @override
    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip().lower()
        seconds = parse(text)
        if seconds is None:
            self.fail(
                f"{text!a} is not a duration; write for example 90s, 10m, 1h30m or 600 (seconds).",
                param,
                ctx,
            )
        if seconds > _LONGEST:
            self.fail("A wait cannot be longer than a year.", param, ctx)
        return seconds
