from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from storeorch.kube.pods import pod
from storeorch.kube.summaries import EPOCH, Trouble

CREATED = "2026-11-24T12:00:00Z"
CRASHED = "2026-11-24T12:01:30Z"


def a_pod(
    *statuses: dict[str, Any],
    init: tuple[dict[str, Any], ...] = (),
    conditions: tuple[dict[str, Any], ...] = (),
    owner: tuple[str, str] = ("ReplicaSet", "wordpress-6c7d9d5c9b"),
    **metadata: Any,
) -> dict[str, Any]:
    def containers(found: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
        return [{"name": each["name"], "image": "registry.example/shop:1"} for each in found]

    return {
        "metadata": {
            "name": "wordpress-6c7d9d5c9b-8xk2p",
            "creationTimestamp": CREATED,
            "ownerReferences": [{"kind": owner[0], "name": owner[1]}],
            **metadata,
        },
        "spec": {"containers": containers(statuses), "initContainers": containers(init)},
        "status": {
            "phase": "Pending",
            "conditions": list(conditions),
            "containerStatuses": list(statuses),
            "initContainerStatuses": list(init),
        },
    }


def container(name: str = "wordpress", **fields: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": 0, "state": {}, **fields}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "message": message,
            "finishedAt": CRASHED,
        }
    }


RUNNING = {"running": {"startedAt": CREATED}}


def troubles(obj: dict[str, Any]) -> tuple[Trouble, ...]:
    found = pod(obj)
    return found.troubles if found else ()


@pytest.mark.parametrize(
    "obj",
    [
        a_pod(),
        a_pod(container(state=waiting("ContainerCreating"))),
        a_pod(container(state=waiting("PodInitializing")), init=(container(state=RUNNING),)),
        a_pod(container(state=RUNNING, ready=False)),
        a_pod(container(state=RUNNING, ready=True)),
        # It crashed long ago and has been well since.
        a_pod(container(state=RUNNING, ready=True, restartCount=3, lastState=ended(1))),
        a_pod(container(state=RUNNING, ready=True), init=(container(state=ended(0, "Completed")),)),
        a_pod(container(state=waiting("ImagePullBackOff")), deletionTimestamp=CREATED),
        a_pod(
            conditions=({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"},)
        ),
        {"metadata": {"name": "bare"}},
    ],
)
def test_a_pod_without_trouble_is_not_kept(obj: dict[str, Any]) -> None:
    assert pod(obj) is None


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_ended_is_not_kept(phase: str) -> None:
    obj = a_pod(container(state=ended(1), restartCount=0))
    obj["status"]["phase"] = phase

    assert pod(obj) is None


@pytest.mark.parametrize(
    "reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"]
)
def test_image_pull(reason: str) -> None:
    (trouble,) = troubles(a_pod(container(state=waiting(reason))))

    assert trouble.problem.reason == "ImagePullFailed"
    assert "registry.example/shop:1 of container wordpress of wordpress" in trouble.problem.message
    assert trouble.problem.fatal
    assert trouble.at == EPOCH


def test_crash_loop() -> None:
    status = container(
        state=waiting("CrashLoopBackOff", "back-off 10s restarting failed container"),
        lastState=ended(78),
        restartCount=3,
    )

    (trouble,) = troubles(a_pod(status))

    assert trouble.problem.reason == "CrashLoop"
    assert trouble.problem.weight == 3
    assert trouble.problem.fatal
    assert "exit code 78, restarted 3 times" in trouble.problem.message
    assert trouble.at == datetime(2026, 11, 24, 12, 1, 30, tzinfo=UTC)


def test_between_two_crashes_it_is_still_crashing() -> None:
    status = container(state=RUNNING, lastState=ended(1), restartCount=2)

    (trouble,) = troubles(a_pod(status))

    assert (trouble.problem.reason, trouble.problem.weight) == ("CrashLoop", 2)


def test_a_server_that_ends_well_over_and_over_crashes_too() -> None:
    status = container(
        state=waiting("CrashLoopBackOff"), lastState=ended(0, "Completed"), restartCount=4
    )

    (trouble,) = troubles(a_pod(status))

    assert trouble.problem.reason == "CrashLoop"


def test_out_of_memory() -> None:
    status = container(
        state=waiting("CrashLoopBackOff"), lastState=ended(137, "OOMKilled"), restartCount=2
    )

    (trouble,) = troubles(a_pod(status))

    assert (trouble.problem.reason, trouble.problem.weight) == ("OutOfMemory", 2)


def test_a_command_that_does_not_exist() -> None:
    status = container(
        state=waiting("CrashLoopBackOff"),
        lastState=ended(128, "StartError", 'exec: "canary": not found'),
        restartCount=1,
    )

    (trouble,) = troubles(a_pod(status))

    assert trouble.problem.reason == "ContainerConfigInvalid"
    assert "canary" not in trouble.problem.message


def test_missing_secret() -> None:
    status = container(state=waiting("CreateContainerConfigError", 'secret "creds" not found'))

    (trouble,) = troubles(a_pod(status))

    assert trouble.problem.reason == "ContainerConfigInvalid"
    assert "Secret creds does not exist" in trouble.problem.message


def test_init_containers_are_looked_at() -> None:
    init = container("wait", state=waiting("ErrImagePull"))

    (trouble,) = troubles(a_pod(container(state=waiting("PodInitializing")), init=(init,)))

    assert "init container wait of wordpress" in trouble.problem.message


def test_unschedulable_waits_since_its_condition() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
        "lastTransitionTime": CRASHED,
    }

    (trouble,) = troubles(a_pod(conditions=(condition,)))

    assert trouble.problem.message == "The pods of wordpress wait for a node: not enough cpu."
    assert trouble.waits
    assert trouble.at == datetime(2026, 11, 24, 12, 1, 30, tzinfo=UTC)


def test_crashes_of_a_job_are_its_own_to_count() -> None:
    status = container(state=waiting("CrashLoopBackOff"), lastState=ended(1), restartCount=5)

    (trouble,) = troubles(a_pod(status, owner=("Job", "medusa-migrate")))

    assert not trouble.problem.fatal
    assert "of medusa-migrate" in trouble.problem.message


def test_a_pod_without_an_owner_is_named_itself() -> None:
    obj = a_pod(container(state=waiting("ErrImagePull")), ownerReferences=None)
    obj["metadata"]["name"] = "lonely"

    (trouble,) = troubles(obj)

    assert trouble.problem.message.endswith("of lonely cannot be pulled.")
