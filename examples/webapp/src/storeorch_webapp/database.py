"""The app's own tables, in the same database as the stores, with migrations of their own.

This module must know no token and no route.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

VERSION_TABLE: Final = "storeorch_web_version"
"""Alembic's table of the app; the library has one of its own."""

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}
_BUSY_SECONDS: Final = 10
_CONNECTIONS: Final = 2
"""A look at a token takes less than a millisecond."""

_LOCK: Final = text("SELECT pg_advisory_xact_lock(5784027194)")
"""Migrations of several processes queue here; the library's have another number."""

metadata = MetaData()

tokens = Table(
    "web_tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)


def open_engine(url: str) -> AsyncEngine:
    """Make the SQLAlchemy engine of the database that the library uses; nothing is connected."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    parsed = parsed.set(drivername=_DRIVERS[backend])
    if backend != "sqlite":
        return create_async_engine(parsed, pool_pre_ping=True, pool_size=_CONNECTIONS)
    if parsed.database and not parsed.database.startswith((":", "file:")):
        parsed = parsed.set(database=str(Path(parsed.database).expanduser()))
    engine = create_async_engine(parsed, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, record: object) -> None:  # noqa: ARG001
        connection.isolation_level = None

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        # A transaction that reads first cannot wait for the lock when it comes to write.
        if not connection.get_execution_options().get("read_only"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


async def upgrade(engine: AsyncEngine) -> None:
    """Bring the app's tables to the schema of this version."""
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - heavy, and only needed at the start
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
