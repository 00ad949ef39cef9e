"""Open a database, and say in one sentence why it cannot be used.

This module knows drivers and their errors; it must not know tables.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storeorch.db import postgresql
from storeorch.errors import DatabaseUnavailable

P = ParamSpec("P")
T = TypeVar("T")

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}
READ_ONLY: Final = "storeorch_read_only"
"""Execution option of connections that only read."""

_BUSY_TIMEOUT_MS: Final = 10_000
_SWITCH_ATTEMPTS: Final = 10
_SQLITE_SENTENCES: Final = {
    "SQLITE_READONLY": "The database file cannot be written.",
    "SQLITE_CANTOPEN": "The database file cannot be opened.",
    "SQLITE_PERM": "The database file cannot be opened.",
    "SQLITE_CORRUPT": "The database file is damaged.",
    "SQLITE_NOTADB": "The database file is not an SQLite database.",
    "SQLITE_FULL": "There is no space left for the database.",
    "SQLITE_IOERR": "The database file cannot be read or written.",
    "SQLITE_BUSY": "The database is locked by another process.",
    "SQLITE_LOCKED": "The database is locked by another process.",
}
_SQLITE_HINTS: Final = {
    "SQLITE_CORRUPT": (
        "Restore the file from a backup, or name another with STOREORCH_DATABASE_URL."
    ),
    "SQLITE_NOTADB": (
        "Name an SQLite file, or one that does not exist yet, with STOREORCH_DATABASE_URL."
    ),
    "SQLITE_BUSY": "Try again; if it persists, end the process that holds the database.",
}


def parse_url(text: str) -> URL:
    """Read a SQLAlchemy URL and choose the asynchronous driver.

    Raises:
        DatabaseUnavailable: It is not a URL of a database that is supported;
            the sentence does not repeat it, since it may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUnavailable(
            "STOREORCH_DATABASE_URL is not a database URL.",
            hint="For example sqlite:////var/lib/storeorch/storeorch.db",
        ) from error
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise DatabaseUnavailable(
            f"Databases of the kind {backend!a} are not supported.",
            hint="Use sqlite:///FILE or postgresql://USER@HOST/NAME.",
        )
    return url.set(drivername=_DRIVERS[backend])


def sqlite_path(url: URL) -> Path | None:
    """Return the file of an SQLite URL; None for other databases and for memory."""
    database = url.database or ""
    if _is_sqlite_uri(url):
        database = unquote(urlsplit(database).path)
    in_memory = database in {"", ":memory:"} or url.query.get("mode") == "memory"
    if url.get_backend_name() != "sqlite" or in_memory:
        return None
    return Path(database).expanduser()


def _is_sqlite_uri(url: URL) -> bool:
    """Return whether the file is named as in ``sqlite:///file:/x.db?mode=ro&uri=true``."""
    return str(url.database).startswith("file:")


def open_engine(url: URL, *, connections: int = postgresql.CONNECTIONS) -> AsyncEngine:
    """Make the SQLAlchemy engine; nothing is connected yet.

    Args:
        url: As ``parse_url`` returns it.
        connections: How many are held at most, where the database is a server.

    Raises:
        DatabaseUnavailable: The file cannot be opened, or the driver is missing.
    """
    path = sqlite_path(url)
    try:
        if path is not None and not _is_sqlite_uri(url):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            url = url.set(database=str(path))
            # Tried here first: a thread of aiosqlite that fails at it reports to an event
            # loop that may be closed by then, and its traceback goes to standard error.
            if path.exists() or not os.access(path.parent, os.W_OK):
                with translated():
                    sqlite3.connect(path).close()
        # A reset on return is one more hop to the driver's thread: SQLite's connections
        # are in autocommit mode, and every transaction of ours ends by itself.
        sqlite = url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_reset_on_return": None}
        if not sqlite:
            options = _postgresql_options(url, connections)
        engine = create_async_engine(url, **options)
    except OSError as error:
        raise DatabaseUnavailable("The folder of the database cannot be made.") from error
    except (NoSuchModuleError, ImportError) as error:
        raise DatabaseUnavailable(
            "The driver of the database is not installed.",
            hint="Install it with: python3 -m pip install 'storeorch[postgresql]'",
        ) from error
    if url.get_backend_name() == "sqlite":
        _tune_sqlite(engine)
    return engine


def _postgresql_options(url: URL, connections: int) -> dict[str, Any]:
    if url.drivername != _DRIVERS["postgresql"]:
        return {}
    creator = postgresql.connection_class().connect
    return {
        "connect_args": {"async_creator_fn": creator, **postgresql.connect_arguments(url)},
        "pool_pre_ping": True,
        # None beyond: it would be opened for one transaction, which costs more than to wait.
        "pool_size": connections,
        "max_overflow": 0,
        # A transaction lasts milliseconds: who does not get a connection soon waits for
        # a database that is away, and should be told.
        "pool_timeout": postgresql.CONNECT_SECONDS,
    }


def _tune_sqlite(engine: AsyncEngine) -> None:
    """Let readers and one writer work side by side, and take the write lock at once.

    A deferred transaction that reads first cannot become a writer while another
    one writes: it fails without waiting. ``BEGIN IMMEDIATE`` waits instead. Reads
    need no transaction: each of ours is one statement.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, record: object) -> None:  # noqa: ARG001
        try:
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
            _write_ahead(cursor)
            cursor.execute("PRAGMA synchronous=NORMAL")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()
        except BaseException:
            # Nobody else waits for the driver's thread to end: it would outlive the event loop.
            connection.close()
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        if not connection.get_execution_options().get(READ_ONLY):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def _write_ahead(cursor: Any) -> None:
    """Switch to the write-ahead log, which the file remembers.

    SQLite refuses this at once, whatever the busy timeout, while another connection
    switches as well or writes for the first time. An empty transaction waits for it.
    """
    for _ in range(_SWITCH_ATTEMPTS):
        with suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("COMMIT")
    cursor.execute("PRAGMA journal_mode=WAL")


def uninterrupted(
    method: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a transaction end although its caller is cancelled.

    A transaction lasts milliseconds. One that is cancelled between its statements
    may leave the connection, and with it SQLite's only write lock, in the driver's
    thread; so the caller's cancellation waits until the transaction has ended.
    """

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(method(*args, **kwargs))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # retrieved: nobody is left to be told
            raise

    return call


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of SQLAlchemy and the drivers into ``DatabaseUnavailable``.

    A violated constraint is an answer, not a fault: it passes.
    """
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise _translate(error) from error


def _translate(error: BaseException) -> DatabaseUnavailable:
    origin = getattr(error, "orig", None) or error
    for candidate in (origin, origin.__cause__, origin.__context__):
        name = getattr(candidate, "sqlite_errorname", None)
        if isinstance(name, str):
            kind = "_".join(name.split("_")[:2])
            if kind in _SQLITE_SENTENCES:
                return DatabaseUnavailable(_SQLITE_SENTENCES[kind], hint=_SQLITE_HINTS.get(kind))
    lost = bool(getattr(error, "connection_invalidated", False))
    return postgresql.explain(origin, lost=lost) or DatabaseUnavailable()
