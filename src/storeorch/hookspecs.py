"""The hooks that a plugin may implement.

A plugin is any distribution with an entry point in the group
``storeorch.plugins`` that names a module or object with functions marked
``@hookimpl``:

```python
from storeorch.hookspecs import hookimpl


@hookimpl
def storeorch_store_types():
    return [MyShop()]
```

This module must not import click, a cluster or Helm: reading it is cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from storeorch.storetype import StoreType

PROJECT = "storeorch"
"""The pluggy project name."""

ENTRY_POINT_GROUP = "storeorch.plugins"
"""The entry point group that plugins register in."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function as the implementation of the hook of the same name."""


@hookspec
def storeorch_store_types() -> Sequence[StoreType]:  # type: ignore[empty-body]
    """Offer store types.

    Returns:
        The types, each with a ``name`` that no other plugin offers.

    Example:
        >>> from storeorch.hookspecs import hookimpl
        >>> @hookimpl
        ... def storeorch_store_types():
        ...     return []
    """


@hookspec
def storeorch_cli_commands() -> Sequence[click.Command]:  # type: ignore[empty-body]
    """Add commands beside ``store``, ``type`` and the other groups of the command line.

    Import click and all that is heavy inside the function or inside the
    commands, so that ``storeorch --help`` stays fast.

    Returns:
        The commands or groups to add, by their own names.

    Example:
        >>> import click
        >>> from storeorch.hookspecs import hookimpl
        >>> @hookimpl
        ... def storeorch_cli_commands():
        ...     @click.command()
        ...     def hello() -> None:
        ...         click.echo("hello")
        ...
        ...     return [hello]
    """


@hookspec(firstresult=True)
def storeorch_executable(name: str) -> Path | None:
    """Find a program that is not on the machine's search path.

    Asked only when neither a setting nor ``PATH`` has the program.

    Args:
        name: The bare name of the program, for example ``helm``.

    Returns:
        The absolute path of an executable file, or None.

    Example:
        >>> from storeorch.hookspecs import hookimpl
        >>> @hookimpl
        ... def storeorch_executable(name):
        ...     return None
    """
