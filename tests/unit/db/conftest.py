"""A file of the newest schema; copying it is faster than migrating for each test."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.db import SqlRepository, upgrade_database
from storeorch.db.connection import open_engine, parse_url


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(upgrade_database(f"sqlite:///{path}"))
    return path


@pytest.fixture
def file(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "storeorch.db"))


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_url(url))
    yield engine
    await engine.dispose()


@pytest.fixture
async def second_engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(parse_url(url))
    yield engine
    await engine.dispose()


@pytest.fixture
async def repository(url: str) -> AsyncIterator[SqlRepository]:
    async with SqlRepository.open(url) as repository:
        yield repository


@pytest.fixture
async def second(url: str) -> AsyncIterator[SqlRepository]:
    """Another connection to the same file, as another process has one."""
    async with SqlRepository.open(url) as repository:
        yield repository
