"""What keeps a namespace from going, told from its status.

Pure. The namespace controller says it in sentences; taken over from them are
counts, and names that fit the patterns of finalizers and resources.
"""

from __future__ import annotations

import re
from typing import Final

from storeorch.kube.resources import Json

_QUALIFIED: Final = (
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?"
)
_FINALIZER: Final = re.compile(rf"({_QUALIFIED}) in ([0-9]{{1,9}}) resource instances", re.ASCII)
_REMAINING: Final = re.compile(
    r"([a-z0-9][a-z0-9-]{0,62})\.[a-z0-9.-]{0,253} has ([0-9]{1,9}) resource instances", re.ASCII
)


def blocked_by(namespace: Json) -> str | None:
    """Say what keeps a terminating namespace, or None if nothing is known to.

    Args:
        namespace: The namespace as the API has it.

    Returns:
        Words for users, such as ``finalizer example.com/x on 1 object``.
    """
    said = {
        entry.get("type"): entry.get("message") or ""
        for entry in (namespace.get("status") or {}).get("conditions") or ()
        if entry.get("status") == "True"
    }
    parts = [
        f"finalizer {name} on {_objects(int(count))}"
        for name, count in _FINALIZER.findall(said.get("NamespaceFinalizersRemaining", ""))
    ]
    parts += [
        f"finalizer {name} on the namespace itself"
        for name in namespace["metadata"].get("finalizers") or ()
        if re.fullmatch(_QUALIFIED, name, re.ASCII)
    ]
    if not parts:
        remaining = _REMAINING.findall(said.get("NamespaceContentRemaining", ""))
        parts = [f"{count} {plural}" for plural, count in remaining]
    if said.keys() & {
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
    }:
        parts.append("an API service of the cluster that does not answer")
    if not parts and "NamespaceDeletionContentFailure" in said:
        parts.append("objects that the cluster could not delete yet")
    return ", ".join(parts) or None


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"
