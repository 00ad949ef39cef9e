"""What is said when PostgreSQL refuses: one sentence of ours and what to do, nothing foreign."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.postgresql import PostgresServer

from storeorch.db import SqlRepository
from storeorch.db.connection import open_engine, parse_url, translated
from storeorch.errors import DatabaseUnavailable


def says(error: DatabaseUnavailable, sentence: str) -> None:
    assert error.message == sentence
    assert error.hint
    for word in ("FATAL", "psycopg", "s3cret", "mallory", "sqlalche", "ERROR"):
        assert word not in f"{error.message} {error.hint}"


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_url(postgres_url))
    yield engine
    await engine.dispose()


@pytest.fixture
def guarded(postgres: PostgresServer) -> Iterator[str]:
    """Return a URL of the server that asks for a password, without one."""
    rules = postgres.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    postgres.run("CREATE ROLE mallory LOGIN PASSWORD 'right' CONNECTION LIMIT 3")
    rules.write_text(f"local all mallory scram-sha-256\n{before}")
    postgres.run("SELECT pg_reload_conf()")
    yield postgres.url("template", user="mallory")
    rules.write_text(before)
    postgres.run("SELECT pg_reload_conf()")
    postgres.run("DROP ROLE mallory")


async def refusal(url: str) -> DatabaseUnavailable:
    with pytest.raises(DatabaseUnavailable) as refused:
        async with SqlRepository.open(url):
            pass
    return refused.value


# -- connecting ---------------------------------------------------------------


async def test_wrong_password(guarded: str) -> None:
    wrong = guarded.replace("mallory@", "mallory:s3cret@")
    sentence = "The database refused the user or the password."
    says(await refusal(wrong), sentence)
    says(await refusal(guarded), sentence)


async def test_unknown_user(postgres: PostgresServer) -> None:
    url = postgres.url("template", user="nobody-known")
    says(await refusal(url), "The database refused the user or the password.")


async def test_unknown_database(postgres: PostgresServer) -> None:
    says(await refusal(postgres.url("nowhere")), "There is no such database on the server.")


async def test_no_server(tmp_path: Path) -> None:
    sentence = "The database server cannot be reached."
    says(await refusal(f"postgresql://mallory:s3cret@/x?host={tmp_path}"), sentence)
    says(await refusal("postgres://mallory:s3cret@127.0.0.1:1/x"), sentence)


async def test_server_that_does_not_answer(postgres: PostgresServer) -> None:
    with postgres.silent():
        error = await refusal(f"{postgres.url()}&connect_timeout=2")
    says(error, "The database server does not answer.")


async def test_no_more_connections(postgres: PostgresServer) -> None:
    postgres.run("CREATE DATABASE narrow CONNECTION LIMIT 0")
    postgres.run("CREATE ROLE guest LOGIN")
    try:
        error = await refusal(postgres.url("narrow", user="guest"))
    finally:
        postgres.drop("narrow")
        postgres.run("DROP ROLE guest")
    says(error, "The database server accepts no more connections.")


# -- statements ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("40001", "The database could not order this change among others."),
        ("40P01", "The database could not order this change among others."),
        ("55P03", "Another program holds what is needed in the database."),
        ("57014", "The database took too long to answer."),
        ("25006", "The database can only be read."),
        ("42501", "The user of the database lacks a right."),
        ("53100", "There is no space left for the database."),
        ("57P03", "The database server is starting or stopping."),
        ("XX000", "The database cannot be used."),
    ],
)
async def test_statement_that_is_refused(engine: AsyncEngine, state: str, sentence: str) -> None:
    raising = f"DO $$ BEGIN RAISE 'mallory s3cret' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(DatabaseUnavailable) as refused, translated():
        async with engine.begin() as connection:
            await connection.execute(text(raising))
    says(refused.value, sentence)


async def test_limits_of_a_session(engine: AsyncEngine) -> None:
    """The server ends by itself what waits for something lost."""
    async with engine.connect() as connection:
        shown = {
            name: await connection.scalar(text(f"SHOW {name}"))
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "transaction_isolation",
            )
        }
    assert list(shown.values()) == ["15s", "10s", "30s", "read committed"]


async def test_deadlock(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t AS SELECT generate_series(1, 2) AS n"))
    locked = asyncio.Barrier(2)

    async def lock(*rows: int) -> None:
        with translated():
            async with engine.begin() as connection:
                await connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
                for row in rows:
                    statement = text("SELECT 1 FROM t WHERE n = :n FOR UPDATE")
                    await connection.execute(statement, {"n": row})
                    if row == rows[0]:
                        await locked.wait()

    results = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    (error,) = [result for result in results if result is not None]
    assert isinstance(error, DatabaseUnavailable)
    says(error, "The database could not order this change among others.")
