"""The audit of rows on a real database: what is in order passes, what is not is found out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from tests.chaos import row_audit
from tests.postgresql import PostgresServer

from storeorch.db import SqlRepository, statements, upgrade_database
from storeorch.lifecycle import Declaration
from storeorch.models import Claim, NewEvent, Status
from storeorch.testing.contracts.samples import LONG, STEP_EVENT, new_store, observation, take

DECLARER = "declarer"
FOREIGN_EVENT = (
    "INSERT INTO events (store_id, store_name, at, generation, epoch, kind, reason, message, actor)"
    " SELECT id, name, 1, 1, 1, 'step', 'Done', 'x', 'second' FROM stores"
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
async def url(server: PostgresServer) -> AsyncIterator[str]:
    url = server.create("audited")
    await upgrade_database(url)
    row_audit.install(server, "audited")
    yield url
    server.drop("audited")


@pytest.fixture
async def connected(url: str) -> AsyncIterator[dict[str, SqlRepository]]:
    """Return repositories that are connected under the names of a declarer and two workers."""
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(
                SqlRepository.open(f"{url}&application_name={name}")
            )
            for name in (DECLARER, "w0.1", "w1.1")
        }


@pytest.fixture
def verdict(server: PostgresServer) -> Callable[[], row_audit.Verdict]:
    return lambda: row_audit.judge(*row_audit.read(server, "audited"), declarer=DECLARER)


async def claimed(repository: SqlRepository, store_id: str, worker: str) -> Claim:
    batch = await repository.claim(worker, limit=1, lease=LONG, wanted=[store_id])
    return batch.claims[0]


def by(worker: str) -> list[NewEvent]:
    return [STEP_EVENT.model_copy(update={"actor": worker})]


async def test_a_life_in_good_order(
    connected: dict[str, SqlRepository], verdict: Callable[[], row_audit.Verdict]
) -> None:
    first, second = connected["w0.1"], connected["w1.1"]
    store = await connected[DECLARER].create(new_store(), actor="tester")
    claim = await claimed(first, store.id, "first")
    assert await first.renew("first", {store.id: claim.epoch}, lease=LONG)
    await first.record(claim, observation(), by("first"))
    await first.give_back(claim, due_in=0)
    claim = await claimed(second, store.id, "second")
    await second.finish(claim, observation(Status.READY), by("second"), due_in=None)
    await connected[DECLARER].declare(store.id, Declaration.DELETE, actor="tester")
    claim = await claimed(first, store.id, "first")
    await first.remove(claim, by("first"))
    found = verdict()
    assert found.violations == []
    assert (found.claims, found.handed_over, found.renewals) == (3, 0, 1)
    assert (found.observations, found.declarations, found.events) == (4, 2, 3)


async def test_a_lease_that_ran_out_is_handed_over(
    connected: dict[str, SqlRepository], verdict: Callable[[], row_audit.Verdict]
) -> None:
    store = await connected[DECLARER].create(new_store(), actor="tester")
    await connected["w0.1"].claim("first", limit=1, lease=0)
    await take(connected["w1.1"], store.id)
    found = verdict()
    assert (found.claims, found.handed_over, found.violations) == (2, 1, [])


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (FOREIGN_EVENT, "lease that is not held"),
        ("UPDATE stores SET url = 'x'", "does not hold the lease"),
        ("UPDATE stores SET generation = generation + 1", "changed what was declared"),
        ("DELETE FROM stores", "not to be deleted"),
        ("UPDATE stores SET lease_epoch = lease_epoch + 2, lease_owner = 'x'", "epoch by one"),
        ("UPDATE stores SET lease_epoch = lease_epoch + 1", "had not run out"),
        (
            "UPDATE stores SET lease_epoch = lease_epoch + 1, lease_owner = 'second', url = 'x'",
            "more than the lease",
        ),
    ],
)
async def test_who_writes_without_the_lease_is_found_out(
    connected: dict[str, SqlRepository],
    verdict: Callable[[], row_audit.Verdict],
    server: PostgresServer,
    statement: str,
    words: str,
) -> None:
    """As a worker that is connected by the name of the second, while the first has the lease."""
    store = await connected[DECLARER].create(new_store(), actor="tester")
    await claimed(connected["w0.1"], store.id, "first")
    server.run(f"SET application_name = 'w1.1'; {statement}", database="audited")
    assert any(words in each for each in verdict().violations)


async def test_a_statement_without_its_epoch_is_found_out(
    connected: dict[str, SqlRepository],
    verdict: Callable[[], row_audit.Verdict],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event that is written with an observation names the epoch that the writer believes in."""
    store = await connected[DECLARER].create(new_store(), actor="tester")
    worker = connected["w0.1"]
    stale = await claimed(worker, store.id, "first")
    await worker.give_back(stale, due_in=0)
    await claimed(worker, store.id, "first")
    real = statements.observe

    def careless(claim: Claim, seen: object) -> statements.Bound:
        bound = real(claim, seen)  # type: ignore[arg-type]
        return bound._replace(parameters={**bound.parameters, "p_epoch": claim.epoch + 1})

    monkeypatch.setattr(statements, "observe", careless)
    await worker.record(stale, observation(), by("first"))
    assert any("lease that is not held" in each for each in verdict().violations)
