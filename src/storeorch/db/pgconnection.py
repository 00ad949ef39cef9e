"""psycopg's connection, made to end when the server falls silent.

The limits that the server itself keeps are of no use once it stands still, or the
network between drops everything. This module imports the driver: import it only where
PostgreSQL is used.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from psycopg import AsyncConnection
from typing_extensions import override

SILENCE_SECONDS: Final = 20.0
"""Longest time that one exchange with the server may take; longer than what it may do itself."""


class Connection(AsyncConnection[Any]):
    """A connection that is lost when one exchange takes too long.

    Attributes:
        silence: Seconds that one exchange may take; None is for ever.
    """

    silence: float | None = SILENCE_SECONDS

    @override
    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        if self.silence is None:
            return await super().wait(*args, **kwargs)
        loop = asyncio.get_running_loop()
        hanging_up = loop.call_later(self.silence, _hang_up, self.pgconn.socket)
        try:
            return await super().wait(*args, **kwargs)
        finally:
            hanging_up.cancel()

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Let exchanges take as long as they want."""
        before, self.silence = self.silence, None
        try:
            yield
        finally:
            self.silence = before


def _hang_up(descriptor: int) -> None:
    """End a connection from our side: who waits for its answer is told that it is lost."""
    with closing(socket.socket(fileno=os.dup(descriptor))) as ours:
        ours.shutdown(socket.SHUT_RDWR)
