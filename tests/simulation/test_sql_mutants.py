"""The mutation check of the SQL statements: the simulator does not run them, the contract does.

Each mutant changes one place in the text of ``storeorch.db.statements``. The contract of
leases, over SQLite, has to fail.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from storeorch.db import SqlRepository, repository, statements
from storeorch.errors import StoreorchError
from storeorch.testing.contracts import LeaseContract

FAILED = (AssertionError, StoreorchError, TimeoutError, ValueError, pytest.fail.Exception)
"""What a test of the contract ends with that notices a mutant."""

MUTANTS = {
    "epoch dropped from the condition of a write": (
        'stores.c.lease_epoch == bindparam("p_epoch"),',
        'bindparam("p_epoch", type_=Integer).is_not(None),',
    ),
    "claimed without checking the lease": (
        "free = or_(stores.c.lease_owner.is_(None), stores.c.lease_until <= now_ms())",
        "free = stores.c.id.is_not(None)",
    ),
    "renewed after its end": ("        stores.c.lease_until > now_ms(),\n", ""),
    "epoch not raised by a claim": (
        "lease_epoch=stores.c.lease_epoch + 1",
        "lease_epoch=stores.c.lease_epoch",
    ),
    "older generation taken for current": (
        'stores.c.generation == bindparam("p_generation", type_=Integer)',
        'bindparam("p_generation", type_=Integer).is_not(None)',
    ),
    "lease kept by what concludes a pass": (
        '{"lease_owner": None, "lease_until": None}',
        "{}",
    ),
}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Let the repository use mutated statements."""
    before, after = MUTANTS[name]
    source = inspect.getsource(statements)
    assert source.count(before) == 1
    module = ModuleType(statements.__name__)
    exec(compile(source.replace(before, after), statements.__file__, "exec"), module.__dict__)
    with patch.object(repository, "statements", module):
        yield


def cases() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every test of the contract of leases, with the arguments of each of its cases."""
    for name in dir(LeaseContract):
        if not name.startswith("test_"):
            continue
        choices = []
        for mark in getattr(getattr(LeaseContract, name), "pytestmark", []):
            names, values = mark.args
            if isinstance(names, str):
                choices.append([{names: value} for value in values])
            else:
                choices.append([dict(zip(names, value, strict=True)) for value in values])
        for chosen in itertools.product(*choices):
            yield name, {key: value for each in chosen for key, value in each.items()}


async def first_failure(template: Path, folder: Path) -> str | None:
    """Run the contract of leases until one of its tests fails, and name that."""
    for number, (name, arguments) in enumerate(cases()):
        url = f"sqlite:///{shutil.copy(template, folder / f'{number}.db')}"
        test = getattr(LeaseContract(), name)
        async with AsyncExitStack() as stack:
            connections = {
                parameter: await stack.enter_async_context(SqlRepository.open(url))
                for parameter in ("repository", "second")
                if parameter in inspect.signature(test).parameters
            }
            try:
                async with asyncio.timeout(30):
                    await test(**connections, **arguments)
            except FAILED:
                return name
    return None


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty database of the newest schema."""
    path = tmp_path_factory.mktemp("template") / "template.db"

    async def migrate() -> None:
        async with SqlRepository.open(f"sqlite:///{path}"):
            pass

    asyncio.run(migrate())
    return path


async def test_contract_holds_without_a_mutant(template: Path, tmp_path: Path) -> None:
    assert await first_failure(template, tmp_path) is None


@pytest.mark.parametrize("name", MUTANTS)
async def test_mutant_is_caught(name: str, template: Path, tmp_path: Path) -> None:
    with mutated(name):
        assert await first_failure(template, tmp_path) is not None
