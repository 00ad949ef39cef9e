"""``storeorch plugin list``."""

from __future__ import annotations

import click

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.options import Format, output_option
from storeorch.cli.render import emit, write_table


@click.command("list")
@output_option()
@pass_context
def list_plugins(context: CliContext, *, output: Format) -> None:
    """List the plugins, broken ones included."""
    found = context.orchestrator().plugins()
    emit(
        output,
        [
            {
                "name": info.name,
                "distribution": info.distribution,
                "version": info.version,
                "types": list(info.types),
                "error": info.error,
            }
            for info in found
        ],
        table=lambda: write_table(
            ("name", "distribution", "version", "types", "error"),
            (
                (info.name, info.distribution, info.version, ", ".join(info.types), info.error)
                for info in found
            ),
        ),
        names=(info.name for info in found),
    )
