from __future__ import annotations

from typing import Any

import pytest

from storeorch.kube.readiness import condition, readiness


def workload(spec: dict[str, Any], status: dict[str, Any], generation: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": "shop", "generation": generation}, "spec": spec, "status": status}


DEPLOYED = {
    "observedGeneration": 1,
    "replicas": 1,
    "updatedReplicas": 1,
    "readyReplicas": 1,
    "availableReplicas": 1,
}


@pytest.mark.parametrize(
    ("status", "ready", "message"),
    [
        (DEPLOYED, True, "1 of 1 replica is ready."),
        ({}, False, "0 of 1 replica is ready."),
        ({"observedGeneration": 1}, False, "0 of 1 replica is ready."),
        (
            {**DEPLOYED, "observedGeneration": 0},
            False,
            "0 of 1 replica is ready.",
        ),
        ({**DEPLOYED, "availableReplicas": 0}, False, "0 of 1 replica is ready."),
        # The old pod is available, the new one is not.
        (
            {**DEPLOYED, "replicas": 2, "updatedReplicas": 0},
            False,
            "0 of 1 replica is ready.",
        ),
        (
            {**DEPLOYED, "replicas": 2},
            False,
            "1 replica of an earlier revision is left.",
        ),
    ],
)
def test_deployment(status: dict[str, Any], ready: bool, message: str) -> None:
    found = readiness("Deployment", workload({"replicas": 1}, status))

    assert (found.ready, found.message) == (ready, message)


def test_deployment_of_several() -> None:
    status = {**DEPLOYED, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}

    found = readiness("Deployment", workload({"replicas": 3}, status))

    assert found == (False, "2 of 3 replicas are ready.", True)


def test_replicas_default_to_one_and_none_are_ready_at_once() -> None:
    assert readiness("Deployment", workload({}, DEPLOYED)).ready
    assert readiness("Deployment", workload({"replicas": 0}, {"observedGeneration": 1})).ready
    assert readiness("StatefulSet", workload({"replicas": 0}, {"observedGeneration": 1})).ready


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_the_status_of_an_earlier_generation_counts_nothing(kind: str) -> None:
    found = readiness(kind, workload({"replicas": 1}, {**DEPLOYED}, generation=2))

    assert not found.ready
    assert "latest change" in found.message


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job"])
def test_what_is_being_deleted_is_not_ready(kind: str) -> None:
    obj = workload({"replicas": 1}, DEPLOYED)
    obj["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"

    assert readiness(kind, obj).message == "It is being deleted."


STATEFUL = {
    "observedGeneration": 1,
    "replicas": 1,
    "readyReplicas": 1,
    "availableReplicas": 1,
    "updatedReplicas": 1,
    "currentRevision": "mysql-1",
    "updateRevision": "mysql-1",
}


@pytest.mark.parametrize(
    ("changes", "ready", "message"),
    [
        ({}, True, "1 of 1 replica is ready."),
        ({"readyReplicas": 0}, False, "0 of 1 replica is ready."),
        ({"availableReplicas": 0}, False, "0 of 1 replica is ready."),
        ({"updateRevision": "mysql-2"}, False, "1 of 1 replica is of the present revision."),
        ({"updatedReplicas": 0}, False, "0 of 1 replica is of the present revision."),
        ({"replicas": 2}, False, "1 of 1 replica is ready."),
    ],
)
def test_stateful_set(changes: dict[str, Any], ready: bool, message: str) -> None:
    found = readiness("StatefulSet", workload({"replicas": 1}, {**STATEFUL, **changes}))

    assert (found.ready, found.message) == (ready, message)


def test_stateful_set_keeps_pods_below_its_partition_and_with_on_delete() -> None:
    status = {**STATEFUL, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3}
    status |= {"updateRevision": "mysql-2", "updatedReplicas": 1}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    lower = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}

    def ready(strategy: dict[str, Any]) -> bool:
        spec = {"replicas": 3, "updateStrategy": strategy}
        return readiness("StatefulSet", workload(spec, status)).ready

    assert ready(rolling)
    assert not ready(lower)
    assert ready({"type": "OnDelete"})


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, {}, (False, "It has not started yet.", False)),
        ({}, {"active": 1}, (False, "It runs.", True)),
        (
            {},
            {"conditions": [{"type": "Complete", "status": "True"}]},
            (True, "It has completed.", True),
        ),
        (
            {},
            {"conditions": [{"type": "Complete", "status": "False"}]},
            (False, "It has not started yet.", False),
        ),
        (
            {},
            {"conditions": [{"type": "Failed", "status": "True"}]},
            (False, "It has failed.", True),
        ),
        ({"suspend": True}, {}, (False, "It is suspended.", True)),
        (
            {"completions": 3},
            {"active": 1, "succeeded": 2},
            (False, "2 of 3 completions are done.", True),
        ),
    ],
)
def test_job(
    spec: dict[str, Any], status: dict[str, Any], expected: tuple[bool, str, bool]
) -> None:
    assert readiness("Job", workload(spec, status)) == expected


def test_condition_is_found_only_while_it_holds() -> None:
    holds = {"type": "A", "status": "True"}

    assert condition({"status": {"conditions": [holds]}}, "A") == holds
    assert condition({"status": {"conditions": [{"type": "A", "status": "False"}]}}, "A") is None
    assert condition({}, "A") is None
