"""A real node for the tests, and a small image on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storeorch_devcluster import RealNodeCluster

from .objects import Kubectl, eventually, kubectl_of, make_busybox
from .store import DeployedStore, deployed, parameters_of
from .woocommerce_images import ROOT, build

CHARTS = ROOT / "charts"


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("images") / "busybox.tar"
    make_busybox(archive)
    return archive


@pytest.fixture(scope="session")
def node(busybox: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNodeCluster]:
    with RealNodeCluster(tmp_path_factory.mktemp("node") / "cluster") as cluster:
        cluster.load_images([busybox])
        yield cluster


@pytest.fixture(scope="session")
def woocommerce(
    node: RealNodeCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DeployedStore]:
    """A WooCommerce store; it lives beside the other one, and nothing of it is left at the end."""
    node.load_images(build("woocommerce", "mariadb").values())
    wanted = ("--type=woocommerce", "--set=shop.currency=EUR", "--set=shop.country=DE")
    local = parameters_of(CHARTS / "woocommerce" / "values-local.yaml")
    with deployed(node, tmp_path_factory.mktemp("woocommerce"), "ada", *wanted, *local) as store:
        yield store


@pytest.fixture(scope="session")
def medusa(
    node: RealNodeCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DeployedStore]:
    """A Medusa store; it lives beside the other one, and nothing of it is left at the end."""
    node.load_images(build("medusa", "postgresql", "redis").values())
    wanted = ("--type=medusa", "--set=admin_email=owner@example.com")
    local = parameters_of(CHARTS / "medusa" / "values-local.yaml")
    with deployed(node, tmp_path_factory.mktemp("medusa"), "shop", *wanted, *local) as store:
        yield store


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    words = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")
    return str(words)[:40].strip("-")


@pytest.fixture
def kubectl(node: RealNodeCluster, namespace: str) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own, with Pod Security restricted."""
    own = kubectl_of(node, namespace)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": namespace, "labels": labels}
    own.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    eventually(
        lambda: own.run("get", "serviceaccount", "default").returncode == 0, "service account"
    )
    yield own
    own("delete", "namespace", namespace, "--wait=true")


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """The machine's own kubeconfig must never be met."""
    kept = os.environ.pop("KUBECONFIG", None)
    yield
    if kept is not None:
        os.environ["KUBECONFIG"] = kept
