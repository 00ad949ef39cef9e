"""``storeorch type …``: see the store types that are installed."""

from __future__ import annotations

import click

from storeorch.cli.lazy import LazyCommand, LazyGroup


@click.group(
    "type",
    cls=LazyGroup,
    lazy={
        "list": LazyCommand("storeorch.cli.types.show", "list_types", "List the store types."),
        "show": LazyCommand(
            "storeorch.cli.types.show", "show_type", "Show what can be set of a store type."
        ),
    },
)
def types() -> None:
    """See the store types that are installed."""
