"""What the adapter says of workloads that do not run, on real controllers and simulated nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storeorch.kube import KubeCluster
from storeorch.kube.resources import DEPLOYMENTS, RESOURCE_QUOTAS
from storeorch.ports import Problem, WorkloadRef

pytestmark = pytest.mark.cluster

QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "store-quota"},
    "spec": {"hard": {"limits.cpu": "4"}},
}
WEB = WorkloadRef("Deployment", "web")
DB = WorkloadRef("StatefulSet", "db")


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


async def test_workloads_become_ready_through_the_watch(
    cluster: KubeCluster, shop: Any, watching: Any
) -> None:
    job = WorkloadRef("Job", "migrate")
    refs = [WEB, DB, job]
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        missing = await cluster.workloads(shop.namespace, refs)
        assert [state.message for state in missing] == ["It does not exist yet."] * 3

        for ref in refs:
            await shop.workload(ref.kind, ref.name)
        states = await watcher.until(
            lambda: cluster.workloads(shop.namespace, refs),
            lambda found: all(state.ready for state in found),
        )

        assert states == await cluster.workloads(shop.namespace, refs, live=True)
        assert await cluster.problems(shop.namespace, since=long_ago()) == []


async def test_a_nudge_starts_no_rollout(
    cluster: KubeCluster, shop: Any, someone: Any, watching: Any
) -> None:
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        await shop.workload("Deployment", "web", "registry.invalid/slow:1")
        await watcher.until(
            lambda: cluster.workloads(shop.namespace, [WEB]),
            lambda found: "replica" in found[0].message,
        )

        await cluster.nudge(shop.namespace, [WEB, DB], token="t1")

        async with asyncio.timeout(30):
            while True:
                found = await someone.get(DEPLOYMENTS, "web", shop.namespace)
                generation = found["metadata"]["generation"]
                if found["status"].get("observedGeneration") == generation > 1:
                    break
        annotations = found["metadata"]["annotations"]
        assert annotations["storeorch.io/nudged"] == "t1"
        assert annotations["deployment.kubernetes.io/revision"] == "1"


def reasons(found: Sequence[Problem]) -> set[str]:
    return {problem.reason for problem in found}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job"])
async def test_a_quota_that_refuses_pods_and_a_nudge_once_it_is_raised(
    cluster: KubeCluster, shop: Any, someone: Any, watching: Any, kind: str
) -> None:
    ref = WorkloadRef(kind, "big")
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        await cluster.apply(shop.namespace, [QUOTA], shop.owner)
        await shop.workload(kind, "big", cpu="5")
        (problem,) = await watcher.until(
            lambda: cluster.problems(shop.namespace, since=long_ago()), bool
        )
        assert problem.message == (
            "ResourceQuota store-quota refuses the pods of big: limits.cpu: 5 requested, 4 allowed."
        )
        assert problem.fatal

        raised = {"spec": {"hard": {"limits.cpu": "40"}}}
        await someone.merge(RESOURCE_QUOTAS, "store-quota", raised, shop.namespace)
        await quota_is_in_force(someone, shop.namespace)
        await cluster.nudge(shop.namespace, [ref], token="retry-1")
        await watcher.until(
            lambda: cluster.workloads(shop.namespace, [ref]), lambda found: found[0].ready
        )
        assert await cluster.problems(shop.namespace, since=long_ago()) == []


async def quota_is_in_force(someone: Any, namespace: str) -> None:
    """Wait until the quota's controller has copied the new bound, which admission looks at."""
    async with asyncio.timeout(30):
        while True:
            found = await someone.get(RESOURCE_QUOTAS, "store-quota", namespace)
            if found["status"].get("hard", {}).get("limits.cpu") == "40":
                return


PLAYED = {
    "registry.invalid/missing:1": (
        "ImagePullFailed",
        "The image registry.invalid/missing:1 of container web of web cannot be pulled.",
    ),
    "registry.invalid/crash:1": (
        "CrashLoop",
        "Container web of web ends with exit code 1, restarted 4 times.",
    ),
}
"""Images that simulated nodes play failures for, and what is said of them."""


@pytest.mark.parametrize("image", PLAYED)
async def test_pods_that_cannot_run(
    cluster: KubeCluster, shop: Any, watching: Any, image: str
) -> None:
    reason, message = PLAYED[image]

    def settled(found: Sequence[Problem]) -> bool:
        return any(problem.reason == reason and problem.weight in {0, 4} for problem in found)

    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        await shop.workload("Deployment", "web", image)
        watched = await watcher.until(
            lambda: cluster.problems(shop.namespace, since=long_ago()), settled
        )

    # The watch has ended, so now the cluster itself is asked.
    asked = await cluster.problems(shop.namespace, since=long_ago())
    assert [problem.message for problem in watched] == [message]
    assert asked == watched
    assert watched[0].fatal


async def test_what_happened_before_a_retry_is_history(
    cluster: KubeCluster, shop: Any, watching: Any
) -> None:
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        await cluster.apply(shop.namespace, [QUOTA], shop.owner)
        await shop.workload("StatefulSet", "big", cpu="5")
        await shop.workload("Deployment", "web", "registry.invalid/missing:1")
        await watcher.until(
            lambda: cluster.problems(shop.namespace, since=long_ago()),
            lambda found: reasons(found) == {"QuotaExceeded", "ImagePullFailed"},
        )

        later = datetime.now(UTC) + timedelta(minutes=5)
        assert await cluster.problems(shop.namespace, since=later) == []


async def test_slow_pods_are_no_problem(cluster: KubeCluster, shop: Any, watching: Any) -> None:
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        await shop.workload("Deployment", "web", "registry.invalid/slow:1")
        (state,) = await watcher.until(
            lambda: cluster.workloads(shop.namespace, [WEB]),
            lambda found: "replica" in found[0].message,
        )

        assert not state.ready
        assert await cluster.problems(shop.namespace, since=long_ago()) == []


async def test_pods_that_no_node_takes(cluster: KubeCluster, shop: Any, watching: Any) -> None:
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        await shop.workload("Deployment", "web", cpu="10M")
        (problem,) = await watcher.until(
            lambda: cluster.problems(shop.namespace, since=long_ago()), bool
        )

    assert problem.message == "The pods of web wait for a node: not enough cpu."
    assert problem.weight >= 0


async def test_a_failed_job(cluster: KubeCluster, shop: Any, watching: Any) -> None:
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        await shop.workload("Job", "migrate", "registry.invalid/crash:1")
        found = await watcher.until(
            lambda: cluster.problems(shop.namespace, since=long_ago()),
            lambda found: "JobFailed" in reasons(found),
        )

    assert found[0].message == "The job migrate has failed after its last attempt."
