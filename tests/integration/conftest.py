"""What integration tests share: one embedded API server for the whole session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storeorch.wiring import rbac_manifests
from storeorch_devcluster import EmbeddedCluster

from .api import Api
from .by_hand import ApiByHand
from .limited import altered, apply_all, token_of
from .workplace import HOSTS, Workplace, environment_of


@pytest.fixture(scope="session")
def embedded_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """Start a control plane with simulated nodes."""
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster_kubeconfig(embedded_cluster: EmbeddedCluster) -> Path:
    """Return the administrator's kubeconfig of the session's cluster."""
    return embedded_cluster.kubeconfig


@pytest.fixture(scope="session")
def api(cluster_kubeconfig: Path) -> Iterator[Api]:
    """The API server, for a person with all rights."""
    made = Api(cluster_kubeconfig)
    yield made
    made.close()


@pytest.fixture(scope="session")
def engine_kubeconfig(
    api: Api, cluster_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the kubeconfig of a service account that has exactly the role of an engine.

    Everything in these tests runs under it; only what tests do themselves does not.
    """
    apply_all(api, rbac_manifests(namespace="storeorch", service_account="engine"))
    path = tmp_path_factory.mktemp("engine") / "engine.kubeconfig"
    return altered(cluster_kubeconfig, path, token=token_of(api, "storeorch", "engine"))


@pytest.fixture
def by_hand(api: Api) -> ApiByHand:
    """Somebody who changes the cluster past storeorch."""
    return ApiByHand(api)


@pytest.fixture
def workplace(
    tmp_path: Path, engine_kubeconfig: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workplace]:
    """A database, a hosts file and a log of its own, named by the environment."""
    environ = environment_of(tmp_path, engine_kubeconfig, os.environ)
    for name in [name for name in os.environ if name.startswith("STOREORCH_")]:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    made = Workplace(tmp_path, api, environ)
    made.hosts.write_bytes(HOSTS)
    yield made
    made.leave()
