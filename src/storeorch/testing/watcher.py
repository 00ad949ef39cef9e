"""One watch of the in-memory cluster, and what its reader has yet to read.

This module must know no cluster.
"""

from __future__ import annotations

import asyncio


class Watcher:
    """One watch: an endless iterator of store ids, each only once while it is unread."""

    def __init__(self) -> None:
        self._unread: dict[str, None] = {}
        self._added = asyncio.Event()

    def tell(self, store_id: str) -> None:
        """Have the iterator yield that id."""
        self._unread[store_id] = None
        self._added.set()

    def __aiter__(self) -> Watcher:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Wait for the next id."""
        while not self._unread:
            self._added.clear()
            await self._added.wait()
        store_id = next(iter(self._unread))
        del self._unread[store_id]
        return store_id
