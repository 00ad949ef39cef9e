"""What a command is given: where its orchestrator comes from.

Tests hand in a context of their own, so that no command looks anything up by
itself. This module must know no command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from storeorch.cli.extensions import Extensions
    from storeorch.cli.logs import StandardError
    from storeorch.orchestrator import Orchestrator
    from storeorch.settings import Settings


def _load_settings() -> Settings:
    # Imported when called: settings take longer than `storeorch --help` may in all.
    module = import_module("storeorch.settings")
    return cast("Settings", module.Settings.load())


def _make_orchestrator(settings: Settings) -> Orchestrator:
    module = import_module("storeorch.orchestrator")
    return cast("Orchestrator", module.Orchestrator.from_settings(settings, engine=False))


def _make_extensions() -> Extensions:
    module = import_module("storeorch.cli.extensions")
    return cast("Extensions", module.Extensions())


def _stdin_is_terminal() -> bool:
    return sys.stdin.isatty()


@dataclass
class CliContext:
    """The world as a command sees it.

    Attributes:
        load_settings: Reads the settings.
        make_orchestrator: Makes an orchestrator without an engine inside; entering it
            opens the database.
        interactive: Whether someone can be asked on standard input.
        make_extensions: Finds the commands that plugins add.
        log: Shows log records on standard error; None outside the command line.
    """

    load_settings: Callable[[], Settings] = _load_settings
    make_orchestrator: Callable[[Settings], Orchestrator] = _make_orchestrator
    interactive: Callable[[], bool] = _stdin_is_terminal
    make_extensions: Callable[[], Extensions] = _make_extensions
    log: StandardError | None = None

    @cached_property
    def settings(self) -> Settings:
        """The settings, read on first use.

        Raises:
            EnvironmentNotReady: A variable has a value that is not possible.
        """
        return self.load_settings()

    @cached_property
    def extensions(self) -> Extensions:
        """The commands of plugins, found on first use."""
        return self.make_extensions()

    def orchestrator(self) -> Orchestrator:
        """Return a new orchestrator, not entered yet."""
        return self.make_orchestrator(self.settings)


pass_context = click.make_pass_decorator(CliContext, ensure=True)
"""Gives a command the `CliContext` as its first argument."""


def note(text: str) -> None:
    """Say something on standard error that is no data."""
    click.echo(text, err=True)
