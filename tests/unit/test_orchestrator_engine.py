"""Engines inside and outside of the orchestrator, and their beginning and end."""

from __future__ import annotations

import asyncio

import pytest

from storeorch.errors import (
    ReleaseFailed,
    StoreFailed,
    StoreNotFound,
    WaitTimeout,
)
from storeorch.models import EventKind, Status
from storeorch.testing import Sandbox, virtual_time
from storeorch.testing.clock import VirtualClock

from .conftest import Orchestrate

pytest_plugins = ["storeorch.testing.plugin"]

HOURS = 36_000.0
"""Virtual seconds in which anything would have happened."""


async def pass_time(sandbox: Sandbox) -> None:
    await sandbox.clock.sleep(HOURS)


# -- the engine inside --------------------------------------------------------


@virtual_time
async def test_whole_life_of_a_store(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate() as o:
        store = await o.create("my-store", type="sample")
        ready = await o.wait("my-store")
        assert ready is not None
        assert (ready.id, ready.status, ready.progress) == (store.id, Status.READY, 1.0)
        assert ready.url == "http://my-store.local.test"
        await o.update("my-store", parameters={"replicas": 2})
        updated = await o.wait("my-store")
        assert updated is not None
        assert (updated.status, updated.observed_generation) == (Status.READY, 2)
        assert sandbox.releases.values(store.namespace, "my-store")["replicas"] == 2
        await o.delete("my-store")
        assert await o.wait("my-store") is None
        with pytest.raises(StoreNotFound):
            await o.get(store.id)
        assert (await o.events(store.id))[-1].kind is EventKind.DELETED
    assert sandbox.cluster.namespaces == {}
    assert sandbox.hosts.known == {}


@virtual_time
async def test_failure_and_retry(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate() as o:
        sandbox.releases.errors["install"] = ReleaseFailed
        store = await o.create("my-store", type="sample")
        with pytest.raises(StoreFailed) as failed:
            await o.wait(store.id)
        assert failed.value.message.startswith("The store my-store has failed. ")
        assert ReleaseFailed().message in failed.value.message
        assert failed.value.hint == ReleaseFailed().hint
        del sandbox.releases.errors["install"]
        await o.retry(store.id)
        ready = await o.wait(store.id)
        assert ready is not None
        assert ready.status is Status.READY


@virtual_time
async def test_engine_ends_with_the_orchestrator(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate() as o:
        await o.create("my-store", type="sample")
    queries = sandbox.repository.queries
    await pass_time(sandbox)
    assert sandbox.repository.queries == queries
    async with orchestrate(engine=False) as o:
        assert not await o.engine_running()


@virtual_time
async def test_without_an_engine_nothing_happens(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        store = await o.create("my-store", type="sample")
        await pass_time(sandbox)
        assert await o.get("my-store") == store
        o.stop()
    assert orchestrate.adapters_made == 0, "and no adapter is made for it"


@virtual_time
async def test_wait_that_ends_early_cancels_nothing(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o, orchestrate():
        sandbox.cluster.ready_lag = 100
        await o.create("my-store", type="sample")
        with pytest.raises(WaitTimeout, match=r"within 1\.5 seconds; the work goes on") as ended:
            await o.wait("my-store", timeout=1.5)
        assert ended.value.exit_code == 3
        ready = await o.wait("my-store", timeout=200)
        assert ready is not None
        assert ready.status is Status.READY


@virtual_time
async def test_engine_for_some_stores(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    """As for a command that makes its own store and leaves the others alone."""
    async with orchestrate(engine=False) as o:
        first = await o.create("first", type="sample")
        second = await o.create("second", type="sample")
        third = await o.create("third", type="sample")
        await o.start_engine(only=[first.id])
        assert await o.wait(first.id) is not None
        await pass_time(sandbox)
        assert await o.get(second.id) == second
        await o.start_engine(only=[second.id])
        assert await o.wait(second.id) is not None
        await o.start_engine()
        assert await o.get(third.id) == third
    assert orchestrate.adapters_made == 1


@virtual_time
async def test_restricted_engine_from_the_beginning(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        first = await o.create("first", type="sample")
        second = await o.create("second", type="sample")
    async with orchestrate(only=[second.id]) as o:
        assert await o.wait(second.id) is not None
        await pass_time(sandbox)
        assert await o.get(first.id) == first


# -- the engine in the foreground ---------------------------------------------


@virtual_time
async def test_run_until_stopped(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        await o.create("my-store", type="sample")
        running = asyncio.create_task(o.run())
        ready = await o.wait("my-store")
        assert ready is not None
        o.stop()
        await running
        o.stop()
        assert not await o.engine_running()


@virtual_time
async def test_run_until_cancelled(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    """Leases are given back, so the next engine goes on at once."""
    async with orchestrate(engine=False) as o:
        sandbox.cluster.ready_lag = 100
        store = await o.create("my-store", type="sample")
        running = asyncio.create_task(o.run())
        async for seen in o.watch(store.id):
            if seen.conditions:
                break
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert sandbox.repository.rows[store.id].lease_owner is None
        assert sandbox.repository.rows[store.id].due_at is not None


@virtual_time
async def test_leaving_stops_an_engine_that_runs(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        await o.create("my-store", type="sample")
        running = asyncio.create_task(o.run())
        await o.wait("my-store")
    await running


@virtual_time
async def test_engine_of_another_process_is_known(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    """One's own does not count."""
    async with orchestrate(engine=False) as onlooker:
        assert not await onlooker.engine_running()
        async with orchestrate() as o:
            await o.create("my-store", type="sample")
            await o.wait("my-store")
            assert not await o.engine_running()
            assert await onlooker.engine_running()
            async with orchestrate() as other:
                await other.create("another", type="sample")
                await other.wait("another")
                assert await o.engine_running()
        assert not await onlooker.engine_running()
