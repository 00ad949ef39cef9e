"""What tells whether somebody changed an object: its content in short, and who wrote it.

Pure. What the cluster writes by itself (status, defaults once they are there, marks of
its controllers) does not count. It must not know manifests, nor what is done about
a change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Final

from storeorch.kube.resources import FIELD_MANAGER, Json
from storeorch.names import LABEL_MANAGED_BY, MANAGED_BY
from storeorch.ports import Fingerprint

NUDGED: Final = "storeorch.io/nudged"
"""Annotation of a workload that holds the last token it was nudged with."""

RELEASE_NAME: Final = "meta.helm.sh/release-name"
"""Annotation in which Helm keeps whose an object is."""

_OF_CONTROLLERS: Final = frozenset({NUDGED, "deployment.kubernetes.io/revision"})
_OF_VOLUMES: Final = ("pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/")
"""Annotations that controllers write into the objects of people."""

_CONTROLLERS: Final = frozenset(
    {"cloud-controller-manager", "kube-controller-manager", "kube-scheduler"}
)
"""Managers that belong to the cluster itself; scaling is done for somebody else, though."""

_VERSIONED: Final = ("f:data", "f:stringData", "f:type", "f:immutable")


def fingerprint(obj: Json, kind: str) -> Fingerprint:
    """Return the fingerprint of an object of a release, or of a store's own Secret.

    A Secret's is made from its metadata alone, so that nothing of what it holds can be
    guessed from it; which of its fields were written when, and by whom, is in there.

    Args:
        obj: The object; of a Secret the metadata will do.
        kind: Its kind, which items of a list do not name.
    """
    text = _digest(_secret(obj)) if kind == "Secret" else content(obj, kind)
    return Fingerprint(text, untouched(obj))


def content(obj: Json, kind: str) -> str:
    """Return a digest of all that people may declare in an object.

    Args:
        obj: The whole object.
        kind: Its kind, which items of a list do not name.
    """
    declared = {
        key: value
        for key, value in obj.items()
        if key not in {"apiVersion", "kind", "metadata", "status"}
    }
    if kind == "PersistentVolumeClaim":
        # Which volume it is bound to is the cluster's affair.
        spec: Json = declared.get("spec") or {}
        declared["spec"] = {key: value for key, value in spec.items() if key != "volumeName"}
    return _digest({**declared, **_marks(obj)})


def untouched(obj: Json) -> bool:
    """Say whether only one manager and the cluster's controllers have written an object."""
    return len({entry.get("manager") for entry in _of_people(obj)} - {FIELD_MANAGER}) <= 1


def _of_people(obj: Json) -> Iterator[Json]:
    for entry in obj["metadata"].get("managedFields") or ():
        part = entry.get("subresource") or ""
        if part != "status" and (part or entry.get("manager") not in _CONTROLLERS):
            yield entry


def _secret(obj: Json) -> Json:
    metadata = obj["metadata"]
    written = [
        [entry.get("manager"), entry.get("time"), fields]
        for entry in metadata.get("managedFields") or ()
        if (fields := {k: v for k, v in (entry.get("fieldsV1") or {}).items() if k in _VERSIONED})
    ]
    # Nobody but us reads the store's own Secret, so its marks matter to no one.
    ours = (metadata.get("labels") or {}).get(LABEL_MANAGED_BY) == MANAGED_BY
    return {"uid": metadata.get("uid"), "written": written, **({} if ours else _marks(obj))}


def _marks(obj: Json) -> Json:
    metadata = obj.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    return {
        "labels": metadata.get("labels") or {},
        "annotations": {
            key: value
            for key, value in annotations.items()
            if key not in _OF_CONTROLLERS and not key.startswith(_OF_VOLUMES)
        },
    }


def _digest(declared: Json) -> str:
    text = json.dumps(declared, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
