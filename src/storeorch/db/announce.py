"""What a writer says of its transaction on PostgreSQL, and what readers conclude from it.

A transaction that changes a store announces it once, before it writes its events:

- ``NOTIFY``: told to all who listen if, and when, it is committed.
- A shared advisory lock until its end, whose key holds the newest id of an event that
  was given out before. Ids are given out in order, transactions are committed in any:
  who follows all events by their id would skip one that is committed late. The locks
  tell up to which id nothing can come any more, and no writer waits for another.

Events of one store need no such care: they are written under the lock of its row.
The sequence of the ids must not be given a cache. This module runs statements on
PostgreSQL alone, and must not know who waits.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from storeorch.db.changes import Kind, Notice

_CHANNEL: Final = "'storeorch_' || md5(current_schema())"
"""Notifications belong to a database; the schema tells two storeorchs in one apart."""

_TAG: Final = "(hashtext('storeorch ' || current_schema()) & 8388607)::bigint"
"""The upper 23 bits of our locks' keys; the lower 40 are an event's id."""

_LAST: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq"
"""The newest id that was given out; ``last_value`` alone is 1 before the first one, too."""

_ANNOUNCE: Final = text(
    f"SELECT pg_notify({_CHANNEL}, :payload),"
    f" pg_advisory_xact_lock_shared(({_TAG} << 40) | ({_LAST}))"
)

_GIVEN_OUT: Final = text(_LAST)

_UNDER_WAY: Final = text(
    "SELECT min(key & 1099511627775) FROM ("  # noqa: S608 - constants
    "  SELECT (classid::bigint << 32) | objid::bigint AS key FROM pg_locks"
    "  WHERE locktype = 'advisory' AND objsubid = 1"
    "  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    f") AS locks WHERE key >> 40 = {_TAG}"
)

CHANNEL: Final = text(f"SELECT {_CHANNEL}")
"""Asks for the name of the channel."""


async def announce(connection: AsyncConnection, notice: Notice) -> None:
    """Announce the transaction under way; before its events are written."""
    payload = ":".join((notice.by, notice.kind.value, str(notice.updated_at), notice.store_id))
    await connection.execute(_ANNOUNCE, {"payload": payload})


def read(payload: str) -> Notice | None:
    """Return what was announced; None if it is not of our making."""
    try:
        by, kind, updated_at, store_id = payload.split(":", 3)
        return Notice(by, Kind(kind), store_id, int(updated_at))
    except ValueError:
        return None


async def settled(connection: AsyncConnection) -> int:
    """Return the id up to which every event is committed, or never will be.

    What was given out before the locks are read is under way then, and its lock is
    seen, or has ended, and is seen by every later statement.
    """
    given_out: int = (await connection.execute(_GIVEN_OUT)).scalar_one()
    under_way: int | None = await connection.scalar(_UNDER_WAY)
    return given_out if under_way is None else min(given_out, under_way)
