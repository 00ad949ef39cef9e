from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from storeorch.errors import ClusterRefused, PermissionMissing
from storeorch.kube import KubeCluster
from storeorch.kube.connection import Connection
from storeorch.kube.informer import Timing
from storeorch.names import ownership_labels
from storeorch.ports import (
    Cluster,
    NamespacePhase,
    Owner,
    SecretStore,
    WorkloadRef,
    WorkloadState,
)

SHOP = WorkloadRef("Deployment", "shop")
MYSQL = WorkloadRef("StatefulSet", "mysql")
NAMESPACE = "/api/v1/namespaces/store-a"
DEPLOYMENTS = "/apis/apps/v1/namespaces/store-a/deployments"
SINCE = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


def deployment(ready: int = 1, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "shop",
            "namespace": "store-a",
            "generation": 1,
            "resourceVersion": "1",
            **metadata,
        },
        "spec": {"replicas": 1},
        "status": {
            "observedGeneration": 1,
            "replicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": ready,
        },
    }


@pytest.fixture
async def cluster(connection: Connection, clock: Any) -> AsyncIterator[KubeCluster]:
    made = KubeCluster(connection, clock=clock, timing=Timing(), rng=random.Random(1))
    yield made
    await made.close()


@pytest.fixture
def served(api: Any) -> Any:
    """Serve one store with one Deployment for all watches."""
    labels = ownership_labels("a", "id-1")
    items: dict[str, list[dict[str, Any]]] = {
        "/api/v1/namespaces": [
            {"metadata": {"name": "store-a", "uid": "u", "labels": labels}, "status": {}}
        ],
        "/apis/apps/v1/deployments": [
            deployment(annotations={"storeorch.io/nudged": "t1"}),
            deployment(ready=0, name="other", annotations={"storeorch.io/nudged": "t1"}),
        ],
    }
    for path in (
        "/api/v1/namespaces",
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/statefulsets",
        "/apis/batch/v1/jobs",
        "/api/v1/limitranges",
        "/api/v1/resourcequotas",
        "/apis/networking.k8s.io/v1/networkpolicies",
        "/api/v1/pods",
        "/api/v1/events",
        "/api/v1/secrets",
        "/api/v1/configmaps",
        "/api/v1/services",
        "/api/v1/serviceaccounts",
        "/api/v1/persistentvolumeclaims",
        "/apis/networking.k8s.io/v1/ingresses",
    ):
        body = {"metadata": {"resourceVersion": "1"}, "items": items.setdefault(path, [])}
        api.on("GET", path, 200, body)
    api.lists = items
    return api


def test_satisfies_the_ports(clock: Any) -> None:
    made = KubeCluster.from_kubeconfig(kubeconfig=Path("/nowhere"), context="c", clock=clock)
    # The type checker is the test of these two.
    ports: tuple[Cluster, SecretStore] = (made, made)

    assert len(ports) == 2
    assert made.kubeconfig_path == Path("/nowhere")
    assert made.context == "c"


async def test_workloads_are_read_from_the_cluster_without_a_watch(
    api: Any, cluster: KubeCluster
) -> None:
    api.on("GET", f"{DEPLOYMENTS}/shop", 200, deployment())

    found = await cluster.workloads("store-a", [SHOP, MYSQL])

    assert found == [
        WorkloadState(SHOP, ready=True, message="1 of 1 replica is ready."),
        WorkloadState(MYSQL, ready=False, message="It does not exist yet."),
    ]


async def test_workloads_cost_no_call_while_watched_unless_live(
    served: Any, cluster: KubeCluster
) -> None:
    served.on("GET", f"{DEPLOYMENTS}/shop", 200, deployment(ready=0))

    async with cluster.watch():
        before = len(served.calls())
        assert [state.ready for state in await cluster.workloads("store-a", [SHOP])] == [True]
        assert (await cluster.namespace("store-a")).phase is NamespacePhase.ACTIVE
        assert await cluster.problems("store-a", since=SINCE) == []
        assert await cluster.orphans(lambda _: True) == []
        assert len([c for c in served.calls()[before:] if "store-a" in c]) == 0

        live = await cluster.workloads("store-a", [SHOP], live=True)
        assert [state.ready for state in live] == [False]


async def test_a_token_nudges_once_and_what_is_ready_never(
    served: Any, cluster: KubeCluster
) -> None:
    other = WorkloadRef("Deployment", "other")
    served.on("PATCH", f"{DEPLOYMENTS}/other", 200, deployment())

    async with cluster.watch():
        await cluster.nudge("store-a", [SHOP, other], token="t1")
        assert served.calls("PATCH") == []
        await cluster.nudge("store-a", [SHOP, other], token="t2")

    (sent,) = [each for each in served.sent if each.method == "PATCH"]
    assert sent.path == f"{DEPLOYMENTS}/other"
    assert sent.headers["content-type"] == "application/merge-patch+json"
    assert sent.body == {"metadata": {"annotations": {"storeorch.io/nudged": "t2"}}}


JOB = WorkloadRef("Job", "install")
JOB_PATH = "/apis/batch/v1/namespaces/store-a/jobs/install"


def failed_job(at: datetime) -> dict[str, Any]:
    metadata = deployment()["metadata"]
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "lastTransitionTime": at.isoformat().replace("+00:00", "Z"),
    }
    return {"metadata": {**metadata, "name": "install"}, "status": {"conditions": [condition]}}


@pytest.mark.parametrize(("earlier", "removed"), [(60, True), (-60, False)])
async def test_a_job_that_had_failed_for_good_is_removed_to_be_made_anew(
    served: Any, cluster: KubeCluster, earlier: float, removed: bool
) -> None:
    """One that failed since then has had its new attempt."""
    job = failed_job(SINCE - timedelta(seconds=earlier))
    served.lists["/apis/batch/v1/jobs"].append(job)
    served.on("DELETE", JOB_PATH, 200)
    served.on("PATCH", JOB_PATH, 200, job)

    async with cluster.watch():
        await cluster.nudge("store-a", [JOB], token="t2", since=SINCE)

    assert served.calls("DELETE") == ([f"DELETE {JOB_PATH}"] if removed else [])
    if removed:
        (sent,) = [each for each in served.sent if each.method == "DELETE"]
        assert sent.body["propagationPolicy"] == "Background"


async def test_a_job_that_is_gone_needs_no_removal(served: Any, cluster: KubeCluster) -> None:
    served.lists["/apis/batch/v1/jobs"].append(failed_job(SINCE - timedelta(seconds=60)))

    async with cluster.watch():
        await cluster.nudge("store-a", [JOB], token="t2", since=SINCE)


async def test_a_removal_that_is_refused(served: Any, cluster: KubeCluster) -> None:
    served.lists["/apis/batch/v1/jobs"].append(failed_job(SINCE - timedelta(seconds=60)))
    served.on("DELETE", JOB_PATH, 409)

    async with cluster.watch():
        with pytest.raises(ClusterRefused, match="delete jobs"):
            await cluster.nudge("store-a", [JOB], token="t2", since=SINCE)


async def test_nudging_what_does_not_exist_is_fine(api: Any, cluster: KubeCluster) -> None:
    await cluster.nudge("store-a", [SHOP], token="t")

    assert api.calls() == [f"PATCH {DEPLOYMENTS}/shop"]


async def test_a_nudge_that_is_refused(api: Any, cluster: KubeCluster) -> None:
    api.on("PATCH", f"{DEPLOYMENTS}/shop", 409)

    with pytest.raises(ClusterRefused, match="patch deployments"):
        await cluster.nudge("store-a", [SHOP], token="t")


async def test_problems_without_a_watch_are_read_from_the_cluster(
    api: Any, cluster: KubeCluster
) -> None:
    refused = {
        "metadata": {"name": "e1", "namespace": "store-a"},
        "involvedObject": {"kind": "ReplicaSet", "name": "shop-6c7d9d5c9b"},
        "reason": "FailedCreate",
        "message": "exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3",
        "lastTimestamp": "2026-11-24T12:00:00Z",
    }
    crashing = {
        "metadata": {"name": "shop-6c7d9d5c9b-8xk2p", "creationTimestamp": "2026-11-24T12:00:00Z"},
        "spec": {"containers": [{"name": "web", "image": "x:1"}]},
        "status": {
            "containerStatuses": [
                {"name": "web", "restartCount": 0, "state": {"waiting": {"reason": "ErrImagePull"}}}
            ]
        },
    }
    empty: dict[str, Any] = {"metadata": {}, "items": []}
    api.on("GET", DEPLOYMENTS, 200, empty)
    api.on("GET", "/apis/apps/v1/namespaces/store-a/statefulsets", 200, empty)
    api.on("GET", "/apis/batch/v1/namespaces/store-a/jobs", 200, empty)
    api.on("GET", f"{NAMESPACE}/pods", 200, {"metadata": {}, "items": [crashing]})
    api.on("GET", f"{NAMESPACE}/events", 200, {"metadata": {}, "items": [refused]})

    found = await cluster.problems("store-a", since=SINCE)

    assert [problem.reason for problem in found] == ["QuotaExceeded", "ImagePullFailed"]


async def test_apply_counts_what_changed_in_order(api: Any, cluster: KubeCluster) -> None:
    names = ["first", "second"]
    manifests = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": n}} for n in names]
    path = f"{NAMESPACE}/configmaps"
    api.on("POST", path, 201, {"metadata": {"labels": ownership_labels("a", "id-1")}})

    assert await cluster.apply("store-a", manifests, Owner("id-1", "a")) == 2
    created = [sent.body["metadata"]["name"] for sent in api.sent if sent.method == "POST"]
    assert created == names


async def test_check_access_names_what_is_missing(api: Any, cluster: KubeCluster) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    api.on("POST", path, 201, {"status": {"allowed": False}})

    with pytest.raises(PermissionMissing, match="does not permit to get namespaces, list namesp"):
        await cluster.check_access()


async def test_nothing_stays_open(
    served: Any, kubeconfig: Path, clock: Any, make_kubeconfig: Callable[..., Path]
) -> None:
    cluster = KubeCluster.from_kubeconfig(kubeconfig=kubeconfig, clock=clock)
    async with cluster.watch():
        pass
    await cluster.close()

    left = [task for task in asyncio.all_tasks() if task.get_name().startswith("watch ")]
    assert left == []


async def test_logs_that_are_followed_leave_the_engine_its_connections(
    api: Any, cluster: KubeCluster, eventually: Any
) -> None:
    """A pool has a hundred, and each container that is followed holds one."""
    many = [{"name": f"c{n}", "state": {"running": {}}} for n in range(100)]
    talkative = {"metadata": {"name": "web"}, "status": {"containerStatuses": many}}
    api.on("GET", f"{NAMESPACE}/pods", 200, {"metadata": {}, "items": [talkative]})
    quiet = asyncio.Event()

    async def hold(_: Any) -> web.StreamResponse:
        await quiet.wait()
        return web.Response()

    api.play("GET", f"{NAMESPACE}/pods/web/log", hold)
    lines = cluster.logs("store-a", follow=True)
    following = asyncio.ensure_future(anext(lines, None))
    await eventually(lambda: api.calls().count(f"GET {NAMESPACE}/pods/web/log") == len(many))
    async with asyncio.timeout(10):
        assert await cluster.read_secret("store-a", "none") is None
    quiet.set()
    assert await following is None
