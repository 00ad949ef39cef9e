"""``storeorch db …``: look after the database."""

from __future__ import annotations

import click

from storeorch.cli.lazy import LazyCommand, LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "upgrade": LazyCommand(
            "storeorch.cli.db.upgrade",
            "upgrade",
            "Create the tables, or bring them up to this version.",
        )
    },
)
def db() -> None:
    """Look after the database."""
