"""Commands that plugins add, found without loading what else a plugin offers.

`storeorch.plugins` loads store types too, with their parameter models, and
takes several times as long as listing commands may. So this module asks each
plugin for its commands alone. A plugin that is broken here adds none; why is in
the operator's log, and `storeorch plugin list` says so.

This module must know no store type.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click
import pluggy

from storeorch import hookspecs
from storeorch.redaction import new_error_id

operator_log = logging.getLogger("storeorch.operator")


class Extensions:
    """The commands of plugins, loaded on first use.

    Args:
        sources: The plugins' entry points; those installed unless given.

    Attributes:
        broken: Names of plugins whose commands could not be loaded.
    """

    def __init__(self, sources: Iterable[EntryPoint] | None = None) -> None:
        self._sources = sources
        self._commands: dict[str, click.Command] | None = None
        self.broken: list[str] = []

    def commands(self) -> dict[str, click.Command]:
        """Return the commands by name; the first plugin to offer a name has it."""
        if self._commands is None:
            self._commands = {}
            sources = self._sources
            if sources is None:
                sources = entry_points(group=hookspecs.ENTRY_POINT_GROUP)
            for entry in sorted(sources, key=lambda entry: entry.name):
                for name, command in self._load(entry):
                    self._commands.setdefault(name, command)
        return self._commands

    def _load(self, entry: EntryPoint) -> list[tuple[str, click.Command]]:
        try:
            return list(_offered(entry.load(), entry.name))
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is its own fault
            operator_log.error(
                "plugin commands failed",
                exc_info=error,
                extra={"error_id": new_error_id(), "plugin": entry.name},
            )
            self.broken.append(entry.name)
            return []


def _offered(plugin: Any, name: str) -> Iterator[tuple[str, click.Command]]:
    plugins = pluggy.PluginManager(hookspecs.PROJECT)
    plugins.add_hookspecs(hookspecs)
    plugins.register(plugin, name)
    for commands in plugins.hook.storeorch_cli_commands():
        for command in commands:
            if not isinstance(command, click.Command) or not command.name:
                raise TypeError("an offered command is not a click command with a name")
            yield command.name, command
