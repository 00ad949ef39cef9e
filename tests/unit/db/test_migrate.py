"""Migrations: what they make, when they run, and what they refuse."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.db import SqlRepository, migrate, upgrade_database
from storeorch.db.connection import open_engine, parse_url
from storeorch.db.tables import metadata
from storeorch.errors import DatabaseOutdated, DatabaseUnavailable

UPGRADER = """
import asyncio, sys
from storeorch.db import upgrade_database
print("ready", flush=True)
sys.stdin.readline()
print(asyncio.run(upgrade_database(sys.argv[1])))
"""


@pytest.fixture
def empty(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/empty.db"


async def set_revision(engine: AsyncEngine, revision: str) -> None:
    async with engine.begin() as connection:
        query = text("UPDATE alembic_version SET version_num = :revision")
        await connection.execute(query, {"revision": revision})


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


async def test_migrations_make_just_the_tables(engine: AsyncEngine) -> None:
    """No more and no less than ``tables`` says, down to types and indexes."""

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(
            compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        )

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_constraints_have_the_names_that_tables_give(engine: AsyncEngine) -> None:
    def names(connection: Connection) -> dict[str, set[str | None]]:
        there = inspect(connection)
        return {
            table: {there.get_pk_constraint(table)["name"]}
            | {unique["name"] for unique in there.get_unique_constraints(table)}
            | {index["name"] for index in there.get_indexes(table)}
            for table in metadata.tables
        }

    other = open_engine(parse_url("sqlite://"))
    async with engine.connect() as migrated, other.begin() as made:
        await made.run_sync(metadata.create_all)
        assert await migrated.run_sync(names) == await made.run_sync(names)
    await other.dispose()


async def test_second_upgrade_has_nothing_to_do(empty: str) -> None:
    assert await upgrade_database(empty) is True
    assert await upgrade_database(empty) is False


async def test_revision(empty: str) -> None:
    engine = open_engine(parse_url(empty))
    assert await migrate.current_revision(engine) is None
    await migrate.upgrade(engine)
    assert await migrate.current_revision(engine) == migrate.HEAD
    await engine.dispose()


async def test_many_upgrades_of_one_database_at_once(empty: str) -> None:
    await asyncio.gather(*(upgrade_database(empty) for _ in range(4)))
    async with SqlRepository.open(empty, upgrade=False):
        pass


async def test_upgrades_of_many_databases_at_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(4)]
    assert await asyncio.gather(*map(upgrade_database, urls)) == [True] * 4


async def test_upgrades_by_two_processes_at_once(empty: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", UPGRADER, empty, stdin=PIPE, stdout=PIPE
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    assert [process.returncode for process in processes] == [0, 0]
    assert b"True\n" in {answer for answer, _ in answers}
    assert await upgrade_database(empty) is False


async def test_upgrade_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A table of someone else's is in the way; no half of ours is left beside it."""
    url = f"sqlite:///{tmp_path}/theirs.db"
    engine = open_engine(parse_url(url))
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE events (theirs TEXT)"))
    with pytest.raises(DatabaseUnavailable):
        await migrate.upgrade(engine)
    async with engine.connect() as connection:
        tables = await connection.scalars(text("SELECT name FROM sqlite_master"))
        assert list(tables) == ["events"]
    await engine.dispose()


@pytest.mark.parametrize("upgrade", [None, True, False])
async def test_newer_schema_is_refused(engine: AsyncEngine, url: str, upgrade: bool | None) -> None:
    await set_revision(engine, "9999")
    with pytest.raises(DatabaseOutdated, match="newer version") as refused:
        async with SqlRepository.open(url, upgrade=upgrade):
            pass
    assert refused.value.hint == "Upgrade storeorch on this machine."
    assert (refused.value.exit_code, refused.value.retryable) == (4, False)


async def test_older_schema_is_refused_where_no_upgrade_is_wanted(empty: str) -> None:
    with pytest.raises(DatabaseOutdated) as refused:
        async with SqlRepository.open(empty, upgrade=False):
            pass
    assert "storeorch db upgrade" in (refused.value.hint or "")


@pytest.mark.parametrize("upgrade", [None, True])
async def test_sqlite_is_upgraded_when_it_is_opened(empty: str, upgrade: bool | None) -> None:
    async with SqlRepository.open(empty, upgrade=upgrade) as repository:
        assert await repository.find("nothing") is None


async def test_current_schema_is_opened(url: str) -> None:
    async with SqlRepository.open(url, upgrade=False) as repository:
        assert await repository.find("nothing") is None
