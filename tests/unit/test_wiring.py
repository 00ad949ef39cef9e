"""Which adapters the settings lead to; nothing is contacted."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from storeorch.clock import SystemClock
from storeorch.errors import ClusterUnavailable, HelmMissing
from storeorch.helm import HelmReleases, process
from storeorch.hosts import HostsFile, NoHosts
from storeorch.kube import KubeCluster
from storeorch.orchestrator import Orchestrator
from storeorch.plugins import Plugins
from storeorch.settings import Settings
from storeorch.wiring import Adapters, connect

HELM = """#!/bin/sh
echo '{version}+gabcdef'
"""


def fake_helm(folder: Path, version: str) -> Path:
    """Write a program that answers every call with a version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "helm"
    path.write_text(HELM.format(version=version))
    path.chmod(0o755)
    return path


def settings_with(**settings: Any) -> Settings:
    given = {"database_url": "sqlite://", "log_file": None, **settings}
    return Settings(_env_prefix="STOREORCH_TESTS_ONLY_", **given)


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the only folder on ``PATH`` be an empty one, and no kubeconfig anywhere."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    monkeypatch.setenv("HOME", str(tmp_path / "no-home"))
    return folder


Connect = Callable[..., Adapters]


@pytest.fixture
async def connected(empty_path: Path) -> AsyncIterator[Connect]:
    made: list[Adapters] = []

    def make(offered: Path | None = None, **settings: Any) -> Adapters:
        asked: list[str] = []

        def find(name: str) -> Path | None:
            asked.append(name)
            assert asked == ["helm"]
            return offered

        made.append(connect(settings_with(**settings), find, SystemClock()))
        return made[-1]

    yield make
    for adapters in made:
        await adapters.close()


async def test_kinds_of_adapters(connected: Connect, tmp_path: Path) -> None:
    adapters = connected()
    assert isinstance(adapters.cluster, KubeCluster)
    assert isinstance(adapters.releases, HelmReleases)
    assert isinstance(adapters.hosts, NoHosts)
    assert isinstance(connected(hosts_file=tmp_path / "hosts").hosts, HostsFile)


async def test_helm_of_the_settings_comes_first(
    connected: Connect, tmp_path: Path, empty_path: Path
) -> None:
    fake_helm(empty_path, "v3.16.1")
    offered = fake_helm(tmp_path / "offered", "v3.17.1")
    set_ = fake_helm(tmp_path / "set", "v3.15.1")
    assert "3.15" in await connected(offered, helm=set_).releases.check()
    assert "3.16" in await connected(offered).releases.check()


@pytest.mark.parametrize(("lease", "grace"), [(6, 1), (30, 5), (300, 5)])
async def test_helm_is_killed_before_the_lease_of_its_pass_ends(
    connected: Connect,
    empty_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lease: float,
    grace: float,
) -> None:
    """Also one that does not listen to SIGTERM: its pass is cancelled after 2/3 of a lease."""
    fake_helm(empty_path, "v3.16.1")
    graces = []
    run = process.run

    async def recorded(*arguments: Any, **how: Any) -> process.Finished:
        graces.append(how["grace"])
        return await run(*arguments, **how)

    monkeypatch.setattr(process, "run", recorded)
    await connected(lease_duration=lease).releases.check()
    assert graces == [grace]
    assert lease * 2 / 3 + grace < lease


async def test_helm_that_a_plugin_offers(connected: Connect, tmp_path: Path) -> None:
    offered = fake_helm(tmp_path / "offered", "v3.17.1")
    assert "3.17" in await connected(offered).releases.check()


async def test_helm_is_nowhere(connected: Connect) -> None:
    with pytest.raises(HelmMissing):
        await connected().releases.check()


async def test_cluster_is_nowhere(connected: Connect) -> None:
    with pytest.raises(ClusterUnavailable):
        await connected().cluster.check_access()


async def test_orchestrator_wires_the_same(
    empty_path: Path, sample_plugins: Plugins, tmp_path: Path
) -> None:
    """Without adapters of a test's own, those of the settings."""
    helm = fake_helm(tmp_path / "set", "v3.15.1")
    async with Orchestrator(settings_with(helm=helm), sample_plugins, engine=False) as o:
        checks = {check.name: check for check in await o.check_environment()}
    assert "3.15" in checks["helm"].detail
    assert checks["cluster"].code == "cluster-unavailable"


def test_nothing_heavy_is_read_before_it_is_needed() -> None:
    """Reading the database alone needs no client of Kubernetes and no pyhelm3."""
    import subprocess
    import sys

    code = "import sys, storeorch.orchestrator; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )
    loaded = set(answer.stdout.split())
    assert not {"kubernetes", "pyhelm3", "sqlalchemy", "alembic", "click", "rich"} & loaded
