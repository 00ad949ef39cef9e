"""A local copy of all objects of some kinds, kept up to date by watching.

This module must not know what the objects are used for.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable

WATCH_SECONDS: Final = 300
"""How long one watch lasts; then everything is listed anew, the net below lost events."""

PAUSE: Final = 0.5
"""Seconds to wait after the API server did not answer."""

GONE: Final = 410
OK: Final = 200

Key = tuple[str, str]
"""Namespace (empty where there is none) and name."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of objects.

    Attributes:
        name: Plural name, for whoever reads the copy.
        path: Path of its list in the API.
    """

    name: str
    path: str


@dataclass(slots=True)
class Cache:
    """The copy of one kind.

    Attributes:
        objects: Objects by namespace and name.
        synced: Whether everything was listed once.
    """

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    synced: bool = False


class Informer:
    """Watches some kinds, each in a thread, and says when anything changed.

    Args:
        server: The API server's address.
        pool: Connections with the right certificates.
        kinds: What to watch.
        changed: Called after each change, from any thread.
    """

    def __init__(
        self,
        server: str,
        pool: urllib3.PoolManager,
        kinds: tuple[Kind, ...],
        changed: Callable[[], object],
    ) -> None:
        self._server = server
        self._pool = pool
        self._kinds = kinds
        self._changed = changed
        self._lock = threading.Lock()
        self._caches = {kind.name: Cache() for kind in kinds}

    def start(self) -> None:
        """Begin to watch."""
        for kind in self._kinds:
            threading.Thread(target=self._run, args=(kind,), name=kind.name, daemon=True).start()

    def synced(self) -> bool:
        """Whether every kind was listed once, so that the copy is complete."""
        return all(cache.synced for cache in self._caches.values())

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Return the present objects of a kind.

        Args:
            name: Plural name, as in `Kind`.
        """
        with self._lock:
            return list(self._caches[name].objects.values())

    def _run(self, kind: Kind) -> None:
        while True:
            try:
                version = self._list(kind)
                while version is not None:
                    version = self._watch(kind, version)
            except (urllib3.exceptions.HTTPError, ValueError, KeyError):
                # Down, restarting or speaking nonsense: all of it is listed again.
                time.sleep(PAUSE)

    def _list(self, kind: Kind) -> str | None:
        response = self._pool.request("GET", self._server + kind.path)
        if response.status != OK:
            time.sleep(PAUSE)
            return None
        document = response.json()
        objects = {_key(item): item for item in document["items"]}
        with self._lock:
            cache = self._caches[kind.name]
            cache.objects, cache.synced = objects, True
        self._changed()
        return str(document["metadata"]["resourceVersion"])

    def _watch(self, kind: Kind, version: str) -> str | None:
        query = (
            f"?watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}"
            f"&resourceVersion={version}"
        )
        response = self._pool.request(
            "GET",
            self._server + kind.path + query,
            preload_content=False,
            timeout=urllib3.Timeout(connect=2.0, read=WATCH_SECONDS + 30.0),
        )
        try:
            if response.status != OK:
                return None
            rest = b""
            for block in response.stream(None):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return None
                    version = str(event["object"]["metadata"]["resourceVersion"])
                    self._apply(kind, event)
        finally:
            response.release_conn()
            response.close()
        return None

    def _apply(self, kind: Kind, event: dict[str, Any]) -> None:
        if event["type"] == "BOOKMARK":
            return
        item = event["object"]
        with self._lock:
            objects = self._caches[kind.name].objects
            if event["type"] == "DELETED":
                objects.pop(_key(item), None)
            else:
                objects[_key(item)] = item
        self._changed()


def _key(item: dict[str, Any]) -> Key:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
