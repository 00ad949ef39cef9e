"""The tables, and how a row becomes a model.

All times are whole milliseconds since 1970 by the database's own clock, so that
workers need not agree on the time and both dialects compute alike.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from storeorch.models import Event, Store

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

stores = Table(
    "stores",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("cluster", String(63), nullable=False),
    Column("name", String(40), nullable=False),
    Column("type", String(63), nullable=False),
    Column("owner", String(200)),
    Column("parameters", JSON, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("observed_generation", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("namespace", String(63), nullable=False),
    Column("host", String(253), nullable=False),
    Column("url", Text),
    Column("helm_release", String(53), nullable=False),
    Column("fault", JSON(none_as_null=True)),
    Column("attempts", Integer, nullable=False),
    Column("established", Boolean, nullable=False),
    Column("conditions", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("declared_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("ready_at", BigInteger),
    Column("due_at", BigInteger),
    Column("lease_owner", String(200)),
    Column("lease_epoch", BigInteger, nullable=False),
    Column("lease_until", BigInteger),
    UniqueConstraint("cluster", "name"),
    Index("uq_stores_cluster_host", "cluster", "host", unique=True),
    Index(None, "due_at"),
    Index(None, "created_at", "id"),
    Index(None, "updated_at"),
    Index(None, "owner"),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("store_id", String(36), nullable=False),
    Column("store_name", String(40), nullable=False),
    Column("owner", String(200)),
    Column("at", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("reason", String(63), nullable=False),
    Column("message", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("step", String(63)),
    Column("status", String(16)),
    Column("duration", Float),
    Column("error_id", String(16)),
    Index(None, "store_id", "id"),
    Index(None, "store_name", "id"),
    Index(None, "owner", "at"),
    sqlite_autoincrement=True,
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("cluster", String(63), nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as an SQL function
    """The database's own time, in milliseconds since 1970."""

    type: TypeEngine[int] = BigInteger()
    inherit_cache: bool | None = True


@compiles(now_ms, "sqlite")
def _now_sqlite(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ARG001
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_postgresql(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ARG001
    # The same throughout a statement, as in SQLite; of a statement that waited for a lock it
    # is the earlier time, by which a lease ends sooner and is never taken too soon.
    return "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000 AS BIGINT)"


def to_datetime(milliseconds: int) -> datetime:
    """Return the moment that a time column names."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


_STORE_FIELDS = tuple(name for name in Store.model_fields if name in stores.c)
_STORE_TIMES = ("created_at", "declared_at", "updated_at", "ready_at")


def to_store(row: RowMapping) -> Store:
    """Make the model of a row of ``stores``."""
    data = {name: row[name] for name in _STORE_FIELDS}
    for name in _STORE_TIMES:
        if data[name] is not None:
            data[name] = to_datetime(data[name])
    return Store.model_validate(data)


def to_event(row: RowMapping) -> Event:
    """Make the model of a row of ``events``."""
    return Event.model_validate({**row, "at": to_datetime(row["at"])})
