from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from storeorch_devcluster import nodes


def documents(path: Path) -> list[dict[str, Any]]:
    nodes.write_stages(path)
    return list(yaml.safe_load_all(path.read_text()))


def test_the_configuration_is_complete_yaml(tmp_path: Path) -> None:
    settings, *stages = documents(tmp_path / "stages.yaml")
    assert settings["kind"] == "KwokConfiguration"
    assert {stage["kind"] for stage in stages} == {"Stage"}
    names = [stage["metadata"]["name"] for stage in stages]
    assert len(set(names)) == len(names)
    assert {"node-ready", "pod-ready", "pod-delete", "pod-crash", "pod-slow"} <= set(names)
    text = (tmp_path / "stages.yaml").read_text()
    assert "__FAULT__" not in text
    assert "#include failing" not in text


def test_only_deletion_comes_to_pods_that_are_being_deleted(tmp_path: Path) -> None:
    for stage in documents(tmp_path / "stages.yaml")[1:]:
        spec = stage["spec"]
        if spec["resourceRef"]["kind"] != "Pod":
            continue
        key = ".metadata.deletionTimestamp"
        operators = [e["operator"] for e in spec["selector"]["matchExpressions"] if e["key"] == key]
        deletes = stage["metadata"]["name"] == "pod-delete"
        assert operators == (["Exists"] if deletes else ["DoesNotExist"])


def test_a_node_is_as_large_as_asked() -> None:
    manifest = nodes.node(3, pods=7)
    assert manifest["metadata"]["name"] == nodes.node_name(3)
    assert manifest["status"]["allocatable"]["pods"] == "7"


def test_volumes_go_with_their_claims_by_default() -> None:
    manifest = nodes.storage_class()
    assert manifest["reclaimPolicy"] == "Delete"
    assert manifest["volumeBindingMode"] == "WaitForFirstConsumer"
    assert manifest["provisioner"] == "kubernetes.io/host-path"
