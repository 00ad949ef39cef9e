"""``storeorch db upgrade``."""

from __future__ import annotations

import click

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.loop import run


@click.command()
@pass_context
def upgrade(context: CliContext) -> None:
    """Create the tables, or bring them up to this version.

    An SQLite database does not need this: it is upgraded when it is opened.
    """
    changed = run(context.orchestrator().upgrade_database(context.settings))
    click.echo("database upgraded" if changed else "database is up to date")
