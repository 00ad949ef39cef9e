from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pluggy
import pytest

import storeorch_devcluster
from storeorch import hookspecs
from storeorch_devcluster import plugin
from storeorch_devcluster.paths import binaries_dir


@pytest.fixture
def hooks() -> pluggy.HookRelay:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    return manager.hook


def test_the_plugin_is_found_by_its_entry_point() -> None:
    found = entry_points(group=hookspecs.ENTRY_POINT_GROUP, name="devcluster")
    assert {entry.value for entry in found} == {"storeorch_devcluster.plugin"}


def test_the_command_is_added(hooks: pluggy.HookRelay) -> None:
    ((command,),) = hooks.storeorch_cli_commands()
    assert command.name == "dev"
    assert set(command.commands) == {"up", "status", "kubeconfig", "load", "down"}


def test_built_programs_are_offered(hooks: pluggy.HookRelay, cache: Path) -> None:
    assert hooks.storeorch_executable(name="helm") is None
    binaries_dir().mkdir(parents=True)
    for name in ("helm", "etcd"):
        (binaries_dir() / name).touch(mode=0o755)
    assert hooks.storeorch_executable(name="helm") == binaries_dir() / "helm"
    assert hooks.storeorch_executable(name="etcd") is None


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys\n"
        "from storeorch_devcluster import plugin\n"
        "plugin.storeorch_executable('helm')\n"
        "plugin.storeorch_cli_commands()\n"
        "print(*sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"cryptography", "filelock", "kubernetes", "psutil", "pydantic", "rich", "urllib3"}
    assert not heavy & set(answer.stdout.split())


def test_exported_members() -> None:
    exported = {name: getattr(storeorch_devcluster, name) for name in storeorch_devcluster.__all__}
    assert (
        set(dir(storeorch_devcluster))
        == set(exported)
        == {
            "DevClusterError",
            "EmbeddedCluster",
            "Progress",
            "RealNodeCluster",
            "ensure_binaries",
            "ensure_helm3",
            "ensure_node_binaries",
        }
    )
    with pytest.raises(AttributeError):
        storeorch_devcluster.nothing  # noqa: B018
