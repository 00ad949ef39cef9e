"""The place where hosts are made known, for example a hosts file."""

from __future__ import annotations

from typing import Protocol

from storeorch.ports.objects import Owner


class Hosts(Protocol):
    """The place where hosts are made known, for example a hosts file."""

    async def ensure(self, host: str, owner: Owner) -> None:
        """Make the host known.

        Raises:
            HostsFileUnwritable: It could not be written.
        """
        ...

    async def remove(self, host: str, owner: Owner) -> None:
        """Forget the host; one that is not known is fine."""
        ...
