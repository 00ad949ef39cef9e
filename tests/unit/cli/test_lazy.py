from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from storeorch.cli import cli
from storeorch.cli.lazy import LazyCommand, LazyGroup


def groups(group: LazyGroup, path: str) -> Iterator[tuple[str, LazyCommand]]:
    for name, lazy in group.lazy.items():
        yield f"{path} {name}", lazy
        command = lazy.load()
        if isinstance(command, LazyGroup):
            yield from groups(command, f"{path} {name}")


assert isinstance(cli, LazyGroup)
COMMANDS = dict(groups(cli, "storeorch"))


def test_all_commands_are_there() -> None:
    assert [path.removeprefix("storeorch ") for path in COMMANDS] == [
        "store",
        "store create",
        "store list",
        "store get",
        "store watch",
        "store wait",
        "store update",
        "store retry",
        "store delete",
        "store events",
        "store credentials",
        "store logs",
        "store open",
        "type",
        "type list",
        "type show",
        "plugin",
        "plugin list",
        "db",
        "db upgrade",
        "settings",
        "settings list",
        "rbac",
        "run",
        "doctor",
    ]


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_has_the_name_and_the_help_that_are_listed(path: str) -> None:
    lazy = COMMANDS[path]
    command = lazy.load()
    assert command.name == path.rsplit(maxsplit=1)[-1]
    assert command.help
    first_sentence = " ".join(command.help.split("\n\n")[0].split())
    listed = lazy.help.rstrip(".")
    assert first_sentence.startswith(listed), "the list and the help drifted apart"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_names_its_environment_variable(path: str) -> None:
    command = COMMANDS[path].load()
    parent = click.Context(click.Group("storeorch"), info_name="storeorch")
    parent.auto_envvar_prefix = "STOREORCH"
    for name in path.split()[1:]:
        parent = click.Context(command, info_name=name, parent=parent)
    for option in command.params:
        if isinstance(option, click.Option):
            long = option.opts[-1].removeprefix("--").replace("-", "_").upper()
            variable = "_".join(["STOREORCH", *path.upper().split()[1:], long])
            assert option.get_help_extra(parent).get("envvars") == (variable,), option.opts


def test_what_is_no_command_is_not_taken_for_one() -> None:
    with pytest.raises(TypeError, match="is not a command"):
        LazyCommand("storeorch.cli.lazy", "LazyGroup", "").load()
