"""``storeorch store list`` and ``storeorch store get``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.loop import run
from storeorch.cli.options import EnvOption, Format, name_argument, output_option
from storeorch.cli.render import emit, timestamp, write_details, write_table
from storeorch.cli.store.carry_out import as_data
from storeorch.models import Status, Store, StoreFilter

if TYPE_CHECKING:
    from storeorch.orchestrator import Orchestrator

_PAGE = 500
"""Stores asked for at once."""


@click.command("list")
@click.option(
    "--status",
    cls=EnvOption,
    multiple=True,
    type=click.Choice([status.value for status in Status]),
    help="Only stores of this status. Repeatable.",
)
@click.option(
    "--type",
    "type_",
    cls=EnvOption,
    envvar="STOREORCH_STORE_LIST_TYPE",
    metavar="TYPE",
    help="Only stores of this type.",
)
@click.option(
    "--search", cls=EnvOption, metavar="TEXT", help="Only stores whose name contains this."
)
@output_option()
@pass_context
def list_stores(
    context: CliContext,
    *,
    status: Sequence[str],
    type_: str | None,
    search: str | None,
    output: Format,
) -> None:
    """List stores, newest first."""
    where = StoreFilter(statuses=frozenset(map(Status, status)), type=type_, search=search)

    async def main() -> list[Store]:
        async with context.orchestrator() as o:
            return await _all(o, where)

    stores = run(main())
    emit(
        output,
        [as_data(store) for store in stores],
        table=lambda: _write_list(stores),
        names=(store.name for store in stores),
    )


@click.command()
@name_argument
@output_option()
@pass_context
def get(context: CliContext, *, name: str, output: Format) -> None:
    """Show one store with its conditions."""

    async def main() -> Store:
        async with context.orchestrator() as o:
            return await o.get(name)

    store = run(main())
    emit(output, as_data(store), table=lambda: _write_store(store), names=[store.name])


async def _all(o: Orchestrator, where: StoreFilter) -> list[Store]:
    stores: list[Store] = []
    cursor: str | None = None
    while True:
        page = await o.list(where, limit=_PAGE, cursor=cursor)
        stores.extend(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return stores


def _write_list(stores: Sequence[Store]) -> None:
    write_table(
        ("name", "type", "status", "steps", "created", "url"),
        (
            (
                store.name,
                store.type,
                store.status.value,
                _steps(store),
                timestamp(store.created_at),
                store.url,
            )
            for store in stores
        ),
    )


def _steps(store: Store) -> str:
    done = sum(condition.status for condition in store.conditions)
    return f"{done}/{len(store.conditions)}"


def _write_store(store: Store) -> None:
    fault = store.fault
    write_details(
        [
            ("Name", store.name),
            ("Id", store.id),
            ("Type", store.type),
            ("Status", store.status.value),
            ("URL", store.url),
            ("Namespace", store.namespace),
            ("Release", store.helm_release),
            ("Generation", f"{store.generation} (observed: {store.observed_generation})"),
            ("Created", timestamp(store.created_at)),
            ("Updated", timestamp(store.updated_at)),
            ("Ready", timestamp(store.ready_at) if store.ready_at else None),
        ]
        + [(f"Set {key}", str(value)) for key, value in store.parameters.items()]
        + (
            [("Error", fault.message), ("Hint", fault.hint), ("Error id", fault.error_id)]
            if fault
            else []
        )
    )
    if store.conditions:
        click.echo()
        write_table(
            ("condition", "holds", "since", "reason", "message"),
            (
                (
                    condition.type,
                    "yes" if condition.status else "no",
                    timestamp(condition.since),
                    condition.reason,
                    condition.message,
                )
                for condition in store.conditions
            ),
        )
