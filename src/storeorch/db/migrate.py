"""Bring a database to the schema of this version, with the packaged migrations.

Alembic is imported only where there is something to do: most starts find the
schema in place by one query.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.db.connection import (
    READ_ONLY,
    open_engine,
    parse_url,
    translated,
    uninterrupted,
)
from storeorch.db.postgresql import patiently
from storeorch.errors import DatabaseOutdated

HEAD: Final = "0003"
"""Newest revision under ``migrations/versions``; a test keeps it true."""

_alembic = threading.Lock()
"""Alembic's ``op`` and ``context`` are the process's, whatever threads and loops it has."""

_TURN_SECONDS: Final = 0.01
"""How often a migration that found another one under way asks whether it has ended."""


async def current_revision(engine: AsyncEngine) -> str | None:
    """Return the revision of the schema, or None for an empty database."""
    with translated():
        async with engine.execution_options(**{READ_ONLY: True}).connect() as connection:
            return await connection.run_sync(_read_revision)


@uninterrupted
async def upgrade(engine: AsyncEngine) -> bool:
    """Bring the schema up to date.

    Returns:
        Whether anything had to be done.

    Raises:
        DatabaseUnavailable: The database cannot be used.
        DatabaseOutdated: It was written by a newer version of storeorch.
    """
    revision = await current_revision(engine)
    if revision == HEAD:
        return False
    check_known(revision)
    async with _alembic_alone():
        with translated():
            async with engine.begin() as connection:
                await connection.run_sync(_migrate)
    return True


async def upgrade_database(url: str) -> bool:
    """Bring the database at a SQLAlchemy URL up to date; see ``upgrade``."""
    engine = open_engine(parse_url(url))
    try:
        return await upgrade(engine)
    finally:
        await engine.dispose()


def check_known(revision: str | None) -> None:
    """Refuse a schema that this version cannot know.

    Raises:
        DatabaseOutdated: It was written by a newer version of storeorch.
    """
    if revision is not None and revision > HEAD:
        raise DatabaseOutdated(
            "The database was written by a newer version of storeorch.",
            hint="Upgrade storeorch on this machine.",
        )


@asynccontextmanager
async def _alembic_alone() -> AsyncIterator[None]:
    while not _alembic.acquire(blocking=False):  # noqa: ASYNC110 - it has no event to wait for
        await asyncio.sleep(_TURN_SECONDS)
    try:
        yield
    finally:
        _alembic.release()


def _read_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _migrate(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        _run_migrations(connection)
        return
    # A migration, ours or that of another process, may take longer than a statement should.
    with patiently(connection):
        for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(5784027193)"))
        _run_migrations(connection)


def _run_migrations(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - heavy, and rarely needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
