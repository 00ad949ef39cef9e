"""The contract of the repository, over the double, over SQLite and over PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

import pytest

from storeorch.db import SqlRepository
from storeorch.ports import Repository
from storeorch.testing import MemoryRepository, VirtualClock
from storeorch.testing.contracts import LeaseContract, OwnerContract, RepositoryContract

Pair: TypeAlias = tuple[Repository, Repository]

WRITER = """
import asyncio, sys
from storeorch.db import SqlRepository
from storeorch.testing.contracts.samples import new_store

async def main():
    async with SqlRepository.open(sys.argv[1]) as repository:
        await repository.create(new_store(), actor="another process")

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty database of the newest schema; copying it is faster than migrating."""
    import asyncio

    path = tmp_path_factory.mktemp("template") / "template.db"

    async def migrate() -> None:
        async with SqlRepository.open(f"sqlite:///{path}"):
            pass

    asyncio.run(migrate())
    return path


class OverMemory:
    @pytest.fixture
    def repository(self) -> MemoryRepository:
        return MemoryRepository(VirtualClock())

    @pytest.fixture
    def second(self, repository: MemoryRepository) -> MemoryRepository:
        return repository.connect()


class OverSqlite:
    @pytest.fixture
    def url(self, template: Path, tmp_path: Path) -> str:
        path = shutil.copy(template, tmp_path / "storeorch.db")
        return f"sqlite:///{path}"

    @pytest.fixture
    async def repository(self, url: str) -> AsyncIterator[SqlRepository]:
        async with SqlRepository.open(url) as repository:
            yield repository

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[SqlRepository]:
        async with SqlRepository.open(url) as repository:
            yield repository


class OverPostgres:
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url

    @pytest.fixture
    async def repository(self, url: str) -> AsyncIterator[SqlRepository]:
        async with SqlRepository.open(url) as repository:
            yield repository

    @pytest.fixture
    async def second(self, url: str) -> AsyncIterator[SqlRepository]:
        async with SqlRepository.open(url) as repository:
            yield repository


class TestMemoryRepository(OverMemory, RepositoryContract): ...


class TestMemoryLeases(OverMemory, LeaseContract): ...


class TestMemoryOwners(OverMemory, OwnerContract): ...


class OtherProcess:
    async def test_changes_by_another_process(self, repository: SqlRepository, url: str) -> None:
        """Its commit raises the flag as well; no query is made to find out."""
        async with repository.changes() as changes:
            import asyncio

            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", WRITER, url, stdout=subprocess.DEVNULL
            )
            assert await changes.wait(timeout=60)
            assert await process.wait() == 0
            while await repository.find("my-store") is None:
                assert await changes.wait(timeout=60)


class TestSqliteLeases(OverSqlite, LeaseContract): ...


class TestSqliteOwners(OverSqlite, OwnerContract): ...


class TestSqliteRepository(OverSqlite, OtherProcess, RepositoryContract): ...


class TestPostgresRepository(OverPostgres, OtherProcess, RepositoryContract): ...


class TestPostgresLeases(OverPostgres, LeaseContract): ...


class TestPostgresOwners(OverPostgres, OwnerContract): ...
