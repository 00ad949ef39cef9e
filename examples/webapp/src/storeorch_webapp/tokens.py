"""Bearer tokens: made once, shown once, kept as hashes.

A token is ``sow_<id>_<secret>``. The secret has 256 random bits, so a plain SHA-256 of
it cannot be turned back by guessing, and costs nothing per request.

This module must know no HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.errors import DatabaseUnavailable
from storeorch_webapp.database import open_engine, tokens, upgrade

_TOKEN: Final = re.compile(r"sow_([0-9a-f]{12})_([0-9a-f]{64})", re.ASCII)


class Role(StrEnum):
    """What the holder of a token may do."""

    VIEWER = "viewer"
    """Look at the stores of the token's owner."""

    OPERATOR = "operator"
    """Also create, change, delete, and see credentials, within the owner's limits."""

    ADMIN = "admin"
    """All of that with the stores of every owner, and without limits."""

    def includes(self, other: Role) -> bool:
        """Return whether this role may do what the other one may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; the secret is not.

    Attributes:
        id: Its id, the part of the token that is no secret.
        role: What it allows.
        owner: Whose stores it is about.
        created_at: When it was made.
        expires_at: When it ends, or None.
        revoked_at: When it was revoked, or None.
    """

    id: str
    role: Role
    owner: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class TokenStore:
    """The tokens in the database.

    Args:
        engine: The SQLAlchemy engine.
        now: Seconds since 1970.
    """

    def __init__(self, engine: AsyncEngine, now: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._now = now

    @classmethod
    @asynccontextmanager
    async def open(
        cls, database_url: str, now: Callable[[], float] = time.time
    ) -> AsyncIterator[TokenStore]:
        """Open the database, bring the app's tables up to date, and close it at the end.

        Raises:
            DatabaseUnavailable: It cannot be used.
        """
        engine = open_engine(database_url)
        try:
            with _translated():
                await upgrade(engine)
            yield cls(engine, now)
        finally:
            await engine.dispose()

    async def create(self, *, role: Role, owner: str, lasts: float | None = None) -> str:
        """Make a token.

        Args:
            role: What it allows.
            owner: Whose stores it is about.
            lasts: Seconds after which it ends; None is never.

        Returns:
            The token; it is not kept and cannot be shown again.
        """
        token_id, secret = secrets.token_hex(6), secrets.token_hex(32)
        now = self._now()
        row = {
            "id": token_id,
            "hash": _hash(secret),
            "role": role.value,
            "owner": owner,
            "created_at": round(now * 1000),
            "expires_at": None if lasts is None else round((now + lasts) * 1000),
        }
        with _translated():
            async with self._engine.begin() as connection:
                await connection.execute(insert(tokens).values(row))
        return f"sow_{token_id}_{secret}"

    async def verify(self, text: str) -> Token | None:
        """Return what a token allows; None if it is none of ours, has ended or was revoked."""
        parts = _TOKEN.fullmatch(text)
        if parts is None:
            return None
        query = select(tokens).where(tokens.c.id == parts[1])
        with _translated():
            async with self._reader.connect() as connection:
                row = (await connection.execute(query)).one_or_none()
        if row is None or not hmac.compare_digest(row.hash, _hash(parts[2])):
            return None
        ended = row.expires_at is not None and row.expires_at <= self._now() * 1000
        return None if ended or row.revoked_at is not None else _token(row)

    async def list(self) -> Sequence[Token]:
        """Return all tokens, oldest first."""
        query = select(tokens).order_by(tokens.c.created_at, tokens.c.id)
        with _translated():
            async with self._reader.connect() as connection:
                return [_token(row) for row in await connection.execute(query)]

    async def revoke(self, token_id: str) -> bool:
        """End a token at once.

        Returns:
            Whether there was one to end.
        """
        change = (
            update(tokens)
            .where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
            .values(revoked_at=round(self._now() * 1000))
        )
        with _translated():
            async with self._engine.begin() as connection:
                return (await connection.execute(change)).rowcount == 1


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: Row[tuple[object, ...]]) -> Token:
    return Token(
        id=row.id,
        role=Role(row.role),
        owner=row.owner,
        created_at=_moment(row.created_at),
        expires_at=row.expires_at and _moment(row.expires_at),
        revoked_at=row.revoked_at and _moment(row.revoked_at),
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseUnavailable from error
