"""Options that several commands share.

Every option names its environment variable in its help; click reads it as
``STOREORCH_<COMMAND>_<OPTION>``.

This module must know no command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

import click
from typing_extensions import override

from storeorch.cli.assignments import parse_assignments
from storeorch.cli.duration import Duration

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_TIMEOUT: Final = "15m"
"""Longer than the provisioning deadline (10 minutes by default), so that a store that cannot
become ready is reported as failed before the wait ends."""


class Format(StrEnum):
    """How data is written on standard output."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class EnvOption(click.Option):
    """An option whose help names its environment variable."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("show_envvar", True)
        super().__init__(*args, **kwargs)


class _FormatType(click.Choice[str]):
    """One of some formats."""

    name = "format"

    def __init__(self, formats: Sequence[Format]) -> None:
        super().__init__([format_.value for format_ in formats])

    @override
    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Format:
        return Format(super().convert(value, param, ctx))


class _Assignments(EnvOption):
    """``--set``, repeatable, as one nested mapping."""

    @override
    def process_value(self, ctx: click.Context, value: Any) -> dict[str, Any]:
        texts: Sequence[str] = super().process_value(ctx, value) or ()
        try:
            return parse_assignments(texts)
        except click.BadParameter as error:
            error.ctx, error.param = ctx, self
            raise


def output_option(*formats: Format) -> Callable[[Command], Command]:
    """Add ``-o/--output`` as the argument ``output``.

    Args:
        *formats: Which formats are possible; the first is the default; all if none is given.
    """
    possible = formats or tuple(Format)
    return click.option(
        "-o",
        "--output",
        cls=EnvOption,
        type=_FormatType(possible),
        default=possible[0].value,
        show_default=True,
        help="How to write the data.",
    )


def name_argument(function: Command) -> Command:
    """Add the argument ``NAME`` of an existing store."""
    return click.argument("name", metavar="NAME")(function)


def set_option(function: Command) -> Command:
    """Add ``--set KEY=VALUE`` as the argument ``set``, a nested mapping."""
    return click.option(
        "--set",
        cls=_Assignments,
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a parameter of the store type; dots nest (mysql.storage=20Gi), a value that "
        "begins with [ or { is JSON. Repeatable.",
    )(function)


def wait_option(function: Command) -> Command:
    """Add ``--wait``."""
    return click.option(
        "--wait",
        cls=EnvOption,
        is_flag=True,
        help="Wait until it is done and show the progress. Where no engine runs, one runs "
        "inside this command for this store.",
    )(function)


def timeout_option(function: Command) -> Command:
    """Add ``--timeout``, in seconds."""
    return click.option(
        "--timeout",
        cls=EnvOption,
        type=Duration(),
        default=DEFAULT_TIMEOUT,
        show_default=True,
        metavar="DURATION",
        help="How long to wait, for example 90s, 10m or 1h30m; a timeout cancels nothing.",
    )(function)
