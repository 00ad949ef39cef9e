"""``storeorch store delete``."""

from __future__ import annotations

import click

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.loop import run
from storeorch.cli.options import EnvOption, name_argument, timeout_option, wait_option
from storeorch.cli.store.carry_out import Result, Wait, carry_out
from storeorch.models import Store


@click.command()
@name_argument
@click.option("-y", "--yes", cls=EnvOption, is_flag=True, help="Do not ask.")
@wait_option
@timeout_option
@pass_context
def delete(context: CliContext, *, name: str, yes: bool, wait: bool, timeout: float) -> None:
    """Delete a store with all its data: release, volumes, namespace and host.

    Asks for the store's name first, unless --yes is given.
    """
    if not yes and not context.interactive():
        raise click.UsageError(
            "Nobody can be asked here whether to delete the store; give --yes to delete it "
            "without being asked."
        )

    async def find() -> Store:
        async with context.orchestrator() as o:
            return await o.get(name)

    async def main(store: Store) -> Result:
        async with context.orchestrator() as o:
            return await carry_out(o, lambda: o.delete(store.id), Wait(wait, timeout))

    # Asked between two runs: while an event loop runs, Ctrl-C cannot end a prompt.
    store = run(find())
    if not yes:
        _ask(store)
    result = run(main(store))
    gone = result.waited and result.store is None
    click.echo(f"store/{result.name} {'deleted' if gone else 'deletion accepted'}")


def _ask(store: Store) -> None:
    answer = click.prompt(
        f"This deletes the store {store.name} with all its data. Type its name to go on",
        default="",
        show_default=False,
        err=True,
    )
    if answer.strip() != store.name:
        raise click.ClickException("That is not the store's name; nothing was deleted.")
