from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from storeorch.errors import ClusterUnavailable, PermissionMissing
from storeorch.kube.connection import Connection
from storeorch.kube.informer import Timing
from storeorch.kube.watching import Listener, Watching
from storeorch.names import ownership_labels
from storeorch.operatorlog import OPERATOR_LOGGER

PATHS = {
    "namespaces": "/api/v1/namespaces",
    "deployments": "/apis/apps/v1/deployments",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "jobs": "/apis/batch/v1/jobs",
    "limitranges": "/api/v1/limitranges",
    "resourcequotas": "/api/v1/resourcequotas",
    "networkpolicies": "/apis/networking.k8s.io/v1/networkpolicies",
    "pods": "/api/v1/pods",
    "events": "/api/v1/events",
    "secrets": "/api/v1/secrets",
    "configmaps": "/api/v1/configmaps",
    "services": "/api/v1/services",
    "serviceaccounts": "/api/v1/serviceaccounts",
    "persistentvolumeclaims": "/api/v1/persistentvolumeclaims",
    "ingresses": "/apis/networking.k8s.io/v1/ingresses",
    "httproutes": "/apis/gateway.networking.k8s.io/v1/httproutes",
}

WATCHES = [*PATHS, "credentials"]
"""Of Secrets there are two: those in which Helm keeps its releases, and those of stores."""


def watch_of(stream: Any) -> str:
    query, plural = stream.sent.query, stream.sent.path.rsplit("/", 1)[1]
    return "credentials" if " in (" in query.get("labelSelector", "") else plural


def namespace(name: str, store_id: str | None, version: str = "2") -> dict[str, Any]:
    labels = ownership_labels("x", store_id) if store_id else {}
    metadata = {"name": name, "uid": "u", "resourceVersion": version, "labels": labels}
    return {"metadata": metadata, "status": {"phase": "Active"}}


def deployment(namespace: str, ready: int = 0, version: str = "2") -> dict[str, Any]:
    return {
        "metadata": {
            "name": "shop",
            "namespace": namespace,
            "generation": 1,
            "resourceVersion": version,
        },
        "spec": {"replicas": 1},
        "status": {
            "observedGeneration": 1,
            "replicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": ready,
        },
    }


class Harness:
    """A cluster of two stores, and the streams that were opened to it."""

    def __init__(self, api: Any, connection: Connection, clock: Any) -> None:
        self.api = api
        self.watching = Watching(connection, clock=clock, timing=Timing(), rng=random.Random(1))
        self.streams: dict[str, Any] = {}

    def serve(self, **items: list[dict[str, Any]]) -> None:
        for plural, path in PATHS.items():
            body = {"metadata": {"resourceVersion": "1"}, "items": items.get(plural, [])}
            self.api.on("GET", path, 200, body)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        async with self.watching.listen() as listener:
            while len(self.streams) < len(WATCHES):
                stream = await asyncio.wait_for(self.api.streams.get(), 5)
                self.streams[watch_of(stream)] = stream
            yield listener


async def take(listener: Listener) -> str:
    return await asyncio.wait_for(anext(listener), 5)


@pytest.fixture
def harness(api: Any, connection: Connection, clock: Any) -> Harness:
    return Harness(api, connection, clock)


STORES = [namespace("store-a", "id-a"), namespace("store-b", "id-b")]


async def test_one_list_and_one_watch_for_each_kind(api: Any, harness: Harness) -> None:
    harness.serve(namespaces=STORES)

    async with harness.listening():
        paths = [*PATHS.values(), PATHS["secrets"]]
        assert sorted(api.calls()) == sorted(f"GET {path}" for path in paths for _ in "12")
        assert harness.streams["events"].sent.query["fieldSelector"] == "type=Warning"
        assert harness.streams["pods"].sent.query["labelSelector"] == "storeorch.io/store-id"


async def test_tells_the_store_of_what_changed(harness: Harness) -> None:
    harness.serve(namespaces=STORES, deployments=[deployment("store-a"), deployment("store-b")])

    async with harness.listening() as listener:
        harness.streams["deployments"].send("MODIFIED", deployment("store-b", ready=1))

        assert await take(listener) == "id-b"
        found = harness.watching.workloads["Deployment"].index.get("store-b", "shop")
        assert found
        assert found.ready


def service(version: str, port: int, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web",
            "namespace": "store-a",
            "resourceVersion": version,
            **metadata,
        },
        "spec": {"ports": [{"port": port}]},
    }


async def test_what_somebody_changes_in_an_object_of_a_release_is_told(harness: Harness) -> None:
    harness.serve(namespaces=STORES, services=[service("2", 80)])

    async with harness.listening() as listener:
        stream = harness.streams["services"]
        before = harness.watching.fingerprint("store-a", "Service", "web")
        stream.send("MODIFIED", service("3", 80, managedFields=[{"manager": "x", "time": "now"}]))
        stream.send("MODIFIED", service("4", 8080))

        assert await take(listener) == "id-a"
        assert not listener.pending
        after = harness.watching.fingerprint("store-a", "Service", "web")
        assert before[0]
        assert after[1] != before[1]
        stream.send("DELETED", service("5", 8080))
        assert await take(listener) == "id-a"
        assert harness.watching.fingerprint("store-a", "Service", "web") == (True, None)


async def test_secrets_are_watched_without_what_they_hold(harness: Harness) -> None:
    harness.serve(namespaces=STORES)

    async with harness.listening():
        for name in ("secrets", "credentials"):
            accept = harness.streams[name].sent.headers["accept"]
            assert "PartialObjectMetadata" in accept


async def test_a_volume_claim_that_is_made_anew_is_told(harness: Harness) -> None:
    def claim(uid: str, version: str) -> dict[str, Any]:
        metadata = {
            "name": "data-db-0",
            "namespace": "store-a",
            "resourceVersion": version,
            "uid": uid,
        }
        return {"metadata": metadata, "spec": {"volumeName": f"volume-{uid}"}}

    harness.serve(namespaces=STORES, persistentvolumeclaims=[claim("1", "2")])

    async with harness.listening() as listener:
        harness.streams["persistentvolumeclaims"].send("MODIFIED", claim("2", "3"))

        assert await take(listener) == "id-a"
        known, seen = harness.watching.fingerprint("store-a", "PersistentVolumeClaim", "data-db-0")
        assert known
        assert seen is not None
        assert harness.watching.fingerprint("store-a", "Secret", "none") == (True, None)
        assert harness.watching.fingerprint("store-a", "CronJob", "none") == (False, None)


async def test_each_store_is_told_once_until_it_is_taken(harness: Harness, eventually: Any) -> None:
    harness.serve(namespaces=STORES, deployments=[deployment("store-a"), deployment("store-b")])

    async with harness.listening() as listener:
        stream = harness.streams["deployments"]
        for ready in (1, 0, 1):
            stream.send("MODIFIED", deployment("store-a", ready=ready))
        stream.send("MODIFIED", deployment("store-b", ready=1))
        await eventually(lambda: len(listener.pending) == 2)

        assert [await take(listener), await take(listener)] == ["id-a", "id-b"]
        assert not listener.pending


async def test_a_namespace_that_goes_tells_its_store(harness: Harness) -> None:
    harness.serve(namespaces=STORES)

    async with harness.listening() as listener:
        harness.streams["namespaces"].send("DELETED", namespace("store-a", "id-a"))

        assert await take(listener) == "id-a"


async def test_a_namespace_that_changes_hands_tells_both(harness: Harness) -> None:
    harness.serve(namespaces=STORES)

    async with harness.listening() as listener:
        harness.streams["namespaces"].send("MODIFIED", namespace("store-a", "id-c"))

        assert {await take(listener), await take(listener)} == {"id-a", "id-c"}


async def test_objects_seen_before_their_namespace_are_not_lost(
    harness: Harness, eventually: Any
) -> None:
    harness.serve()

    async with harness.listening() as listener:
        index = harness.watching.workloads["Deployment"].index
        harness.streams["deployments"].send("ADDED", deployment("store-a", ready=1))
        await eventually(lambda: index.of("store-a"))
        harness.streams["namespaces"].send("ADDED", namespace("store-a", "id-a"))

        assert await take(listener) == "id-a"


async def test_foreign_namespaces_cost_nothing(harness: Harness, eventually: Any) -> None:
    harness.serve(
        namespaces=[*STORES, namespace("shop-of-ours", "id-s")],
        deployments=[deployment("kube-system"), deployment("shop-of-ours")],
    )

    async with harness.listening():
        index = harness.watching.workloads["Deployment"].index
        harness.streams["deployments"].send("ADDED", deployment("kube-system", ready=1))
        harness.streams["deployments"].send("ADDED", deployment("store-a", ready=1))
        await eventually(lambda: index.of("store-a"))

        assert not index.of("kube-system")


async def test_what_was_not_understood_is_for_operators_to_read(
    harness: Harness, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(name: str, said: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "store-a", "resourceVersion": "2"}
        about = {"kind": "StatefulSet", "name": "db"}
        event = {"metadata": metadata, "involvedObject": about, "lastTimestamp": None}
        return {**event, "reason": "FailedCreate", "message": said}

    harness.serve(namespaces=STORES)
    async with harness.listening():
        quota = "exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3"
        harness.streams["events"].send("ADDED", refused("known", quota))
        harness.streams["events"].send("ADDED", refused("other", "words of the cluster"))
        await eventually(lambda: harness.watching.warnings.index.get("store-a", "other"))
    (record,) = (each for each in caplog.records if "not understood" in each.getMessage())
    assert record.name == OPERATOR_LOGGER
    assert record.__dict__["said"] == "words of the cluster"
    assert "words" not in record.getMessage()


async def test_a_kind_that_fails_does_not_stop_the_others(api: Any, harness: Harness) -> None:
    for plural in ("events", "secrets"):
        api.on("GET", PATHS[plural], 403)
    harness.serve(namespaces=STORES)

    async with harness.watching.listen():
        assert isinstance(harness.watching.warnings.error, PermissionMissing)
        assert not harness.watching.warnings.usable
        assert harness.watching.namespaces.usable
        assert harness.watching.pods.usable


async def test_a_cluster_without_the_gateway_api_is_watched_all_the_same(
    api: Any, harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    api.on("GET", PATHS["httproutes"], 404)
    harness.serve(namespaces=STORES)

    async with harness.watching.listen():
        assert harness.watching.fingerprint("store-a", "HTTPRoute", "web") == (False, None)
        assert harness.watching.fingerprint("store-a", "Ingress", "web") == (True, None)

    assert not caplog.records


async def test_entering_fails_where_namespaces_cannot_be_seen(api: Any, harness: Harness) -> None:
    api.on("GET", PATHS["namespaces"], 503)
    harness.serve()

    with pytest.raises(ClusterUnavailable):
        async with harness.watching.listen():
            pass

    assert not harness.watching.pods.usable


async def test_listeners_share_watches(api: Any, harness: Harness) -> None:
    harness.serve(namespaces=STORES)

    async with harness.listening() as first:
        async with harness.watching.listen() as second:
            harness.streams["namespaces"].send("DELETED", namespace("store-a", "id-a"))
            assert [await take(first), await take(second)] == ["id-a", "id-a"]
        assert harness.watching.namespaces.usable
        assert len(api.sent) == 2 * len(WATCHES)


async def test_the_last_listener_ends_the_watches(harness: Harness) -> None:
    harness.serve(namespaces=STORES)

    async with harness.listening():
        pass

    assert not harness.watching.namespaces.usable
    assert len(harness.watching.namespaces.index) == 0
