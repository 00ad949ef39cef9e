"""A group of commands whose modules are imported when one of them runs.

This module must know no command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is, and what the list of commands says of it.

    Attributes:
        module: The module to import.
        attribute: The command's name in that module.
        help: The command's short help, so that listing imports nothing.
    """

    module: str
    attribute: str
    help: str

    def load(self) -> click.Command:
        """Import the module and return the command."""
        command = getattr(import_module(self.module), self.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.module}.{self.attribute} is not a command")
        return command


class LazyGroup(click.Group):
    """A click group that imports a command only when it is called or asked for its help.

    Args:
        lazy: The commands by name, in the order in which they are listed.
    """

    def __init__(
        self, *args: Any, lazy: Mapping[str, LazyCommand] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *super().list_commands(ctx)]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = self.lazy.get(cmd_name)
        return known.load() if known else super().get_command(ctx, cmd_name)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self._short_help(ctx, name)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def _short_help(self, ctx: click.Context, name: str) -> str:
        known = self.lazy.get(name)
        if known:
            return known.help
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=80) if command else ""
