from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from storeorch.cli.extensions import Extensions

from .fake import Cli, entry_point

RUN = """
import sys
from storeorch.cli import cli
from storeorch.cli.context import CliContext
from storeorch.cli.extensions import Extensions
context = CliContext() if {installed} else CliContext(make_extensions=lambda: Extensions(()))
try:
    cli(prog_name="storeorch", obj=context)
except SystemExit as exit:
    assert not exit.code, exit.code
print("loaded:", sorted({heavy}.intersection(sys.modules)))
"""

ADAPTERS = {"kubernetes", "sqlalchemy", "pyhelm3", "storeorch.orchestrator"}
HEAVY = ADAPTERS | {"asyncio", "pydantic", "rich", "yaml"}


def loaded_by(*arguments: str, installed: bool, heavy: set[str]) -> str:
    """Run a command in a process of its own, with or without the plugins installed here."""
    code = RUN.format(installed=installed, heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


def test_help_imports_no_adapter_whatever_is_installed() -> None:
    assert loaded_by("--help", installed=True, heavy=ADAPTERS) == "loaded: []"


@pytest.mark.parametrize("arguments", [["--help"], ["store", "--help"], ["--version"]])
def test_help_imports_nothing_heavy_of_our_own(arguments: list[str]) -> None:
    assert loaded_by(*arguments, installed=False, heavy=HEAVY) == "loaded: []"


def test_help_lists_groups_exit_codes_and_extensions(so: Cli) -> None:
    so.extensions = Extensions([entry_point("plugin_with_commands")])
    result = so("--help")
    assert result.exit_code == 0
    for word in ("store", "type", "plugin", "db", "run", "doctor", "greet", "4 the environment"):
        assert word in result.stdout


def test_a_command_of_a_plugin_runs(so: Cli) -> None:
    so.extensions = Extensions([entry_point("plugin_with_commands")])
    result = so("greet")
    assert (result.exit_code, result.stdout) == (0, "hello\n")


def test_a_plugin_cannot_replace_a_command_of_ours(so: Cli) -> None:
    so.extensions = Extensions([entry_point("plugin_that_is_rude")])
    result = so("doctor")
    assert "rude" not in result.output


def test_a_broken_plugin_breaks_nothing_and_says_so_only_where_it_matters(so: Cli) -> None:
    so.extensions = Extensions(
        [entry_point("plugin_that_raises"), entry_point("plugin_with_commands")]
    )
    listed = so("--help")
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert "greet" in listed.stdout
    assert so("greet").stdout == "hello\n"
    unknown = so("grete")
    assert unknown.exit_code == 2
    assert "The plugin plugin_that_raises cannot be loaded" in unknown.stderr
    assert "CANARY" not in unknown.output
    assert "CANARY" in so.log()


def test_our_own_commands_do_not_load_plugins(so: Cli) -> None:
    so.extensions = Extensions([entry_point("plugin_that_raises")])
    assert so("store", "list").exit_code == 0
    assert so.log() == ""


def test_version(so: Cli) -> None:
    assert so("--version").stdout == f"storeorch {version('storeorch')}\n"


def test_an_unknown_command_is_wrong_usage(so: Cli) -> None:
    assert so("shop").exit_code == 2


def test_verbose_shows_the_operators_log_on_standard_error(so: Cli) -> None:
    so.o.raises["get"] = RuntimeError("the CANARY is loose, password=hunter2")
    quiet = so("store", "get", "my-store")
    assert "CANARY" not in quiet.output
    loud = so("-v", "store", "get", "my-store")
    assert "CANARY" in loud.stderr
    assert "CANARY" not in loud.stdout
    assert "hunter2" not in loud.output
