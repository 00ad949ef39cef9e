"""The statements about leases, as each dialect is given them."""

from __future__ import annotations

import pytest
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from storeorch.db import statements

SQLITE: Dialect = sqlite.dialect()
POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


def claim(dialect: Dialect, *, wanted: list[str], only: list[str] | None) -> str:
    statement, _ = statements.claim_due(
        "default", "worker-1", limit=5, lease=30, wanted=wanted, only=only
    )
    return str(statement.compile(dialect=dialect))


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL])
def test_claiming_is_one_statement(dialect: Dialect) -> None:
    sql = claim(dialect, wanted=[], only=None)
    assert sql.startswith("WITH chosen AS")
    assert sql.count("UPDATE stores") == 1
    assert "RETURNING" in sql
    assert "LIMIT" in sql


def test_workers_on_postgresql_do_not_wait_for_each_other() -> None:
    assert "FOR UPDATE SKIP LOCKED" in claim(POSTGRESQL, wanted=[], only=None)
    assert "FOR UPDATE" not in claim(SQLITE, wanted=[], only=None)


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL])
def test_only_what_is_asked_for_is_in_the_statement(dialect: Dialect) -> None:
    plain = claim(dialect, wanted=[], only=None)
    assert "status !=" in claim(dialect, wanted=["a"], only=None)
    assert "status !=" not in plain
    assert len(claim(dialect, wanted=[], only=[])) > len(plain)
