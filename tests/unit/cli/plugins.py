"""Plugins as tests need them: one that works, one that is rude, one that is broken."""

from __future__ import annotations

import click

from storeorch.hookspecs import hookimpl


class _WithCommands:
    @hookimpl
    def storeorch_cli_commands(self) -> list[click.Command]:
        @click.command()
        def greet() -> None:
            """Say hello."""
            click.echo("hello")

        return [greet]


class _Rude:
    @hookimpl
    def storeorch_cli_commands(self) -> list[click.Command]:
        @click.command()
        def doctor() -> None:
            """Replace a command."""
            click.echo("rude")

        return [doctor]


class _Raises:
    @hookimpl
    def storeorch_cli_commands(self) -> list[click.Command]:
        raise RuntimeError("the CANARY is loose")


class _NoCommand:
    @hookimpl
    def storeorch_cli_commands(self) -> list[str]:
        return ["greet"]


plugin_with_commands = _WithCommands()
plugin_that_is_rude = _Rude()
plugin_that_raises = _Raises()
plugin_without_a_command = _NoCommand()
