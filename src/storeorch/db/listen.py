"""Hear of commits by other processes through PostgreSQL's ``LISTEN`` and ``NOTIFY``.

One connection of its own for each process. A writer announces a change in the same
transaction, so it is told exactly if it was committed. This module must not know
tables, nor who waits.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.db import postgresql
from storeorch.db.announce import CHANNEL, read
from storeorch.db.changes import Told

if TYPE_CHECKING:
    from storeorch.db.pgconnection import Connection

_log = logging.getLogger("storeorch.operator")

NET_SECONDS: Final = 30.0
"""How often the connection is tried and the database looked at although nothing was told."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0
"""Seconds before the next attempt to connect; doubled each time, with jitter."""


class Listener:
    """Tells what other processes announced; a ``changes.Source``.

    Nothing is lost with a connection: after each time that it listens anew, it looks at
    what was committed since it last looked.

    Args:
        engine: Where to connect to.
        net: Seconds after which to look although nothing was told.
    """

    def __init__(self, engine: AsyncEngine, *, net: float = NET_SECONDS) -> None:
        self._engine = engine
        self._net = net

    async def run(self, told: Told) -> None:
        """Listen until cancelled, whatever becomes of the connection."""
        from psycopg import Error  # noqa: PLC0415 - only where PostgreSQL is used

        pause = _FIRST_PAUSE
        while True:
            try:
                async with await self._connect() as connection:
                    pause = _FIRST_PAUSE
                    await self._hear(connection, told)
            except (Error, OSError) as error:
                _log.warning("the database tells of no commits for now", exc_info=error)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _connect(self) -> Connection:
        url = self._engine.url
        _, named = self._engine.dialect.create_connect_args(url)
        arguments = {**named, **postgresql.connect_arguments(url), "autocommit": True}
        return await postgresql.connection_class().connect(**arguments)

    async def _hear(self, connection: Connection, told: Told) -> None:
        """Listen first and look then: what is committed between is told twice, not never."""
        cursor = await connection.execute(str(CHANNEL).encode())
        (channel,) = await cursor.fetchone() or ("",)
        await connection.execute(f'LISTEN "{channel}"'.encode())
        while True:
            # A connection that was lost without a word is noticed by this, at the latest.
            await connection.execute(b"SELECT 1")
            await told.look()
            with connection.patiently():
                async for notification in connection.notifies(timeout=self._net):
                    notice = read(notification.payload)
                    if notice is None:
                        await told.look()
                    else:
                        told.hear(notice)
