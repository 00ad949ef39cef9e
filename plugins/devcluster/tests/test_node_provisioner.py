from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.realnode.provisioner import PROVISIONER, Provisioner

SELECTED = {
    "volume.kubernetes.io/storage-provisioner": PROVISIONER,
    "volume.kubernetes.io/selected-node": "node-0",
}


class Api:
    """Notes calls and answers with a status."""

    def __init__(self, status: int = 201) -> None:
        self.status = status
        self.calls: list[tuple[str, str, Any]] = []

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        self.calls.append((method, path, body))
        return self.status, {}


def provisioner(api: Api, folder: Path) -> Provisioner:
    return Provisioner(cast("ApiServer", api), folder, "node-0")


def claim(annotations: dict[str, str] = SELECTED, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "shop",
            "name": "data",
            "uid": "one",
            "annotations": annotations,
        },
        "spec": {
            "storageClassName": "standard",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    }


def volume(
    phase: str = "Released", by: str = PROVISIONER, policy: str = "Delete"
) -> dict[str, Any]:
    return {
        "metadata": {"name": "pvc-one", "annotations": {"pv.kubernetes.io/provisioned-by": by}},
        "spec": {"persistentVolumeReclaimPolicy": policy},
        "status": {"phase": phase},
    }


def test_a_claim_with_a_node_gets_a_local_volume(tmp_path: Path) -> None:
    api = Api()
    assert provisioner(api, tmp_path).reconcile([claim()], [])
    ((method, path, made),) = api.calls
    assert (method, path) == ("POST", "/api/v1/persistentvolumes")
    assert made["spec"]["local"] == {"path": str(tmp_path / "pvc-one")}
    assert made["spec"]["claimRef"]["uid"] == "one"
    assert made["spec"]["capacity"] == {"storage": "1Gi"}
    assert (tmp_path / "pvc-one").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "other",
    [
        claim({}),
        claim(SELECTED | {"volume.kubernetes.io/selected-node": "another"}),
        claim(SELECTED | {"volume.kubernetes.io/storage-provisioner": "another"}),
        claim(volumeName="there"),
        {**claim(), "metadata": {**claim()["metadata"], "deletionTimestamp": "now"}},
    ],
)
def test_other_claims_are_left_alone(tmp_path: Path, other: dict[str, Any]) -> None:
    api = Api()
    assert provisioner(api, tmp_path / "volumes").reconcile([other], [])
    assert not api.calls
    assert not (tmp_path / "volumes").exists()


def test_a_released_volume_goes_with_its_folder(tmp_path: Path) -> None:
    api = Api(200)
    (tmp_path / "pvc-one").mkdir()
    (tmp_path / "pvc-one" / "file").touch()
    assert provisioner(api, tmp_path).reconcile([], [volume()])
    assert api.calls == [("DELETE", "/api/v1/persistentvolumes/pvc-one", None)]
    assert not (tmp_path / "pvc-one").exists()


@pytest.mark.parametrize("other", [volume("Bound"), volume(by="another"), volume(policy="Retain")])
def test_other_volumes_are_left_alone(tmp_path: Path, other: dict[str, Any]) -> None:
    api = Api()
    (tmp_path / "pvc-one").mkdir()
    assert provisioner(api, tmp_path).reconcile([], [other])
    assert not api.calls
    assert (tmp_path / "pvc-one").exists()


def test_what_the_api_server_refuses_is_tried_again(tmp_path: Path) -> None:
    assert not provisioner(Api(500), tmp_path).reconcile([claim()], [])
    assert not provisioner(Api(0), tmp_path).reconcile([], [volume()])
    # Done by an earlier try whose answer was lost.
    assert provisioner(Api(409), tmp_path).reconcile([claim()], [])
    assert provisioner(Api(404), tmp_path).reconcile([], [volume()])
