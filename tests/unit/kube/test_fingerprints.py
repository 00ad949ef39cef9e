from __future__ import annotations

import copy
from typing import Any

import pytest

from storeorch.kube.fingerprints import content, fingerprint, untouched

MARK: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:meta.helm.sh/release-name": {}}}}


def entry(manager: str, fields: dict[str, Any] | None = None, **parts: str) -> dict[str, Any]:
    made = {"operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", **parts}
    return {"manager": manager, "fieldsV1": fields or {}, **made}


HELM = entry("helm", {**MARK, "f:spec": {"f:ports": {}}})


def service(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "web",
            "uid": "u-1",
            "resourceVersion": "1",
            "generation": 1,
            "labels": {"app": "web"},
            "annotations": {"example.com/a": "b"},
            "managedFields": [HELM],
        },
        "spec": {"ports": [{"port": 80}], **spec},
        "status": {"loadBalancer": {}},
    }


def secret(**metadata: Any) -> dict[str, Any]:
    written = entry("python", {"f:data": {"f:password": {}}}, time="2026-11-24T12:00:00Z")
    return {"metadata": {"name": "x", "uid": "u-1", "managedFields": [written], **metadata}}


# -- what counts ----------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"resourceVersion": "2"},
        {"generation": 2},
        {"uid": "u-2"},
        {"managedFields": []},
        {"creationTimestamp": "2026-11-24T12:00:00Z"},
    ],
)
def test_what_the_cluster_keeps_itself_does_not_count(change: dict[str, Any]) -> None:
    other = service()
    other["metadata"] |= change
    other["status"] = {"loadBalancer": {"ingress": []}}
    assert content(other, "Service") == content(service(), "Service")


@pytest.mark.parametrize(
    "key",
    [
        "deployment.kubernetes.io/revision",
        "storeorch.io/nudged",
        "pv.kubernetes.io/bind-completed",
        "volume.kubernetes.io/selected-node",
    ],
)
def test_annotations_of_controllers_do_not_count(key: str) -> None:
    other = service()
    other["metadata"]["annotations"] = {"example.com/a": "b", key: "x"}
    assert content(other, "Service") == content(service(), "Service")


@pytest.mark.parametrize("part", ["labels", "annotations"])
def test_marks_of_people_count(part: str) -> None:
    other = service()
    other["metadata"][part] = {"new": "x"}
    assert content(other, "Service") != content(service(), "Service")


def test_the_specification_counts() -> None:
    assert content(service(type="NodePort"), "Service") != content(service(), "Service")


def test_items_of_lists_and_events_are_the_same() -> None:
    item = {key: value for key, value in service().items() if key not in {"apiVersion", "kind"}}
    assert fingerprint(item, "Service") == fingerprint(service(), "Service")


def test_the_volume_of_a_claim_is_the_clusters_affair() -> None:
    claim: dict[str, Any] = {"metadata": {"name": "data"}, "spec": {"storageClassName": "a"}}
    bound = copy.deepcopy(claim)
    bound["spec"]["volumeName"] = "pvc-1"
    assert content(bound, "PersistentVolumeClaim") == content(claim, "PersistentVolumeClaim")
    bound["spec"]["storageClassName"] = "b"
    assert content(bound, "PersistentVolumeClaim") != content(claim, "PersistentVolumeClaim")


# -- Secrets --------------------------------------------------------------------


def test_a_secret_is_told_by_its_metadata_alone() -> None:
    whole = {**secret(), "kind": "Secret", "data": {"password": "cGFzc3dvcmQ="}}
    assert fingerprint(whole, "Secret") == fingerprint(secret(), "Secret")


@pytest.mark.parametrize(
    "other",
    [
        secret(uid="u-2"),
        secret(managedFields=[entry("kubectl", {"f:data": {}}, time="2026-11-24T12:00:01Z")]),
        secret(labels={"app": "x"}),
        secret(annotations={"example.com/a": "b"}),
    ],
)
def test_a_change_of_a_secret_counts(other: dict[str, Any]) -> None:
    assert fingerprint(other, "Secret").text != fingerprint(secret(), "Secret").text


def test_marks_of_the_stores_own_secret_matter_to_no_one() -> None:
    ours = {"app.kubernetes.io/managed-by": "storeorch"}
    more = {**ours, "backup": "nightly"}
    one, other = (fingerprint(secret(labels=each), "Secret") for each in (ours, more))
    assert one == other


def test_who_only_marks_a_secret_does_not_count_as_a_writer() -> None:
    ours = {"app.kubernetes.io/managed-by": "storeorch"}
    marked = secret(labels=ours)
    marked["metadata"]["managedFields"].append(entry("backup", {"f:metadata": {"f:labels": {}}}))
    assert fingerprint(marked, "Secret").text == fingerprint(secret(labels=ours), "Secret").text


# -- who wrote ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("writers", "expected"),
    [
        ([], True),
        ([HELM], True),
        ([HELM, entry("kube-controller-manager")], True),
        ([HELM, entry("anyone", subresource="status")], True),
        ([HELM, entry("storeorch")], True),
        ([HELM, entry("kubectl-edit")], False),
        ([HELM, entry("kube-controller-manager", subresource="scale")], False),
    ],
)
def test_untouched(writers: list[dict[str, Any]], expected: bool) -> None:
    assert untouched({"metadata": {"managedFields": writers}}) is expected
