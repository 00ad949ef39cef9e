"""``storeorch settings …``: see the settings and their variables."""

from __future__ import annotations

import click

from storeorch.cli.lazy import LazyCommand, LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "list": LazyCommand(
            "storeorch.cli.settings.show",
            "list_settings",
            "List the settings with their variables and values.",
        )
    },
)
def settings() -> None:
    """See the settings and their variables."""
