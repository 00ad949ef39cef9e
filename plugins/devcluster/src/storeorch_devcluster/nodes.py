"""Simulated nodes: the objects that make the API server have nodes and storage.

How nodes and pods then behave is data, in ``stages/*.yaml``.
"""

from __future__ import annotations

import re
from importlib.resources import files
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from pathlib import Path

NODE_ANNOTATION: Final = "kwok.x-k8s.io/node"
NODE_SELECTOR: Final = f"{NODE_ANNOTATION}=fake"
"""Which nodes kwok manages."""

STORAGE_CLASS: Final = "standard"
"""Name of the default storage class, the same as kind's."""

SETTINGS: Final = {
    "podPlayStageParallelism": 16,
    "nodePlayStageParallelism": 4,
    "nodeLeaseParallelism": 4,
    "podsOnNodeSyncParallelism": 4,
}
"""How much kwok does at once; its default for pods, 4, is slow for stores by the dozen."""


FAULT: Final = (
    '.metadata.annotations["storeorch.io/simulate"]'
    " // ([.spec.initContainers[]?.image, .spec.containers[]?.image]"
    ' | map(capture("^registry[.]invalid/(?<fault>missing|crash|slow)").fault) | .[0])'
    ' // "none"'
)
"""The jq expression that tells which failure a pod is meant to play."""


def write_stages(path: Path) -> None:
    """Write kwok's configuration: its settings and every stage, as one file.

    Args:
        path: The file to write.

    Raises:
        OSError: The file cannot be written.
    """
    settings = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "options": SETTINGS,
    }
    path.write_text("\n---\n".join([yaml.safe_dump(settings), *stages()]), "utf-8")


def stages() -> list[str]:
    """Return the stages as YAML, one text for each file in this package, complete."""
    folder = files(__package__) / "stages"

    def included(line: re.Match[str]) -> str:
        return indent((folder / line[2]).read_text("utf-8"), line[1])

    texts = [
        (folder / name).read_text("utf-8").replace("__FAULT__", FAULT)
        for name in ("node.yaml", "pod.yaml", "failure.yaml")
    ]
    return [re.sub(r"^( +)#include (\S+)$", included, text, flags=re.MULTILINE) for text in texts]


def node_name(index: int) -> str:
    """Return the name of a simulated node, counted from 0."""
    return f"simulated-{index}"


def node(index: int, *, pods: int) -> dict[str, Any]:
    """Return the manifest of a simulated node, large enough for whatever tests create.

    Args:
        index: Its number, from 0.
        pods: How many pods may run on it.
    """
    name = node_name(index)
    resources = {
        "cpu": str(pods),
        "memory": f"{pods}Gi",
        "ephemeral-storage": f"{pods}Gi",
        "pods": str(pods),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {NODE_ANNOTATION: "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "type": "kwok",
            },
        },
        "status": {"allocatable": resources, "capacity": resources},
    }


def storage_class() -> dict[str, Any]:
    """Return the manifest of the default storage class.

    Its volumes are folders of this machine that the controller manager creates
    when a claim's first pod is scheduled, and removes with the claim.
    """
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/host-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
