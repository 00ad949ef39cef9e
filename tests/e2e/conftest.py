"""A real node for the tests, and a small image on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storeorch_devcluster import RealNodeCluster

from .objects import Kubectl, eventually, kubectl_of, make_busybox


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
