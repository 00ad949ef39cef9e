"""The place where hosts are made known, in memory.

This module must know no file.
"""

from __future__ import annotations

from storeorch.errors import HostsFileUnwritable
from storeorch.ports import Owner
from storeorch.testing.checkpoint import Checkpoint, Interruptible, pass_by


class MemoryHosts(Interruptible):
    """Hosts and the stores that they belong to.

    Satisfies ``ports.Hosts``; the methods are documented there.

    Args:
        checkpoint: Awaited before and after each effect.

    Attributes:
        known: Id of the store by host.
        unwritable: While True nothing can be written.
    """

    def __init__(self, *, checkpoint: Checkpoint = pass_by) -> None:
        super().__init__("hosts", checkpoint)
        self.known: dict[str, str] = {}
        self.unwritable = False

    async def ensure(self, host: str, owner: Owner) -> None:
        """See ``ports.Hosts.ensure``."""
        await self._enter("ensure")
        if self.known.get(host) != owner.store_id:
            self._check()
            self.known[host] = owner.store_id
            self._changed(host, owner)
        await self._point("ensure", "end")

    async def remove(self, host: str, owner: Owner) -> None:
        """See ``ports.Hosts.remove``."""
        await self._enter("remove")
        if self.known.get(host) == owner.store_id:
            self._check()
            del self.known[host]
            self._changed(host, owner)
        await self._point("remove", "end")

    def _changed(self, host: str, owner: Owner) -> None:
        """Learn of an effect; for doubles that watch them."""

    def _check(self) -> None:
        if self.unwritable:
            raise HostsFileUnwritable
