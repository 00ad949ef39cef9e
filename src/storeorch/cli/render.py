"""Write data on standard output: as a table, JSON, YAML or bare names.

This module must know no command.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, assert_never

import click
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from storeorch.cli.options import Format
from storeorch.cli.progress.live import STATUS_STYLES

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_UNBOUNDED: Final = 10_000
"""Width in columns where nobody looks: a table in a pipe is never folded."""


def console() -> Console:
    """Return a console for data."""
    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED)


def error_console() -> Console:
    """Return a console for all that is no data."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else _UNBOUNDED)


def emit(
    format_: Format,
    data: Any,
    *,
    table: Callable[[], None],
    names: Iterable[str] = (),
) -> None:
    """Write data in the format that was asked for.

    Args:
        format_: The format.
        data: What can be written as JSON.
        table: Writes it for people.
        names: Bare names, one a line, for ``name``.
    """
    match format_:
        case Format.TABLE:
            table()
        case Format.JSON:
            click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        case Format.YAML:
            click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)
        case Format.NAME:
            for name in names:
                click.echo(name)
        case _:
            assert_never(format_)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Write columns as wide as they need to be, under upper-case headings.

    Args:
        columns: The headings.
        rows: The cells; None is shown as ``-``. A status is coloured on terminals.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(column, cell) for column, cell in zip(columns, row, strict=True)))
    _print(table)


def write_details(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Write names and values, one pair a line."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(f"{name}:", _cell(name.lower(), value))
    _print(table)


def _print(table: Table) -> None:
    target = console()
    if sys.stdout.isatty():
        target.print(table)
        return
    with target.capture() as captured:
        target.print(table)
    # rich pads the last column; a pipe has no use for blanks at the end of a line.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _cell(column: str, value: str | None) -> Text:
    text = printable(value) if value else "-"
    return Text(text, STATUS_STYLES.get(text, "") if column == "status" else "")


def printable(text: str) -> str:
    """Return the text with control characters, which a terminal would obey, made visible."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def timestamp(at: datetime) -> str:
    """Write a time of day in UTC to the second, as RFC 3339 does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
