"""What keeps a namespace from going, told from its status.

Pure. The namespace controller says it in sentences; taken over from them are
counts, and names that fit the patterns of finalizers and resources. It does not
say which objects those are; who asks for them can give their names too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from storeorch.kube.resources import Json

_QUALIFIED: Final = (
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?"
)
_FINALIZER: Final = re.compile(rf"({_QUALIFIED}) in ([0-9]{{1,9}}) resource instances", re.ASCII)
_REMAINING: Final = re.compile(
    r"([a-z0-9][a-z0-9-]{0,62})\.([a-z0-9.-]{0,253}) has ([0-9]{1,9}) resource instances", re.ASCII
)


def remaining(namespace: Json) -> Sequence[tuple[str, str]]:
    """Return group and plural of the resources of which a terminating namespace holds objects."""
    found = _REMAINING.findall(_said(namespace).get("NamespaceContentRemaining", ""))
    return [(group, plural) for plural, group, _ in found]


def blocked_by(namespace: Json, held: Mapping[str, Sequence[str]] | None = None) -> str | None:
    """Say what keeps a terminating namespace, or None if nothing is known to.

    Args:
        namespace: The namespace as the API has it.
        held: Names of objects by the finalizer that they carry, as far as they are known.

    Returns:
        Words for users, such as ``finalizer example.com/x on 1 object``.
    """
    said = _said(namespace)
    parts = [
        f"finalizer {name} on {_objects(int(count), (held or {}).get(name, ()))}"
        for name, count in _FINALIZER.findall(said.get("NamespaceFinalizersRemaining", ""))
    ]
    parts += [
        f"finalizer {name} on the namespace itself"
        for name in namespace["metadata"].get("finalizers") or ()
        if re.fullmatch(_QUALIFIED, name, re.ASCII)
    ]
    if not parts:
        left = _REMAINING.findall(said.get("NamespaceContentRemaining", ""))
        parts = [f"{count} {plural}" for plural, _, count in left]
    if said.keys() & {
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
    }:
        parts.append("an API service of the cluster that does not answer")
    if not parts and "NamespaceDeletionContentFailure" in said:
        parts.append("objects that the cluster could not delete yet")
    return ", ".join(parts) or None


def _said(namespace: Json) -> dict[str | None, str]:
    return {
        entry.get("type"): entry.get("message") or ""
        for entry in (namespace.get("status") or {}).get("conditions") or ()
        if entry.get("status") == "True"
    }


def _objects(count: int, names: Sequence[str]) -> str:
    if not names:
        return "1 object" if count == 1 else f"{count} objects"
    others = max(count, len(names)) - 1
    return f"{names[0]} and {others} more" if others else names[0]
