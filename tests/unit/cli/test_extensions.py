from __future__ import annotations

import pytest

from storeorch.cli.extensions import Extensions

from .fake import entry_point


def test_commands_by_name() -> None:
    extensions = Extensions([entry_point("plugin_with_commands")])
    assert list(extensions.commands()) == ["greet"]
    assert extensions.broken == []


@pytest.mark.parametrize(
    "name", ["plugin_that_raises", "plugin_without_a_command", "plugin_that_does_not_exist"]
)
def test_a_broken_plugin_adds_nothing_and_is_named(name: str) -> None:
    extensions = Extensions([entry_point(name), entry_point("plugin_with_commands")])
    assert list(extensions.commands()) == ["greet"]
    assert extensions.broken == [name]


def test_plugins_are_asked_once() -> None:
    extensions = Extensions([entry_point("plugin_that_raises")])
    extensions.commands()
    extensions.commands()
    assert extensions.broken == ["plugin_that_raises"]
