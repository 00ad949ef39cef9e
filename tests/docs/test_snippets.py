"""Every snippet of the documentation speaks of things that exist."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from storeorch.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("plugins/*/README.md"),
    *ROOT.glob("examples/*.md"),
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OURS = ("storeorch",)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in sorted(PAGES):
        for number, match in enumerate(FENCE.finditer(page.read_text()), 1):
            if match[1] == language:
                yield f"{page.relative_to(ROOT)}:{number}", match[2]


def command_lines() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for place, text in blocks("console"):
        for line in text.splitlines():
            assert line.startswith("$ "), f"{place}: {line}"
            parts = re.split(r"&&|;|\||\$\(|\)", line.removeprefix("$ "))
            found.extend((place, part.strip()) for part in parts)
    return found


STOREORCH = [(p, c) for p, c in command_lines() if re.match(r"storeorch\b", c)]
NOX = [(p, c) for p, c in command_lines() if "-m nox" in c]


def test_there_is_something_to_check() -> None:
    assert len(STOREORCH) > 20
    assert len(NOX) > 10 or NOX
    assert len(list(blocks("python"))) > 5


@pytest.mark.parametrize(("place", "code"), list(blocks("python")))
def test_python_compiles_and_its_imports_exist(place: str, code: str) -> None:
    for node in ast.walk(ast.parse(code, place)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OURS):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module}.{alias.name}"


@pytest.mark.parametrize(("place", "line"), STOREORCH)
def test_command_exists_with_its_options(place: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cli
    context = click.Context(command, info_name="storeorch")
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"{place}: {line}"
        command, words = found, words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    known = {option for parameter in command.get_params(context) for option in parameter.opts}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in known, f"{place}: {line}"


@pytest.mark.parametrize(("place", "line"), NOX)
def test_nox_session_exists(place: str, line: str) -> None:
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    match = re.search(r"-s (\w+)", line)
    assert match is None or match[1] in sessions, f"{place}: {line}"


def test_readme_and_ci_run_the_same_command() -> None:
    command = "python3 -m nox -s tests"
    assert f"$ {command}\n" in (ROOT / "README.md").read_text()
    assert f"\n{command}\n" in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)[^):\s]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_layers_in_the_docs_are_those_that_are_held() -> None:
    held = (ROOT / ".importlinter").read_text().partition("layers =\n")[2].partition("broken")[0]
    rows = [set(re.findall(r"\w+", row)) for row in held.strip().splitlines()]
    table = (ROOT / "docs/architecture.md").read_text().partition("| Modules | Role |\n")[2]
    listed = [
        set(re.findall(r"`(\w+)`", row.split("|")[1]))
        for row in table.partition("\n\n")[0].splitlines()[1:]
    ]
    assert listed == rows
