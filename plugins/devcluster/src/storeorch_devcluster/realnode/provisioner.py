"""Volumes for claims: folders below the state folder, as ``local`` volumes.

Kubernetes' own host-path provisioner makes folders that only root may write,
and a kubelet does not hand ``hostPath`` volumes to a pod's ``fsGroup``. A
``local`` volume it does, so that pods which may not be root can write here as
they can on a cloud's disks. The size of a claim is not enforced.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from storeorch_devcluster.api import ApiServer

PROVISIONER: Final = "storeorch.io/local"
"""Name of the provisioner, in storage classes."""

STORAGE_CLASS: Final = "standard"
"""Name of the default storage class, the same as on simulated nodes and as kind's."""

_WANTED: Final = "volume.kubernetes.io/storage-provisioner"
_SELECTED: Final = "volume.kubernetes.io/selected-node"
_PROVISIONED: Final = "pv.kubernetes.io/provisioned-by"
_VOLUMES: Final = "/api/v1/persistentvolumes"

CREATED: Final = frozenset({201, 409})


def storage_class() -> dict[str, Any]:
    """Return the manifest of the default storage class."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


class Provisioner:
    """Creates volumes that claims wait for and removes those whose claims are gone.

    Args:
        api: The API server.
        folder: Where the volumes' folders are.
        node: The node that has them.
    """

    def __init__(self, api: ApiServer, folder: Path, node: str) -> None:
        self._api = api
        self._folder = folder
        self._node = node

    def reconcile(
        self, claims: Iterable[dict[str, Any]], volumes: Iterable[dict[str, Any]]
    ) -> bool:
        """Do what is to be done.

        Args:
            claims: Every PersistentVolumeClaim.
            volumes: Every PersistentVolume.

        Returns:
            Whether everything could be done; if not, try again.

        Raises:
            OSError: A folder cannot be created.
        """
        done = True
        for claim in claims:
            if self._waits(claim):
                done &= self._create(claim)
        for volume in volumes:
            if self._is_released(volume):
                done &= self._remove(volume)
        return done

    def _waits(self, claim: dict[str, Any]) -> bool:
        metadata = claim["metadata"]
        annotations = metadata.get("annotations") or {}
        return (
            annotations.get(_WANTED) == PROVISIONER
            and annotations.get(_SELECTED) == self._node
            and not claim["spec"].get("volumeName")
            and not metadata.get("deletionTimestamp")
        )

    def _create(self, claim: dict[str, Any]) -> bool:
        metadata, spec = claim["metadata"], claim["spec"]
        name = f"pvc-{metadata['uid']}"
        (self._folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": {_PROVISIONED: PROVISIONER}},
            "spec": {
                "storageClassName": spec.get("storageClassName"),
                "accessModes": spec["accessModes"],
                "volumeMode": "Filesystem",
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "persistentVolumeReclaimPolicy": "Delete",
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
                "local": {"path": str(self._folder / name)},
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {
                                        "key": "kubernetes.io/hostname",
                                        "operator": "In",
                                        "values": [self._node],
                                    }
                                ]
                            }
                        ]
                    }
                },
            },
        }
        return self._api.call("POST", _VOLUMES, volume)[0] in CREATED

    @staticmethod
    def _is_released(volume: dict[str, Any]) -> bool:
        annotations = volume["metadata"].get("annotations") or {}
        return (
            annotations.get(_PROVISIONED) == PROVISIONER
            and volume.get("status", {}).get("phase") == "Released"
            and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        )

    def _remove(self, volume: dict[str, Any]) -> bool:
        name = volume["metadata"]["name"]
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            return False
        return self._api.call("DELETE", f"{_VOLUMES}/{name}")[0] in {200, 202, 404}
