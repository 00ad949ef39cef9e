"""What is in the code is in the documentation: settings, errors, hooks, states, commands, names."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import storeorch
from storeorch import errors, hookspecs
from storeorch.cli import cli
from storeorch.lifecycle import TRANSITIONS
from storeorch.models import Status
from storeorch.settings import Settings


def text_of(page: Path) -> str:
    """Return what a reader sees of a page."""
    main = page.read_text().partition("<article")[2].partition("</article>")[0]
    return html.unescape(re.sub(r"<[^>]+>", "", main))


def commands(
    command: click.Command = cli, path: tuple[str, ...] = ("storeorch",)
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with the words that call it."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_setting_is_documented(site: Path, name: str) -> None:
    page = text_of(site / "settings.html")
    assert f"STOREORCH_{name.upper()}" in page
    description = Settings.describe(name)
    assert description
    assert re.sub(r"\W", "", description) in re.sub(r"\W", "", page)


def error_classes() -> list[type[errors.StoreorchError]]:
    return [
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.StoreorchError)
    ]


@pytest.mark.parametrize("cls", error_classes(), ids=lambda cls: cls.__name__)
def test_error_is_documented(site: Path, cls: type[errors.StoreorchError]) -> None:
    page = text_of(site / "errors.html")
    assert re.search(rf"\b{cls.__name__}\b", page)
    assert cls.code in page.split()
    assert f'id="storeorch.errors.{cls.__name__}"' in (site / "api.html").read_text()


def test_error_codes_are_unique_and_kebab_case() -> None:
    codes = [cls.code for cls in error_classes()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_error_tree_in_the_docstring_is_the_real_one() -> None:
    drawn = re.findall(r"^[│├└─ ]*([A-Z]\w+)", errors.__doc__ or "", flags=re.MULTILINE)
    assert set(drawn) >= {cls.__name__ for cls in error_classes()}


@pytest.mark.parametrize("name", [n for n in dir(hookspecs) if n.startswith("storeorch_")])
def test_hook_is_documented(site: Path, name: str) -> None:
    assert f'id="storeorch.hookspecs.{name}"' in (site / "plugins.html").read_text()
    assert "Example" in (inspect.getdoc(getattr(hookspecs, name)) or "")


@pytest.mark.parametrize("before", Status)
def test_transitions_are_drawn_and_listed(site: Path, before: Status) -> None:
    page = (site / "concepts.html").read_text()
    assert re.search(rf"<dt>.*>{before}<", page)
    for after in TRANSITIONS[before]:
        assert f"{before} to {after}" in page


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_command_is_documented(site: Path, words: str) -> None:
    assert f"{words} [OPTIONS]" in text_of(site / "cli.html")


@pytest.mark.parametrize(("words", "command"), list(commands()))
def test_command_and_options_have_help(words: str, command: click.Command) -> None:
    assert command.help, words
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{words} {parameter.opts}"


@pytest.mark.parametrize("name", [n for n in storeorch.__all__ if not n.startswith("_")])
def test_public_name_is_documented(site: Path, name: str) -> None:
    home = f"storeorch.{storeorch._HOMES[name]}"
    page = (site / "api.html").read_text()
    assert f'id="{home}.{name}"' in page
    assert f'href="#{home}.{name}"' in page
