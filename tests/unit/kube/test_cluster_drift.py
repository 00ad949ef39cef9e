"""What the cluster's port answers about objects that somebody may have changed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from storeorch.kube import KubeCluster
from storeorch.kube.connection import Connection
from storeorch.kube.fingerprints import fingerprint
from storeorch.kube.informer import Timing
from storeorch.names import ownership_labels
from storeorch.ports import ObjectRef, Owner

OWNER = Owner("id-1", "a")
WEB = ObjectRef("Service", "web")
SHOP = ObjectRef("Deployment", "shop")
DATA = ObjectRef("PersistentVolumeClaim", "data")
NAMESPACE = "/api/v1/namespaces/store-a"
CLAIMS = f"{NAMESPACE}/persistentvolumeclaims"
KINDS = (
    *("/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets", "/apis/batch/v1/jobs"),
    *("/api/v1/limitranges", "/api/v1/resourcequotas", "/api/v1/pods", "/api/v1/events"),
    *("/api/v1/secrets", "/api/v1/configmaps", "/api/v1/services", "/api/v1/serviceaccounts"),
    *("/api/v1/persistentvolumeclaims", "/apis/networking.k8s.io/v1/networkpolicies"),
)
"""All but namespaces, and Ingresses, which may not be watched here."""


def obj(name: str, **metadata: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "store-a", "uid": f"of-{name}", **metadata}
    return {"metadata": {"resourceVersion": "1", **metadata}, "spec": {}}


@pytest.fixture
async def cluster(connection: Connection, clock: Any) -> AsyncIterator[KubeCluster]:
    made = KubeCluster(connection, clock=clock, timing=Timing(), rng=random.Random(1))
    yield made
    await made.close()


@pytest.fixture
def served(api: Any) -> Any:
    """Serve one store for all watches."""
    store = obj("store-a", labels=ownership_labels("a", "id-1"))
    store["metadata"]["annotations"] = {"storeorch.io/memory": "kept"}
    del store["metadata"]["namespace"]
    items = {
        "/api/v1/services": [obj("web")],
        "/apis/apps/v1/deployments": [obj("shop")],
        "/api/v1/persistentvolumeclaims": [
            obj("data"),
            obj("going", deletionTimestamp="2026-11-24T12:00:00Z"),
        ],
    }
    api.on("GET", "/api/v1/namespaces", 200, listed([store]))
    for path in KINDS:
        api.on("GET", path, 200, listed(items.get(path, [])))
    return api


def listed(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "1"}, "items": items}


async def test_fingerprints_come_from_the_watch(served: Any, cluster: KubeCluster) -> None:
    missing, unwatched = ObjectRef("ConfigMap", "none"), ObjectRef("Ingress", "web")
    async with cluster.watch():
        calls = len(served.sent)
        found = await cluster.fingerprints("store-a", [WEB, SHOP, DATA, missing, unwatched])
        assert len(served.sent) == calls
    assert found == {
        WEB: fingerprint(obj("web"), "Service"),
        SHOP: fingerprint(obj("shop"), "Deployment"),
        DATA: fingerprint(obj("data"), "PersistentVolumeClaim"),
        missing: None,
    }


async def test_without_a_watch_nothing_is_said(api: Any, cluster: KubeCluster) -> None:
    assert await cluster.fingerprints("store-a", [WEB]) == {}
    assert api.sent == []


async def test_or_the_cluster_itself_is_asked(api: Any, cluster: KubeCluster) -> None:
    api.on("GET", f"{NAMESPACE}/services/web", 200, obj("web"))
    found = await cluster.fingerprints("store-a", [WEB, SHOP], live=True)
    assert found == {WEB: fingerprint(obj("web"), "Service"), SHOP: None}


@pytest.mark.parametrize("live", [False, True])
async def test_claims_that_are_there(served: Any, cluster: KubeCluster, *, live: bool) -> None:
    served.on("GET", CLAIMS, 200, listed([obj("data"), obj("going", deletionTimestamp="t")]))
    names = ["data", "going", "none"]
    async with cluster.watch():
        assert await cluster.claims("store-a", names, live=live) == {"data": "of-data"}
        assert served.calls().count(f"GET {CLAIMS}") == live
    assert await cluster.claims("store-a", names) == {"data": "of-data"}


async def test_no_claims_cost_no_call(api: Any, cluster: KubeCluster) -> None:
    assert await cluster.claims("store-a", [], live=True) == {}
    assert api.sent == []


async def test_what_is_kept_wakes_no_one_and_is_read_from_the_watch(
    served: Any, cluster: KubeCluster
) -> None:
    async with cluster.watch():
        calls = len(served.sent)
        assert await cluster.memory("store-a") == "kept"
        assert len(served.sent) == calls


async def test_writing_goes_to_the_cluster(api: Any, cluster: KubeCluster) -> None:
    found = obj("store-a", labels=ownership_labels("a", "id-1"))
    api.on("GET", NAMESPACE, 200, found)
    api.on("PATCH", NAMESPACE, 200, found)
    await cluster.remember("store-a", OWNER, "text")
    await cluster.adopt_namespace("store-a", OWNER)
    first, second = (sent.body["metadata"] for sent in api.sent if sent.method == "PATCH")
    assert first["annotations"] == {"storeorch.io/memory": "text", "storeorch.io/owner": "id-1"}
    assert second["labels"] == ownership_labels("a", "id-1")


async def test_objects_are_compared_and_restored(api: Any, cluster: KubeCluster) -> None:
    manifest = {"apiVersion": "v1", "kind": "Service", **obj("web")}
    api.on("POST", f"{NAMESPACE}/services", 201, obj("web"))
    (found,) = await cluster.differing("store-a", "a", [manifest])
    assert (found.ref, found.missing) == (WEB, True)
    text = await cluster.restore("store-a", "a", manifest)
    assert text == fingerprint(obj("web"), "Service").text
