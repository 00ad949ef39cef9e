"""What was watched of one kind, by namespace and name.

Pure data structure; one writer, and readers in the same thread. It must not know
where objects come from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

S = TypeVar("S")

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Index(Generic[S]):
    """Summaries by namespace, then by name.

    Args:
        limit: How many are kept for one namespace; the oldest go first. None
            means all.
    """

    __slots__ = ("_limit", "_namespaces")

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._namespaces: dict[str, dict[str, S]] = {}

    def put(self, namespace: str, name: str, summary: S) -> S | None:
        """Keep a summary.

        Returns:
            The one before, or None.
        """
        # Ten kinds share the names of namespaces, and all stores share those of workloads.
        names = self._namespaces.setdefault(sys.intern(namespace), {})
        before = names.get(name)
        names[sys.intern(name)] = summary
        if self._limit is not None and len(names) > self._limit:
            del names[next(iter(names))]
        return before

    def drop(self, namespace: str, name: str) -> S | None:
        """Forget a summary.

        Returns:
            The one before, or None.
        """
        names = self._namespaces.get(namespace)
        if names is None:
            return None
        before = names.pop(name, None)
        if not names:
            del self._namespaces[namespace]
        return before

    def replace(self, other: Index[S]) -> dict[str, S | None]:
        """Take over all that another index has, and forget the rest.

        Returns:
            The namespaces in which something changed, each with one of the
            summaries that it had before.
        """
        before, self._namespaces = self._namespaces, other._namespaces
        return {
            namespace: next(iter(before.get(namespace, _NOTHING).values()), None)
            for namespace in before.keys() | other._namespaces.keys()
            if before.get(namespace) != other._namespaces.get(namespace)
        }

    def clear(self) -> None:
        """Forget everything."""
        self._namespaces = {}

    def get(self, namespace: str, name: str) -> S | None:
        """Return a summary, or None."""
        return self.of(namespace).get(name)

    def of(self, namespace: str) -> Mapping[str, S]:
        """Return the summaries of a namespace by name; not to be kept over an await."""
        return self._namespaces.get(namespace, _NOTHING)

    def __iter__(self) -> Iterator[tuple[str, str, S]]:
        """Iterate over namespace, name and summary."""
        for namespace, names in self._namespaces.items():
            for name, summary in names.items():
                yield namespace, name, summary

    def __len__(self) -> int:
        return sum(map(len, self._namespaces.values()))
