"""``storeorch store events``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.loop import run
from storeorch.cli.options import EnvOption, Format, name_argument, output_option
from storeorch.cli.render import emit, printable, timestamp, write_table
from storeorch.durations import written
from storeorch.errors import StoreNotFound
from storeorch.models import Event

if TYPE_CHECKING:
    from storeorch.orchestrator import Orchestrator

_PAGE = 1000
"""Events asked for at once."""

_COLUMNS = ("time", "kind", "reason", "step", "took", "actor", "message")


@click.command()
@name_argument
@click.option(
    "-f",
    "--follow",
    cls=EnvOption,
    is_flag=True,
    help="Go on with new events until the store is gone.",
)
@output_option(Format.TABLE, Format.JSON, Format.YAML)
@pass_context
def events(context: CliContext, *, name: str, follow: bool, output: Format) -> None:
    """Show the history of a store, also of a deleted one, oldest first.

    With --follow, JSON and YAML are written one event at a time: an object a
    line, or a list item.
    """

    async def main() -> list[Event]:
        async with context.orchestrator() as o:
            if not follow:
                return await _all(o, name)
            try:
                async for event in o.follow(name):
                    _write_one(event, output)
            except StoreNotFound:
                # Gone already: its history is complete.
                for event in await _all(o, name):
                    _write_one(event, output)
            return []

    found = run(main())
    if not follow:
        emit(output, [_as_data(event) for event in found], table=lambda: _write(found))


async def _all(o: Orchestrator, name: str) -> list[Event]:
    found: list[Event] = []
    while True:
        page = await o.events(name, after=found[-1].id if found else 0, limit=_PAGE)
        found.extend(page)
        if len(page) < _PAGE:
            return found


def _write(found: Sequence[Event]) -> None:
    write_table(_COLUMNS, (_row(event) for event in found))


def _write_one(event: Event, output: Format) -> None:
    if output is Format.JSON:
        click.echo(json.dumps(_as_data(event), ensure_ascii=False))
    elif output is Format.YAML:
        emit(output, [_as_data(event)], table=lambda: None)
    else:
        click.echo("  ".join(printable(cell) for cell in _row(event) if cell))


def _row(event: Event) -> tuple[str | None, ...]:
    return (
        timestamp(event.at),
        event.kind.value,
        event.reason,
        event.step,
        None if event.duration is None else written(event.duration),
        event.actor,
        event.message,
    )


def _as_data(event: Event) -> dict[str, Any]:
    return event.model_dump(mode="json")
