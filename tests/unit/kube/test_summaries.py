from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from storeorch.kube import summaries
from storeorch.kube.fingerprints import NUDGED
from storeorch.names import ownership_labels

AT = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)


def event(reason: str, message: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "e.1", "namespace": "store-a", "creationTimestamp": None},
        "involvedObject": {"kind": "ReplicaSet", "name": "shop-6c7d9d5c9b"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": "2026-11-24T12:00:05Z",
        **fields,
    }


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("ReplicaSet", "my-shop-6c7d9d5c9b", "my-shop"),
        ("Pod", "my-shop-6c7d9d5c9b-8xk2p", "my-shop"),
        ("Pod", "my-shop-db-0", "my-shop-db"),
        ("Pod", "medusa-migrate-8xk2p", "medusa-migrate"),
        ("StatefulSet", "mysql", "mysql"),
        ("Job", "migrate-8xk2p", "migrate-8xk2p"),
    ],
)
def test_workload_name(kind: str, name: str, expected: str) -> None:
    assert summaries.workload_name(kind, name) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (ownership_labels("a", "id-1"), "id-1"),
        ({"storeorch.io/store-id": "id-1"}, None),
        ({**ownership_labels("a", "id-1"), "app.kubernetes.io/managed-by": "Helm"}, None),
        ({"app.kubernetes.io/managed-by": "storeorch"}, None),
        (None, None),
    ],
)
def test_only_the_whole_ownership_label_makes_it_ours(
    labels: dict[str, str] | None, expected: str | None
) -> None:
    assert summaries.owner_id({"metadata": {"labels": labels}}) == expected


def test_namespace() -> None:
    obj: dict[str, Any] = {
        "metadata": {"uid": "u", "labels": ownership_labels("a", "id-1")},
        "status": {"phase": "Active"},
    }

    assert summaries.namespace(obj) == summaries.Namespace("u", "id-1", False, None, "a")
    obj["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
    assert summaries.namespace(obj).terminating


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"lastTimestamp": None, "eventTime": "2026-11-24T12:00:05.000000Z"},
        {
            "lastTimestamp": None,
            "eventTime": "2026-11-24T11:00:00.000000Z",
            "series": {"count": 3, "lastObservedTime": "2026-11-24T12:00:05.000000Z"},
        },
        {"firstTimestamp": "2026-11-24T11:00:00Z"},
    ],
)
def test_the_time_of_a_warning_is_the_last_one(times: dict[str, Any]) -> None:
    found = summaries.warning(event("FailedCreate", **times))

    assert found
    assert found.at == AT


def test_warnings_that_are_understood() -> None:
    refused = summaries.warning(event("FailedCreate", "exceeded quota"))
    unmounted = summaries.warning(
        event("FailedMount", involvedObject={"kind": "Pod", "name": "mysql-0"})
    )
    claim = summaries.warning(
        event(
            "ProvisioningFailed",
            involvedObject={"kind": "PersistentVolumeClaim", "name": "data-mysql-0"},
        )
    )
    pull = summaries.warning(
        event("Failed", "Error: ErrImagePull", involvedObject={"kind": "Pod", "name": "p"})
    )

    assert refused
    assert refused.problem
    assert refused.problem.message == "The cluster cannot create the pods of shop."
    assert unmounted
    assert unmounted.problem
    assert unmounted.problem.message == "A volume of mysql could not be mounted yet."
    assert claim
    assert claim.problem
    assert "volume of data-mysql-0" in claim.problem.message
    assert pull
    assert (pull.confirms, pull.problem) == ("ImagePullFailed", None)


@pytest.mark.parametrize("reason", ["Unhealthy", "BackOff", "FailedScheduling", ""])
def test_other_warnings_are_not_kept(reason: str) -> None:
    assert summaries.warning(event(reason, "canary")) is None


def deployment(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "shop", "generation": 1},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, **status},
    }


def test_replica_failure_becomes_a_trouble_of_its_time() -> None:
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3",
        "lastTransitionTime": "2026-11-24T12:00:05Z",
    }

    (trouble,) = summaries.workload(deployment(conditions=[condition]), "Deployment").troubles

    assert trouble.problem.reason == "QuotaExceeded"
    assert trouble.at == AT


def test_failed_job() -> None:
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "lastTransitionTime": "2026-11-24T12:00:05Z",
    }
    job = {"metadata": {"name": "migrate"}, "status": {"conditions": [condition]}}

    (trouble,) = summaries.workload(job, "Job").troubles

    assert trouble.problem.reason == "JobFailed"


def test_stuck_rollout() -> None:
    condition = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "lastUpdateTime": "2026-11-24T12:00:05Z",
    }

    (trouble,) = summaries.workload(deployment(conditions=[condition]), "Deployment").troubles

    assert (trouble.problem.reason, trouble.at) == ("ProgressDeadlineExceeded", AT)


def test_what_is_written_by_us_wakes_no_one() -> None:
    before = deployment()
    after = deployment()
    after["metadata"]["annotations"] = {NUDGED: "token"}

    found = summaries.workload(after, "Deployment")

    assert found == summaries.workload(before, "Deployment")
    assert found.nudged == "token"


def quota(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {
            "name": "store-quota",
            "uid": "u1",
            "resourceVersion": "5",
            "labels": ownership_labels("a", "id-1"),
        },
        "spec": {"hard": {"limits.cpu": "4"}},
        "status": {"used": {"limits.cpu": "1"}},
        **changes,
    }


def test_equal_objects_of_different_stores_have_equal_digests() -> None:
    other = quota(
        metadata={"name": "b", "labels": ownership_labels("b", "id-2")},
        status={"used": {}},
    )
    item = quota()
    # What a list leaves out of its items.
    del item["kind"], item["apiVersion"]

    assert summaries.digest(other) == summaries.digest(quota()) == summaries.digest(item)


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"hard": {"limits.cpu": "400"}}},
        {"spec": {"hard": {}}},
        {"metadata": {"labels": {"someone": "else"}}},
        {"metadata": {"annotations": {"someone": "else"}}},
        {"data": {"a": "b"}},
    ],
)
def test_every_change_that_a_person_can_make_changes_the_digest(changes: dict[str, Any]) -> None:
    assert summaries.digest(quota(**changes)) != summaries.digest(quota())


def test_helm_secret_keeps_only_labels_and_version() -> None:
    obj = {
        "metadata": {
            "name": "sh.helm.release.v1.shop.v1",
            "resourceVersion": "7",
            "labels": {"owner": "helm", "name": "shop"},
        }
    }

    expected = summaries.HelmSecret((("name", "shop"), ("owner", "helm")), "7")
    assert summaries.helm_secret(obj) == expected
