"""``storeorch store credentials``, ``store logs`` and ``store open``."""

from __future__ import annotations

import click

from storeorch.cli.context import CliContext, note, pass_context
from storeorch.cli.loop import run
from storeorch.cli.options import EnvOption, Format, name_argument, output_option
from storeorch.cli.render import emit, printable, write_table
from storeorch.errors import StoreConflict
from storeorch.models import Credentials, Store


@click.command()
@name_argument
@output_option(Format.TABLE, Format.JSON, Format.YAML)
@pass_context
def credentials(context: CliContext, *, name: str, output: Format) -> None:
    """Show how the administrator of a store logs in; the history keeps who asked.

    As JSON or YAML, all passwords and keys of the store are shown.
    """

    async def main() -> Credentials:
        async with context.orchestrator() as o:
            return await o.credentials(name)

    found = run(main())
    emit(output, found.model_dump(mode="json"), table=lambda: _write(found))


def _write(found: Credentials) -> None:
    if found.admin is None:
        write_table(("key", "value"), sorted(found.values.items()))
        return
    login = found.admin
    write_table(("url", "user", "password"), [(login.url, login.username, login.password)])


@click.command()
@name_argument
@click.option(
    "-f", "--follow", cls=EnvOption, is_flag=True, help="Go on as they write, until all have ended."
)
@click.option(
    "--tail",
    cls=EnvOption,
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="How many of the last lines of each container to begin with.",
)
@pass_context
def logs(context: CliContext, *, name: str, follow: bool, tail: int) -> None:
    """Show what the containers of a store write, each line with pod and container."""

    async def main() -> int:
        count = 0
        async with context.orchestrator() as o:
            async for line in o.logs(name, follow=follow, tail=tail):
                click.echo(f"{line.pod}/{line.container}: {printable(line.text)}")
                count += 1
        return count

    if not run(main()):
        note("No container of the store has written anything yet.")


@click.command("open")
@name_argument
@click.option("--url", cls=EnvOption, is_flag=True, help="Print the address, and open nothing.")
@pass_context
def open_store(context: CliContext, *, name: str, url: bool) -> None:
    """Open a store in the browser."""

    async def main() -> Store:
        async with context.orchestrator() as o:
            return await o.get(name)

    store = run(main())
    if store.url is None:
        raise StoreConflict(
            f"The store {store.name} has no address yet; it is {store.status.value}.",
            hint=f"Wait for it with: storeorch store wait {store.name}",
        )
    click.echo(store.url)
    if not url and click.launch(store.url) != 0:
        note("No browser could be started here.")
