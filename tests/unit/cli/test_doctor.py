from __future__ import annotations

import json

from storeorch.environment import Check
from storeorch.errors import DatabaseUnavailable, EnvironmentNotReady
from storeorch.plugins import PluginInfo

from .fake import Cli

NO_HELM = Check(
    "helm", ok=False, detail="The helm command was not found.", hint="Install Helm.", code="x"
)


def test_all_is_well(so: Cli) -> None:
    result = so("doctor")
    assert result.exit_code == 0
    assert [line.split(maxsplit=1) for line in result.stdout.splitlines()] == [
        ["✓", "store types  Installed: toy."],
        ["✓", "database     The database answers."],
        ["✓", "helm         Helm 4.3.1"],
    ]
    assert so.o.names_called[-1] == "close"


def test_the_fix_stands_beside_each_cross(so: Cli) -> None:
    so.o.checks = [NO_HELM]
    result = so("doctor")
    assert result.exit_code == 4
    lines = result.stdout.splitlines()
    assert lines[2].startswith("✗ helm")
    assert lines[3].strip() == "Install Helm."


def test_for_programs(so: Cli) -> None:
    so.o.checks = [NO_HELM]
    result = so("doctor", "-o", "json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)[-1] == {
        "name": "helm",
        "ok": False,
        "detail": "The helm command was not found.",
        "hint": "Install Helm.",
        "code": "x",
    }


def test_without_a_database_the_rest_is_looked_at_all_the_same(so: Cli) -> None:
    so.o.raises["open"] = DatabaseUnavailable()
    result = so("doctor", "-o", "json")
    assert result.exit_code == 4
    found = {one["name"]: one for one in json.loads(result.stdout)}
    assert found["database"]["code"] == "database-unavailable"
    assert found["helm"]["ok"]
    assert so.o.names_called[-1] == "close"


def test_an_impossible_setting_is_a_cross(so: Cli) -> None:
    def load() -> object:
        raise EnvironmentNotReady("STOREORCH_DOMAIN has a value that is not possible.")

    so.load_settings = load  # type: ignore[assignment]
    result = so("doctor")
    assert result.exit_code == 4
    assert result.stdout.startswith("✗ settings  STOREORCH_DOMAIN has a value")


def test_no_types_and_broken_plugins_are_crosses(so: Cli) -> None:
    so.o.offered = []
    so.o.infos = [PluginInfo("toys", "storeorch-toys", "1", error="It cannot be loaded.")]
    result = so("doctor")
    assert result.exit_code == 4
    assert "✗ store types" in result.stdout
    assert "✗ plugin toys  It cannot be loaded." in result.stdout
