"""What PostgreSQL needs that SQLite does not: limits, a silence that ends, sentences.

This module must not know tables. The driver is imported only where a PostgreSQL
URL asks for it.

Isolation is READ COMMITTED, for each statement then sees, and locks, the newest
committed row; none of ours reads a row in one statement to write it in another,
unless it has locked it:

- a claim chooses and locks its rows in one statement that leaves out locked ones, and
  PostgreSQL asks the condition anew of the version that it has locked;
- everything under a lease compares worker and epoch in the statement that writes;
- a declaration locks its row before it reads it.

Under REPEATABLE READ the same statements would fail, instead of going on with the
newer version, whenever two workers meet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy
from sqlalchemy.engine import URL

from storeorch.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from storeorch.db.pgconnection import Connection

CONNECTIONS: Final = 5
"""How many a process holds at most unless told otherwise, beside the one that listens.
Transactions of an engine last a millisecond: more would make the server slower rather than
the process faster."""

CONNECT_SECONDS: Final = 10
"""A server that takes longer to accept a connection counts as away."""

_SESSION: Final = {
    "default_transaction_isolation": "read\\ committed",
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
}
"""A statement of ours takes milliseconds; what takes these times waits for something lost."""

_KEEPALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,  # milliseconds
}


def connect_arguments(url: URL) -> dict[str, Any]:
    """Return what the driver is to be given beside the URL; what the URL says itself stays."""
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    own = url.query.get("options", "")
    preset: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "storeorch",
        **_KEEPALIVE,
    }
    arguments = {name: value for name, value in preset.items() if name not in url.query}
    arguments["options"] = f"{options} {own if isinstance(own, str) else ' '.join(own)}".strip()
    return arguments


def connection_class() -> type[Connection]:
    """Return the driver's connection, as we have it.

    Raises:
        ImportError: The driver is not installed.
    """
    from storeorch.db.pgconnection import Connection  # noqa: PLC0415 - imports the driver

    return Connection


@contextmanager
def patiently(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Let exchanges over a pooled connection take as long as they want."""
    driver: Any = connection.connection.driver_connection
    with driver.patiently():
        yield


_AWAY_HINT: Final = "Check that the database server is up and can be reached from here."
_AGAIN_HINT: Final = "Try again; nothing of it was written."
_LOST: Final = (
    "The connection to the database was lost.",
    "Try again; whether the last change was written is seen by looking.",
)
_REFUSED: Final = (
    "The database refused the user or the password.",
    "Check user and password in STOREORCH_DATABASE_URL, and the server's pg_hba.conf.",
)
_NO_DATABASE: Final = (
    "There is no such database on the server.",
    "Create it with: createdb NAME, or correct the name in STOREORCH_DATABASE_URL.",
)
_STARTING: Final = ("The database server is starting or stopping.", "Try again in a moment.")
_CROWDED: Final = (
    "The database server accepts no more connections.",
    "Raise its max_connections, or end programs that hold connections.",
)
_RIGHTS: Final = (
    "The user of the database lacks a right.",
    "Make the user the owner of the database's schema, and of the tables in it.",
)
_NO_SPACE: Final = ("There is no space left for the database.", "Make room on the server's disk.")
_SILENT: Final = ("The database server does not answer.", _AWAY_HINT)

_BY_STATE: Final = {
    "40001": ("The database could not order this change among others.", _AGAIN_HINT),
    "40P01": ("The database could not order this change among others.", _AGAIN_HINT),
    "55P03": ("Another program holds what is needed in the database.", _AGAIN_HINT),
    "57014": ("The database took too long to answer.", _AGAIN_HINT),
    "25P03": _LOST,
    "25006": ("The database can only be read.", "Name the primary server, not a standby."),
    "42501": _RIGHTS,
    "28000": _REFUSED,
    "28P01": _REFUSED,
    "3D000": _NO_DATABASE,
    "53100": _NO_SPACE,
    "53300": _CROWDED,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _STARTING,
}
"""By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

_BY_WORDS: Final = (
    (r"FATAL: .*(authentication failed|pg_hba\.conf|role \S+ does not exist)", _REFUSED),
    (r"no password supplied", _REFUSED),
    (r"FATAL: .*permission denied for database", _RIGHTS),
    (r"FATAL: .*the database system is", _STARTING),
    (r"FATAL: .*(too many clients|remaining connection slots|too many connections)", _CROWDED),
    (r"FATAL: .*database \S+ does not exist", _NO_DATABASE),
    (r"timeout expired", _SILENT),
)
"""The server's state is not known of a connection that it refused: only what it said.

A server that speaks another language is told of in general words.
"""


def explain(error: BaseException, *, lost: bool) -> DatabaseUnavailable | None:
    """Say what an error of the driver means; None for what is no error of PostgreSQL.

    Args:
        error: As the driver raised it; matched, never repeated.
        lost: Whether it ended the connection.
    """
    if not type(error).__module__.startswith("psycopg"):
        return None
    state = getattr(error, "sqlstate", None)
    said = _BY_STATE.get(state or "")
    if said is None and state is None:
        said = _LOST if lost else _refusal(str(error))
    return DatabaseUnavailable(said[0], hint=said[1]) if said else None


def _refusal(text: str) -> tuple[str, str]:
    """Tell why there is no connection; several addresses may each have said something."""
    for words, said in _BY_WORDS:
        if re.search(words, text):
            return said
    return "The database server cannot be reached.", _AWAY_HINT
