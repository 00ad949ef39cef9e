"""URLs, pragmas, transactions, and what is said when a database cannot be used."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.db import SqlRepository, migrate
from storeorch.db.connection import (
    READ_ONLY,
    open_engine,
    parse_url,
    sqlite_path,
    translated,
    uninterrupted,
)
from storeorch.errors import DatabaseUnavailable
from storeorch.models import StoreFilter
from storeorch.testing.contracts.samples import new_store

ROUNDS = 15


# -- URLs ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite"),
        ("sqlite+pysqlite:///a.db", "sqlite+aiosqlite"),
        ("postgresql://me:secret@host/name", "postgresql+psycopg"),
        ("postgresql+asyncpg://me@host/name", "postgresql+psycopg"),
    ],
)
def test_driver_is_chosen(url: str, driver: str) -> None:
    parsed = parse_url(url)
    assert parsed.drivername == driver
    assert parsed.set(drivername="x") == make_url(url).set(drivername="x")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "STOREORCH_DATABASE_URL is not a database URL."),
        ("me:s3cret@host", "STOREORCH_DATABASE_URL is not a database URL."),
        ("postgresql://me:s3cret@host:port/name", "STOREORCH_DATABASE_URL is not a database URL."),
        ("mysql://me:s3cret@host/name", "Databases of the kind 'mysql' are not supported."),
    ],
)
def test_url_that_is_not_possible(url: str, sentence: str) -> None:
    """It is refused with an example, and not repeated: it may hold a password."""
    with pytest.raises(DatabaseUnavailable) as refused:
        parse_url(url)
    error = refused.value
    assert error.message == sentence
    assert "sqlite:///" in (error.hint or "")
    assert (error.code, error.exit_code) == ("database-unavailable", 4)
    assert "s3cret" not in f"{error.message} {error.hint} {error!r}"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///a.db", "a.db"),
        ("sqlite:////folder/a.db", "/folder/a.db"),
        ("sqlite:///~/a.db", str(Path.home() / "a.db")),
        ("sqlite:///file:/folder/a%20b.db?mode=ro&uri=true", "/folder/a b.db"),
        ("sqlite:///file:x?mode=memory&cache=shared&uri=true", None),
        ("sqlite:///file::memory:?uri=true", None),
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("postgresql://me@host/name", None),
    ],
)
def test_file_of_a_url(url: str, path: str | None) -> None:
    assert sqlite_path(make_url(url)) == (Path(path) if path else None)


# -- opening ------------------------------------------------------------------


async def test_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    await open_engine(parse_url(f"sqlite:///{tmp_path}/a/b.db")).dispose()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert list((tmp_path / "a").iterdir()) == []


async def test_no_folder_is_made_for_an_uri(tmp_path: Path) -> None:
    await open_engine(parse_url(f"sqlite:///file:{tmp_path}/a/b.db?uri=true")).dispose()
    assert not (tmp_path / "a").exists()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(DatabaseUnavailable, match="folder of the database cannot be made"):
        open_engine(parse_url(f"sqlite:///{tmp_path}/a/b.db"))


def test_missing_driver_is_named_with_its_cure() -> None:
    with pytest.raises(DatabaseUnavailable, match="driver of the database is not") as refused:
        open_engine(make_url("postgresql+nosuchdriver://me:s3cret@host/name"))
    assert "pip install" in (refused.value.hint or "")
    assert "s3cret" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("busy_timeout", 10_000), ("synchronous", 1), ("foreign_keys", 1)],
)
async def test_pragmas(engine: AsyncEngine, pragma: str, value: object) -> None:
    async with engine.connect() as connection:
        assert await connection.scalar(text(f"PRAGMA {pragma}")) == value


async def test_opening_while_another_one_writes_for_the_first_time(tmp_path: Path) -> None:
    """SQLite refuses to switch to the write-ahead log then, without waiting."""
    path = tmp_path / "a.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine = open_engine(parse_url(f"sqlite:///{path}"))
    opening = asyncio.create_task(migrate.upgrade(engine))
    refused, _ = await asyncio.wait([opening], timeout=0.1)
    assert not refused
    other.execute("COMMIT")
    other.close()
    assert await opening
    await engine.dispose()


# -- transactions -------------------------------------------------------------


async def test_two_who_write_wait_for_each_other(
    engine: AsyncEngine, second_engine: AsyncEngine
) -> None:
    """Each reads before it writes, which a deferred transaction pays for with an error."""
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE counter AS SELECT 0 AS n"))

    async def count(engine: AsyncEngine) -> None:
        for _ in range(ROUNDS):
            async with engine.begin() as connection:
                seen = await connection.scalar(text("SELECT n FROM counter"))
                await connection.execute(text("UPDATE counter SET n = :n"), {"n": seen + 1})

    await asyncio.gather(count(engine), count(second_engine))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT n FROM counter")) == 2 * ROUNDS


async def test_reading_while_another_writes(
    engine: AsyncEngine, second_engine: AsyncEngine
) -> None:
    """Who reads waits for no one, and sees what was there before."""
    reader = second_engine.execution_options(**{READ_ONLY: True})
    query = text("SELECT count(*) FROM workers")
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO workers VALUES ('a', 'default', 1)"))
        async with reader.connect() as other:
            assert await other.scalar(query) == 0
    async with reader.connect() as other:
        assert await other.scalar(query) == 1


async def test_reading_in_memory_while_another_writes() -> None:
    """There is one connection then; a read that ends must not undo the write under way."""
    async with SqlRepository.open("sqlite://") as repository:
        writing = asyncio.create_task(repository.create(new_store(), actor="tester"))
        while not writing.done():
            await repository.list(StoreFilter())
        store = await writing
        assert await repository.get(store.id) == store
        assert len(await repository.events(store_id=store.id)) == 1


# -- cancellation -------------------------------------------------------------


class Transaction:
    """Something that must come to its end."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.ended = False
        self._error = error

    @uninterrupted
    async def run(self) -> str:
        self.begun.set()
        await self.go_on.wait()
        self.ended = True
        if self._error is not None:
            raise self._error
        return "done"


@pytest.mark.parametrize("error", [None, ValueError("nobody is left to be told")])
async def test_cancelled_caller_waits_for_the_end(error: Exception | None) -> None:
    transaction = Transaction(error)
    caller = asyncio.create_task(transaction.run())
    await transaction.begun.wait()
    for _ in range(3):
        caller.cancel()
        assert not (await asyncio.wait([caller], timeout=0))[0]
    transaction.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert transaction.ended


async def test_answer_passes_through() -> None:
    transaction = Transaction()
    transaction.go_on.set()
    assert await transaction.run() == "done"


async def test_error_passes_through() -> None:
    transaction = Transaction(ValueError("mine"))
    transaction.go_on.set()
    with pytest.raises(ValueError, match="mine"):
        await transaction.run()


async def test_transaction_that_is_itself_cancelled() -> None:
    @uninterrupted
    async def run() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run()


# -- errors -------------------------------------------------------------------


def sqlite_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("f0reign text")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("name", "sentence", "hint"),
    [
        ("SQLITE_READONLY", "The database file cannot be written.", "writable"),
        ("SQLITE_READONLY_DBMOVED", "The database file cannot be written.", "writable"),
        ("SQLITE_CANTOPEN_ISDIR", "The database file cannot be opened.", "STOREORCH_DATABASE_URL"),
        ("SQLITE_PERM", "The database file cannot be opened.", "STOREORCH_DATABASE_URL"),
        ("SQLITE_CORRUPT_INDEX", "The database file is damaged.", "backup"),
        ("SQLITE_NOTADB", "The database file is not an SQLite database.", "Name an SQLite file"),
        ("SQLITE_FULL", "There is no space left for the database.", "STOREORCH_DATABASE_URL"),
        ("SQLITE_IOERR_WRITE", "The database file cannot be read or written.", "writable"),
        ("SQLITE_BUSY", "The database is locked by another process.", "Try again"),
        ("SQLITE_LOCKED", "The database is locked by another process.", "STOREORCH_DATABASE_URL"),
        ("SQLITE_MISUSE", "The database cannot be used.", "STOREORCH_DATABASE_URL"),
    ],
)
def test_sentences(name: str, sentence: str, hint: str) -> None:
    """Wrapped by SQLAlchemy, wrapped twice, or bare: the sentence is the same."""
    wrapped = OperationalError("SELECT 1", {}, sqlite_error(name))
    bare = sqlite_error(name)
    caused = InterfaceError("SELECT 1", {}, sqlite3.InterfaceError("f0reign text"))
    assert caused.orig is not None
    caused.orig.__cause__ = sqlite_error(name)
    for error in (wrapped, bare, caused):
        with pytest.raises(DatabaseUnavailable) as said, translated():
            raise error
        assert said.value.message == sentence
        assert hint in (said.value.hint or "")
        assert said.value.__cause__ is error
        assert "f0reign" not in f"{said.value.message} {said.value.hint}"


def test_network_errors_are_translated_too() -> None:
    with pytest.raises(DatabaseUnavailable, match="database cannot be used"), translated():
        raise ConnectionRefusedError("f0reign text")


def test_violated_constraint_is_an_answer() -> None:
    with pytest.raises(IntegrityError), translated():
        raise IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE"))


def test_defects_are_not_translated() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def content(path: Path) -> bytes:
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def damage(path: Path) -> None:
    page = 4096
    whole = path.read_bytes()
    path.write_bytes(whole[:page] + b"\xaa" * (len(whole) - page))


async def refused(url: str) -> DatabaseUnavailable:
    """Open a real database and write to it; return what is said."""
    with pytest.raises(DatabaseUnavailable) as said:
        async with SqlRepository.open(url) as repository:
            await repository.create(new_store(), actor="tester")
    return said.value


async def test_file_that_cannot_be_written(file: Path) -> None:
    before = content(file)
    error = await refused(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert error.message == "The database file cannot be written."
    assert content(file) == before


async def test_file_that_can_only_be_read_is_read(url: str, file: Path) -> None:
    async with SqlRepository.open(url) as repository:
        store = await repository.create(new_store(), actor="tester")
    async with SqlRepository.open(f"sqlite:///file:{file}?mode=ro&uri=true") as repository:
        assert await repository.get(store.id) == store


async def test_file_that_is_not_there_and_cannot_be_made(tmp_path: Path) -> None:
    error = await refused(f"sqlite:///file:{tmp_path}/a.db?mode=ro&uri=true")
    assert error.message == "The database file cannot be opened."


async def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"Dear diary, " * 1000)
    error = await refused(f"sqlite:///{path}")
    assert error.message == "The database file is not an SQLite database."
    assert path.read_bytes() == b"Dear diary, " * 1000


async def test_file_that_is_damaged(url: str, file: Path) -> None:
    """Its first page says that it is a database; the others are garbage."""
    damage(file)
    error = await refused(url)
    assert error.message == "The database file is damaged."
    assert "backup" in (error.hint or "")


async def test_directory_in_place_of_the_file(tmp_path: Path) -> None:
    error = await refused(f"sqlite:///{tmp_path}")
    assert error.message == "The database file cannot be opened."
    assert names(tmp_path) == []
