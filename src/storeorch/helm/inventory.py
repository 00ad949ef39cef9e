"""What a release consists of, told from the manifest that Helm keeps of it.

Pure. Thousands of stores share a few charts, so the lists of names are kept once
for all stores that have the same; whole manifests are read only where something
has to be compared.

This module must not start Helm, nor know how revisions are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import yaml

from storeorch.errors import ReleaseFailed
from storeorch.ports import RELEASED_KINDS, Manifest, ObjectRef, WorkloadRef

WORKLOAD_KINDS: Final = ("Deployment", "StatefulSet", "Job")

_SHAPES_KEPT: Final = 1024
"""Different inventories that are shared; there is about one for each chart."""

# Leaves every scalar a string: nothing is constructed, and a plain ``=`` is no error.
_Names: Final = cast("type[yaml.BaseLoader]", getattr(yaml, "CBaseLoader", yaml.BaseLoader))

_SECTION: Final = re.compile(r"^(?=[^\s#])", re.MULTILINE)
_NAMING: Final = re.compile(r"""(?:apiVersion|kind|metadata|["'{\[]|---)""")
_EPHEMERAL: Final = re.compile(r"^\s+ttlSecondsAfterFinished:", re.MULTILINE)


class _Content(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads scalars as Helm does: dates and ``12:30`` are strings."""

    yaml_implicit_resolvers: Mapping[str, Any] = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_SEXAGESIMAL: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


def _number(loader: Any, node: yaml.ScalarNode) -> object:
    if _SEXAGESIMAL.fullmatch(node.value):
        return node.value
    construct = loader.construct_yaml_int if node.tag.endswith(":int") else None
    return (construct or loader.construct_yaml_float)(node)


_Content.add_constructor("tag:yaml.org,2002:int", _number)
_Content.add_constructor("tag:yaml.org,2002:float", _number)
_Content.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The names of what a release consists of; see ``ports.Release``."""

    workloads: tuple[WorkloadRef, ...] = ()
    objects: tuple[ObjectRef, ...] = ()
    claims: tuple[str, ...] = ()


_shapes: dict[Inventory, Inventory] = {}


def inventory(release: Mapping[str, Any], namespace: str) -> Inventory:
    """Return what a release has in the store's namespace.

    Hooks are not among it: Helm has waited for them, and may have deleted them.
    Nor are Jobs that Kubernetes removes by itself once they have finished, as
    objects whose absence says something.

    Args:
        release: The release as Helm writes it.
        namespace: The store's namespace.

    Raises:
        ReleaseFailed: The manifest is not YAML.
    """
    workloads: set[WorkloadRef] = set()
    objects: set[ObjectRef] = set()
    claims: set[str] = set()
    for document in _documents(release):
        for manifest in _parsed(_naming_part(document), _Names, namespace):
            ref = _ref(manifest)
            if ref.kind in WORKLOAD_KINDS:
                workloads.add(WorkloadRef(ref.kind, ref.name))
            if ref.kind != "Job" or not _EPHEMERAL.search(document):
                objects.add(ref)
            if ref.kind == "PersistentVolumeClaim":
                claims.add(ref.name)
            elif ref.kind == "StatefulSet":
                for found in _parsed(document, _Names, namespace):
                    if _ref(found) == ref:
                        claims.update(_claims(found))
    whole = Inventory(tuple(sorted(workloads)), tuple(sorted(objects)), tuple(sorted(claims)))
    if len(_shapes) > _SHAPES_KEPT:
        _shapes.clear()
    return _shapes.setdefault(whole, whole)


def manifests(release: Mapping[str, Any], namespace: str) -> list[Manifest]:
    """Return the manifests of ``Inventory.objects``, in their order.

    Args:
        release: The release as Helm writes it.
        namespace: The store's namespace.

    Returns:
        Each with the label and the annotations that Helm marks its objects with.

    Raises:
        ReleaseFailed: The manifest is not YAML.
    """
    found: dict[ObjectRef, Manifest] = {}
    name = str(release.get("name") or "")
    for document in _documents(release):
        for manifest in _parsed(document, _Content, namespace):
            found[_ref(manifest)] = _marked(manifest, name, namespace)
    return [found[ref] for ref in inventory(release, namespace).objects if ref in found]


def _documents(release: Mapping[str, Any]) -> Iterator[str]:
    for document in f"\n{release.get('manifest') or ''}".split("\n---"):
        if any(kind in document for kind in RELEASED_KINDS):
            yield document


def _naming_part(document: str) -> str:
    """Leave out what names nothing; parsing it costs some 10 ms for a chart."""
    if "kind: List" in document:
        return document
    return "".join(part for part in _SECTION.split(document) if _NAMING.match(part))


def _parsed(text: str, loader: Any, namespace: str) -> Iterator[dict[str, Any]]:
    try:
        yield from _released(yaml.load(text, Loader=loader), namespace)  # noqa: S506 - plain data
    except (yaml.YAMLError, ValueError) as error:
        raise ReleaseFailed("The chart rendered a manifest that is not YAML.") from error


def _released(manifest: object, namespace: str) -> Iterator[dict[str, Any]]:
    if not isinstance(manifest, dict):
        return
    if manifest.get("kind") == "List":
        for item in manifest.get("items") or ():
            yield from _released(item, namespace)
        return
    metadata = manifest.get("metadata") or {}
    here = (metadata.get("namespace") or namespace) == namespace
    if here and manifest.get("kind") in RELEASED_KINDS:
        yield manifest


def _ref(manifest: Manifest) -> ObjectRef:
    return ObjectRef(str(manifest["kind"]), str((manifest.get("metadata") or {}).get("name")))


def _claims(manifest: Manifest) -> Iterator[str]:
    """Name the claims that a StatefulSet makes: ``<template>-<name>-<ordinal>``.

    Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage
    """
    spec = manifest.get("spec") or {}
    replicas = str(spec.get("replicas") or "1")
    start = str((spec.get("ordinals") or {}).get("start") or "0")
    if not (replicas.isdecimal() and start.isdecimal()):
        return
    for template in spec.get("volumeClaimTemplates") or ():
        for ordinal in range(int(start), int(start) + int(replicas)):
            yield f"{template['metadata']['name']}-{_ref(manifest).name}-{ordinal}"


def _marked(manifest: Manifest, release: str, namespace: str) -> Manifest:
    metadata = manifest["metadata"]
    # Source: ``setMetadataVisitor`` in Helm's pkg/action/validate.go.
    labels = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    annotations = {
        **(metadata.get("annotations") or {}),
        "meta.helm.sh/release-name": release,
        "meta.helm.sh/release-namespace": namespace,
    }
    return {
        **manifest,
        "metadata": {
            **metadata,
            "namespace": namespace,
            "labels": labels,
            "annotations": annotations,
        },
    }
