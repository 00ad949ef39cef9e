"""``storeorch store …``: create, watch, change and delete stores."""

from __future__ import annotations

import click

from storeorch.cli.lazy import LazyCommand, LazyGroup


def _here(module: str, attribute: str, help_: str) -> LazyCommand:
    return LazyCommand(f"storeorch.cli.store.{module}", attribute, help_)


@click.group(
    cls=LazyGroup,
    lazy={
        "create": _here("create", "create", "Create a store."),
        "list": _here("show", "list_stores", "List stores."),
        "get": _here("show", "get", "Show one store with its conditions."),
        "watch": _here("follow", "watch", "Show a store and every change of it, until it is gone."),
        "wait": _here("follow", "wait", "Wait until a store is ready, or has failed."),
        "update": _here("change", "update", "Change parameters of a store."),
        "retry": _here("change", "retry", "Try again what has failed."),
        "delete": _here("delete", "delete", "Delete a store with all its data."),
        "events": _here("events", "events", "Show the history of a store, also of a deleted one."),
        "credentials": _here(
            "inside", "credentials", "Show how the administrator of a store logs in."
        ),
        "logs": _here("inside", "logs", "Show what the containers of a store write."),
        "open": _here("inside", "open_store", "Open a store in the browser."),
    },
)
def store() -> None:
    """Create, watch, change and delete stores."""
