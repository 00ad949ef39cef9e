"""Any sequence of calls: the repository answers as a model of thirty lines does.

Leases and delays last either no time at all or for ever, so the model needs no clock.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from tests.postgresql import PostgresServer
from typing_extensions import override

from storeorch.db import SqlRepository
from storeorch.errors import InvalidTransition, LeaseLost, NameTaken, StoreIsDeleting, StoreNotFound
from storeorch.lifecycle import TRANSITIONS, Declaration, declare
from storeorch.models import Claim, Status, Store, StoreFilter
from storeorch.ports import Repository
from storeorch.testing import MemoryRepository, VirtualClock
from storeorch.testing.contracts.samples import LONG, STEP_EVENT, new_store, observation
from storeorch.testing.strategies import declarations, statuses

NAMES = st.sampled_from(["a", "b", "c"])
WORKERS = st.sampled_from(["worker-1", "worker-2"])
LEASES = st.sampled_from([0.0, LONG])
DUE_IN = st.sampled_from([None, 0.0, LONG])


@dataclass
class Model:
    """What has to be known of one store to foretell every answer."""

    name: str
    status: Status = Status.PROVISIONING
    generation: int = 1
    observed_generation: int = 0
    due: bool = True
    epoch: int = 0
    holder: str | None = None
    lasting: bool = False
    events: int = 1

    @property
    def free(self) -> bool:
        return self.holder is None or not self.lasting

    def holds(self, claim: Claim) -> bool:
        return (self.holder, self.epoch) == (claim.worker, claim.epoch)

    def give_back(self, claim: Claim, due_in: float | None) -> None:
        self.holder = None
        self.due = due_in == 0 or self.generation != claim.store.generation


class RepositoryMachine(RuleBasedStateMachine):
    """Drives a repository and the model side by side."""

    ids = Bundle("ids")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.model: dict[str, Model] = {}
        self.gone: dict[str, int] = {}

    async def open(self) -> Repository:
        raise NotImplementedError

    @initialize()
    def start(self) -> None:
        self.repository = self.runner.run(self.open())

    @override
    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    # -- rules ----------------------------------------------------------------

    @rule(target=ids, name=NAMES)
    def create(self, name: str) -> object:
        new = new_store(name)
        namesake = next((m for m in self.model.values() if m.name == name), None)
        if namesake is not None:
            expected = StoreIsDeleting if namesake.status is Status.DELETING else NameTaken
            with pytest.raises(expected):
                self.runner.run(self.repository.create(new, actor="tester"))
            return multiple()
        self.runner.run(self.repository.create(new, actor="tester"))
        self.model[new.id] = Model(name)
        return new.id

    @rule(store_id=ids, declaration=declarations())
    def declare(self, store_id: str, declaration: Declaration) -> None:
        model = self.model.get(store_id)
        call = self.repository.declare(store_id, declaration, actor="tester", parameters={})
        if model is None:
            with pytest.raises(StoreNotFound):
                self.runner.run(call)
            return
        try:
            after = declare(model.status, declaration)
        except (StoreIsDeleting, InvalidTransition) as error:
            with pytest.raises(type(error)):
                self.runner.run(call)
            return
        self.runner.run(call)
        if model.status is after is Status.DELETING:
            return
        model.status = after
        model.generation += 1
        model.due = True
        model.events += 1

    @rule(target=claims, worker=WORKERS, lease=LEASES, limit=st.integers(0, 3))
    def claim_due(self, worker: str, lease: float, limit: int) -> object:
        batch = self.runner.run(self.repository.claim(worker, limit=limit, lease=lease))
        possible = {key for key, model in self.model.items() if model.free and model.due}
        return self.take(batch.claims, possible, limit, lease)

    @rule(target=claims, worker=WORKERS, lease=LEASES, store_id=ids)
    def claim_wanted(self, worker: str, lease: float, store_id: str) -> object:
        batch = self.runner.run(
            self.repository.claim(worker, limit=1, lease=lease, wanted=[store_id], only=[store_id])
        )
        model = self.model.get(store_id)
        awake = model is not None and (model.due or model.status is not Status.FAILED)
        possible = {store_id} if model is not None and model.free and awake else set()
        return self.take(batch.claims, possible, 1, lease)

    def take(
        self, claims: tuple[Claim, ...], possible: set[str], limit: int, lease: float
    ) -> object:
        taken = [claim.store.id for claim in claims]
        assert len(taken) == len(set(taken)) == min(limit, len(possible))
        assert set(taken) <= possible
        for claim in claims:
            model = self.model[claim.store.id]
            model.epoch += 1
            assert claim.epoch == model.epoch
            model.holder, model.lasting, model.due = claim.worker, lease > 0, True
        return multiple(*claims)

    @rule(claim=claims, lease=LEASES)
    def renew(self, claim: Claim, lease: float) -> None:
        leases = {claim.store.id: claim.epoch}
        kept = self.runner.run(self.repository.renew(claim.worker, leases, lease=lease))
        model = self.model.get(claim.store.id)
        if model is None or not model.holds(claim) or not model.lasting:
            assert kept == {}
            return
        assert kept == {claim.store.id: model.generation}
        model.lasting = lease > 0

    @rule(claim=claims, status=statuses())
    def record(self, claim: Claim, status: Status) -> None:
        call = self.repository.record(claim, observation(status), [STEP_EVENT])
        self.observe(claim, status, call)

    @rule(claim=claims, status=statuses(), due_in=DUE_IN)
    def finish(self, claim: Claim, status: Status, due_in: float | None) -> None:
        call = self.repository.finish(claim, observation(status), [STEP_EVENT], due_in=due_in)
        if self.observe(claim, status, call):
            self.model[claim.store.id].give_back(claim, due_in)

    def observe(self, claim: Claim, status: Status, call: object) -> bool:
        before = claim.store.status
        model = self.model.get(claim.store.id)
        illegal = status is not before and status not in TRANSITIONS[before]
        lost = model is None or not model.holds(claim)
        if illegal or lost:
            with pytest.raises((InvalidTransition, LeaseLost)):
                self.runner.run(call)  # type: ignore[arg-type]
            return False
        assert model is not None
        self.runner.run(call)  # type: ignore[arg-type]
        model.events += 1
        if model.generation == claim.store.generation:
            model.status = status
            model.observed_generation = 1
        return True

    @rule(claim=consumes(claims))
    def remove(self, claim: Claim) -> None:
        model = self.model.get(claim.store.id)
        call = self.repository.remove(claim, [STEP_EVENT])
        if model is None or not model.holds(claim):
            with pytest.raises(LeaseLost):
                self.runner.run(call)
            return
        self.runner.run(call)
        del self.model[claim.store.id]
        self.gone[claim.store.id] = model.events + 1

    @rule(claim=claims, due_in=DUE_IN)
    def give_back(self, claim: Claim, due_in: float | None) -> None:
        self.runner.run(self.repository.give_back(claim, due_in=due_in))
        model = self.model.get(claim.store.id)
        if model is not None and model.holds(claim):
            model.give_back(claim, due_in)

    # -- what always holds ----------------------------------------------------

    @invariant()
    def rows_are_as_foretold(self) -> None:
        page = self.runner.run(self.repository.list(StoreFilter()))
        rows: dict[str, Store] = {store.id: store for store in page.items}
        assert rows.keys() == self.model.keys()
        for key, model in self.model.items():
            seen = rows[key]
            assert (seen.name, seen.status) == (model.name, model.status)
            assert seen.generation == model.generation
            assert seen.observed_generation == model.observed_generation

    @invariant()
    def history_is_complete(self) -> None:
        events = self.runner.run(self.repository.events())
        told = {key: model.events for key, model in self.model.items()} | self.gone
        assert len(events) == sum(told.values())
        for key, number in told.items():
            assert sum(event.store_id == key for event in events) == number


class MemoryMachine(RepositoryMachine):
    @override
    async def open(self) -> Repository:
        return MemoryRepository(VirtualClock())


class SqliteMachine(RepositoryMachine):
    @override
    async def open(self) -> Repository:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "storeorch.db").write_bytes(empty_database())
        url = f"sqlite:///{folder / 'storeorch.db'}"
        return await self.stack.enter_async_context(SqlRepository.open(url))


class PostgresMachine(RepositoryMachine):
    server: PostgresServer
    numbers = itertools.count()

    @override
    async def open(self) -> Repository:
        name = f"machine{next(self.numbers)}"
        url = await asyncio.to_thread(self.server.create, name, template="template")
        self.stack.callback(self.server.drop, name)
        return await self.stack.enter_async_context(SqlRepository.open(url))


@pytest.fixture(scope="module", autouse=True)
def server_of_the_machine(postgres: PostgresServer) -> None:
    PostgresMachine.server = postgres


@functools.cache
def empty_database() -> bytes:
    """Return a file of the newest schema; copying it is faster than migrating each time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "storeorch.db"

        async def migrate() -> None:
            async with SqlRepository.open(f"sqlite:///{path}"):
                pass

        with ThreadPoolExecutor(1) as thread:  # the caller's loop is running
            thread.submit(asyncio.run, migrate()).result()
        return path.read_bytes()


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)

TestSqliteMachine = SqliteMachine.TestCase
TestSqliteMachine.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)

TestPostgresMachine = PostgresMachine.TestCase
TestPostgresMachine.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
