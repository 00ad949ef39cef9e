from __future__ import annotations

import pytest

from storeorch.errors import ReleaseFailed
from storeorch.helm.inventory import Inventory, inventory, manifests
from storeorch.ports import ObjectRef, WorkloadRef


def test_inventory() -> None:
    manifest = """\
---
# Source: a
kind: Deployment
metadata: {name: web, labels: {a: "="}, annotations: {b: =}}
---
kind: StatefulSet
metadata:
  name: db
  namespace: here
---
kind: Deployment
metadata: {name: elsewhere, namespace: there}
--- # and so on
apiVersion: v1
kind: List
items:
  - {kind: "Job", metadata: {name: migrate, namespace: }}
  - {kind: ConfigMap, metadata: {name: Deployment}}
---
# Deployment
---
- Deployment
---
kind: ConfigMap
metadata: {name: web}
data:
  script: |
    kind: Deployment
"""
    hook = {"kind": "Job", "manifest": "kind: Job\nmetadata: {name: hook}"}
    found = inventory({"manifest": manifest, "hooks": [hook]}, "here")
    assert found.workloads == (
        WorkloadRef("Deployment", "web"),
        WorkloadRef("Job", "migrate"),
        WorkloadRef("StatefulSet", "db"),
    )
    assert found.objects == (
        ObjectRef("ConfigMap", "Deployment"),
        ObjectRef("ConfigMap", "web"),
        ObjectRef("Deployment", "web"),
        ObjectRef("Job", "migrate"),
        ObjectRef("StatefulSet", "db"),
    )
    assert found.claims == ()
    assert inventory({}, "here") == Inventory()


def test_manifest_that_is_no_yaml() -> None:
    with pytest.raises(ReleaseFailed, match="not YAML"):
        inventory({"manifest": "kind: Deployment\n  x: [1"}, "here")


def test_claims_are_those_of_the_release_and_of_its_stateful_sets() -> None:
    manifest = """\
kind: PersistentVolumeClaim
metadata: {name: files}
---
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  ordinals: {start: 3}
  volumeClaimTemplates:
    - metadata: {name: data}
"""
    found = inventory({"manifest": manifest}, "here")
    assert found.claims == ("data-db-3", "data-db-4", "files")


def test_a_job_that_is_removed_when_it_has_ended_is_missed_by_nobody() -> None:
    manifest = """\
kind: Job
metadata: {name: once}
spec:
  ttlSecondsAfterFinished: 60
"""
    found = inventory({"manifest": manifest}, "here")
    assert (found.workloads, found.objects) == ((WorkloadRef("Job", "once"),), ())


def test_manifests_carry_the_marks_of_helm_and_keep_their_text() -> None:
    manifest = """\
kind: ConfigMap
metadata: {name: web, labels: {a: b}}
data: {opens: 12:30, until: 2026-11-24, sign: =, count: 10}
"""
    (found,) = manifests({"name": "shop", "manifest": manifest}, "here")
    assert found["data"] == {"opens": "12:30", "until": "2026-11-24", "sign": "=", "count": 10}
    assert found["metadata"] == {
        "name": "web",
        "namespace": "here",
        "labels": {"a": "b", "app.kubernetes.io/managed-by": "Helm"},
        "annotations": {
            "meta.helm.sh/release-name": "shop",
            "meta.helm.sh/release-namespace": "here",
        },
    }
