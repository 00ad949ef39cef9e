"""``storeorch store watch`` and ``storeorch store wait``."""

from __future__ import annotations

import json

import click

from storeorch.cli.context import CliContext, note, pass_context
from storeorch.cli.loop import run
from storeorch.cli.options import Format, name_argument, output_option, timeout_option
from storeorch.cli.progress import follow_stores, settled
from storeorch.cli.render import console
from storeorch.cli.store.carry_out import Result, as_data, report, settle


@click.command()
@name_argument
@output_option(Format.TABLE, Format.JSON)
@pass_context
def watch(context: CliContext, *, name: str, output: Format) -> None:
    """Show a store and every change of it, until it is gone.

    As JSON, each change is one object on one line.
    """

    async def main() -> None:
        async with context.orchestrator() as o:
            store = await o.get(name)
            if not settled(store) and not await o.engine_running():
                note("Note: No engine is running, so nothing changes. Start one: storeorch run")
            if output is Format.TABLE:
                await follow_stores(o, [store.id], console(), endless=True)
                return
            async for change in o.watch(store.id):
                click.echo(json.dumps(as_data(change), ensure_ascii=False))

    run(main())


@click.command()
@name_argument
@timeout_option
@output_option()
@pass_context
def wait(context: CliContext, *, name: str, timeout: float, output: Format) -> None:
    """Wait until a store is ready, or has failed, or is gone.

    Where no engine runs, one runs inside this command for this store.
    """

    async def main() -> Result:
        async with context.orchestrator() as o:
            store = await o.get(name)
            elsewhere = settled(store) or await o.engine_running()
            if not elsewhere:
                await o.require_environment()
            return await settle(o, store, elsewhere=elsewhere, timeout=timeout)

    result = run(main())
    if result.store is None:
        click.echo(f"store/{result.name} deleted")
        return
    report(result, output, "accepted")
