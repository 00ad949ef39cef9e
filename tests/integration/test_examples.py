"""The examples, as a user would run them, on a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.cluster

Run = Callable[..., str]


@pytest.fixture
def run(cluster_kubeconfig: Path, tmp_path: Path) -> Run:
    """Run programs of this environment on the cluster; returns what they print."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(cluster_kubeconfig),
        "STOREORCH_DATABASE_URL": f"sqlite:///{tmp_path / 'stores.db'}",
        "STOREORCH_LOG_FILE": str(tmp_path / "operator.log"),
        "PYTHONPATH": str(tmp_path / "plugins"),
    }

    def run_program(program: str, *arguments: str | Path) -> str:
        process = subprocess.run(
            [str(Path(sys.executable).parent / program), *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    return run_program


def test_create_store_and_its_blocking_twin(run: Run) -> None:
    assert run("python", ROOT / "examples/create_store.py") == "http://my-store.local.test\n"
    run("storeorch", "store", "delete", "my-store", "--yes", "--wait")
    assert run("python", ROOT / "examples/blocking.py") == "http://my-store.local.test\n"
    assert json.loads(run("storeorch", "store", "list", "-o", "json")) == []


def test_create_many(run: Run) -> None:
    shown = run("python", ROOT / "examples/create_many.py", "north", "south").splitlines()
    for name in ("north", "south"):
        assert [line for line in shown if line.startswith(name)][-1].startswith(
            f"{name}: ready, 100%."
        )


def test_shop_window_is_found_once_installed(run: Run, tmp_path: Path) -> None:
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check")
    project = ROOT / "examples/shop_window"
    subprocess.run([*build, "--outdir", tmp_path, project], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "plugins")

    create = ("create", "my-window", "--type", "shop-window", "--set", "replicas=2", "--wait")
    run("storeorch", "store", *create)
    found = json.loads(run("storeorch", "store", "get", "my-window", "-o", "json"))
    assert (found["status"], found["url"]) == ("ready", "http://my-window.local.test")
    run("storeorch", "store", "delete", "my-window", "--yes", "--wait")
