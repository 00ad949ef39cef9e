"""``storeorch plugin …``: see the plugins that are installed."""

from __future__ import annotations

import click

from storeorch.cli.lazy import LazyCommand, LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "list": LazyCommand(
            "storeorch.cli.plugin.show", "list_plugins", "List the plugins, broken ones included."
        )
    },
)
def plugin() -> None:
    """See the plugins that are installed."""
