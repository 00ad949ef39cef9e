"""Rows become models without loss, and the database's clock is the same in both dialects."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Dialect, insert, literal_column, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import CompileError
from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.db.tables import events, now_ms, stores, to_datetime, to_event, to_store
from storeorch.models import Event, Store


def test_every_field_of_a_store_has_a_column() -> None:
    assert set(Store.model_fields) <= set(stores.c.keys())


def test_every_field_of_an_event_has_a_column() -> None:
    assert set(Event.model_fields) == set(events.c.keys())


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_moments_survive(moment: datetime) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert to_datetime(round(whole.timestamp() * 1000)) == whole


async def test_smallest_rows(engine: AsyncEngine) -> None:
    """What may be NULL is, and comes out as None."""
    text = dict.fromkeys(("id", "cluster", "name", "type", "namespace", "host"), "x")
    times = dict.fromkeys(("created_at", "declared_at", "updated_at"), 1_700_000_000_123)
    numbers = dict.fromkeys(("generation", "observed_generation", "attempts", "lease_epoch"), 1)
    store = {"parameters": {}, "conditions": [], "status": "ready", "established": False}
    event = {"store_id": "x", "store_name": "x", "at": 1, "generation": 1, "epoch": 0}
    told = {"kind": "step", "reason": "Done", "message": "Done.", "actor": "x"}
    async with engine.begin() as connection:
        await connection.execute(
            insert(stores).values(**text, **times, **numbers, **store, helm_release="x")
        )
        await connection.execute(insert(events).values(**event, **told))
        read = to_store((await connection.execute(select(stores))).mappings().one())
        heard = to_event((await connection.execute(select(events))).mappings().one())
    assert (read.fault, read.url, read.ready_at) == (None, None, None)
    assert read.created_at == datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)
    assert (heard.step, heard.status, heard.duration, heard.error_id) == (None,) * 4
    assert heard.id == 1


async def test_clock_of_sqlite(engine: AsyncEngine) -> None:
    """It agrees with SQLite's own whole seconds, which another function tells."""
    seconds: ColumnElement[int] = literal_column("CAST(strftime('%s', 'now') AS INTEGER)")
    async with engine.connect() as connection:
        now, second = (await connection.execute(select(now_ms(), seconds))).one()
    assert isinstance(now, int)
    assert 0 <= now - second * 1000 <= 1000


@pytest.mark.parametrize(
    ("dialect", "function"),
    [(sqlite.dialect(), "julianday("), (postgresql.dialect(), "statement_timestamp()")],  # type: ignore[no-untyped-call]
)
def test_clock_of_each_dialect(dialect: Dialect, function: str) -> None:
    """Not that of the transaction's beginning."""
    assert function in str(select(now_ms()).compile(dialect=dialect))


def test_dialect_without_a_clock() -> None:
    with pytest.raises(CompileError):
        select(now_ms()).compile(dialect=mysql.dialect())
