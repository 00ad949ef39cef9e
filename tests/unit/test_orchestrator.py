"""The front door: declaring stores, engines inside and outside, beginning and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from storeorch.errors import (
    DatabaseOutdated,
    DatabaseUnavailable,
    HelmMissing,
    InvalidDeclaration,
    InvalidParameters,
    InvalidStoreName,
    InvalidTransition,
    NameTaken,
    ReleaseFailed,
    StoreFailed,
    StoreIsDeleting,
    StoreNotFound,
    StoreorchError,
    UnknownStoreType,
    WaitTimeout,
)
from storeorch.models import EventKind, Page, Status, Store, StoreFilter
from storeorch.names import ownership_labels
from storeorch.orchestrator import Orchestrator
from storeorch.plugins import Plugins
from storeorch.settings import Settings
from storeorch.testing import MemoryRepository, Sandbox, virtual_time
from storeorch.testing.clock import VirtualClock
from storeorch.wiring import Adapters

from .conftest import Orchestrate

pytest_plugins = ["storeorch.testing.plugin"]

HOURS = 36_000.0
"""Virtual seconds in which anything would have happened."""


def settings_for(url: str) -> Settings:
    return Settings(_env_prefix="STOREORCH_TESTS_ONLY_", database_url=url, log_file=None)


async def pass_time(sandbox: Sandbox) -> None:
    await sandbox.clock.sleep(HOURS)


# -- creating -----------------------------------------------------------------


@virtual_time
async def test_created_store(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        store = await o.create("my-store", type="sample", parameters={"replicas": "2"})
        assert (store.name, store.type, store.status) == ("my-store", "sample", Status.PROVISIONING)
        assert store.parameters == {"replicas": 2}, "what was given, checked; no defaults"
        assert store.namespace == f"store-my-store-{store.id[:8]}"
        assert store.host == "my-store.local.test"
        assert (store.helm_release, store.cluster) == ("my-store", "default")
        assert await o.get("my-store") == await o.get(store.id) == store


@virtual_time
async def test_who_declared_it(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    """The setting, unless someone else is named."""
    async with orchestrate(engine=False) as o:
        await o.create("my-store", type="sample")
        await o.create("other", type="sample", actor="maria")
        await o.update("my-store", parameters={"title": "New"}, actor="hassan")
        await o.retry("my-store", actor="li")
        await o.delete("my-store", actor="olga")
        await o.delete("other")
        told = [(event.store_name, event.reason, event.actor) for event in sandbox.repository.history]
    assert told == [
        ("my-store", "Create", "tester"),
        ("other", "Create", "maria"),
        ("my-store", "Update", "hassan"),
        ("my-store", "Retry", "li"),
        ("my-store", "Delete", "olga"),
        ("other", "Delete", "tester"),
    ]


@pytest.mark.parametrize(
    ("name", "type_", "parameters", "error"),
    [
        ("", "sample", {}, InvalidStoreName),
        ("My Store", "sample", {}, InvalidStoreName),
        ("a" * 41, "sample", {}, InvalidStoreName),
        ("my-store", "nothing", {}, UnknownStoreType),
        ("my-store", "sample", {"replicas": 0}, InvalidParameters),
        ("my-store", "sample", {"colour": "red"}, InvalidParameters),
        ("taken", "sample", {}, NameTaken),
        ("going", "sample", {}, StoreIsDeleting),
    ],
)
@virtual_time
async def test_refused_declaration_leaves_nothing(
    orchestrate: Orchestrate,
    sandbox: Sandbox,
    virtual_clock: VirtualClock,
    name: str,
    type_: str,
    parameters: Mapping[str, Any],
    error: type[StoreorchError],
) -> None:
    async with orchestrate(engine=False) as o:
        for existing in ("taken", "going"):
            await o.create(existing, type="sample")
        await o.delete("going")
        before = dict(sandbox.repository.rows), list(sandbox.repository.history)
        with pytest.raises(error):
            await o.create(name, type=type_, parameters=parameters)
        assert (sandbox.repository.rows, sandbox.repository.history) == before


# -- changing -----------------------------------------------------------------



@virtual_time
async def test_update_is_merged(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        store = await o.create("my-store", type="sample", parameters={"title": "Mine"})
        after = await o.update("my-store", parameters={"replicas": 3})
        assert after.parameters == {"title": "Mine", "replicas": 3}
        assert after.generation == store.generation + 1
        again = await o.update(store.id, parameters={"title": "Yours"})
        assert again.parameters == {"title": "Yours", "replicas": 3}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda o: o.update("my-store", parameters={"replicas": "many"}), InvalidParameters),
        (lambda o: o.update("nothing", parameters={}), StoreNotFound),
        (lambda o: o.update("going", parameters={}), StoreIsDeleting),
        (lambda o: o.retry("nothing"), StoreNotFound),
        (lambda o: o.retry("going"), StoreIsDeleting),
        (lambda o: o.delete("nothing"), StoreNotFound),
    ],
)
@virtual_time
async def test_refused_change_leaves_nothing(
    orchestrate: Orchestrate,
    sandbox: Sandbox,
    virtual_clock: VirtualClock,
    call: Callable[[Orchestrator], Any],
    error: type[StoreorchError],
) -> None:
    async with orchestrate(engine=False) as o:
        store = await o.create("my-store", type="sample")
        await o.create("going", type="sample")
        going = await o.delete("going")
        with pytest.raises(error):
            await call(o)
        assert await o.get("my-store") == store
        assert await o.get("going") == going


@virtual_time
async def test_deletion_is_declared_once(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        store = await o.create("my-store", type="sample")
        first = await o.delete(store.id)
        assert first.status is Status.DELETING
        assert await o.delete("my-store") == first


@virtual_time
async def test_nothing_to_retry(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate() as o:
        store = await o.create("my-store", type="sample")
        await o.wait(store.id)
        with pytest.raises(InvalidTransition):
            await o.retry(store.id)


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
        with pytest.raises(WaitTimeout, match="within 1.5 seconds; the work goes on") as ended:
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
        assert not await orchestrate(engine=False).__aenter__() is None
        o.stop()


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


# -- orphans ------------------------------------------------------------------


@virtual_time
async def test_orphans(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate() as o:
        await o.create("my-store", type="sample")
        await o.wait("my-store")
        assert await o.orphans() == []
        by_hand = sandbox.cluster.create_namespace_by_hand
        by_hand("theirs")
        by_hand("store-gone-1", ownership_labels("gone", "1"))
        assert await o.orphans() == ["store-gone-1"]


@virtual_time
async def test_orphans_among_many_stores(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    """More than one page of them."""
    async with orchestrate(engine=False) as o:
        for number in range(1001):
            store = await o.create(f"s{number}", type="sample")
            if number in {0, 1000}:
                sandbox.cluster.create_namespace_by_hand(
                    store.namespace, ownership_labels(store.name, store.id)
                )
        assert await o.orphans() == []


class BusyRepository(MemoryRepository):
    """Declares a store, and has its namespace made, whenever the list has been read."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox.clock)
        self._sandbox = sandbox

    @override
    async def list(
        self, where: StoreFilter, *, limit: int = 100, cursor: str | None = None
    ) -> Page[Store]:
        page = await super().list(where, limit=limit, cursor=cursor)
        self._sandbox.cluster.create_namespace_by_hand("store-new-1", ownership_labels("new", "1"))
        return page


@virtual_time
async def test_store_that_is_declared_meanwhile_is_no_orphan(
    sandbox: Sandbox, virtual_clock: VirtualClock, sample_plugins: Plugins
) -> None:
    async with Orchestrator(
        sandbox.settings,
        sample_plugins,
        engine=False,
        adapters=lambda: Adapters(sandbox.cluster, sandbox.releases, sandbox.hosts, closed),
        repository=BusyRepository(sandbox),
        clock=sandbox.clock,
    ) as o:
        assert await o.orphans() == []


async def closed() -> None: ...


# -- types and environment ----------------------------------------------------


def test_types_and_plugins(orchestrate: Orchestrate) -> None:
    """They are known before anything is opened."""
    o = orchestrate()
    (offered,) = o.types()
    assert o.type("sample") is offered
    with pytest.raises(UnknownStoreType):
        o.type("nothing")
    assert [info.types for info in o.plugins()] == [("sample",)]


@virtual_time
async def test_environment(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        assert [(check.name, check.ok) for check in await o.check_environment()] == [
            ("helm", True),
            ("cluster", True),
        ]
        await o.require_environment()
        sandbox.releases.errors["check"] = HelmMissing
        assert [check.ok for check in await o.check_environment()] == [False, True]
        with pytest.raises(HelmMissing):
            await o.require_environment()
    assert (orchestrate.adapters_made, orchestrate.adapters_closed) == (1, 1)


# -- beginning and end --------------------------------------------------------


@virtual_time
async def test_use_outside_of_async_with(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    """Before it was entered, and after it was left."""
    o = orchestrate(engine=False)
    for _ in range(2):
        for call in (
            lambda: o.create("my-store", type="sample"),
            lambda: o.get("my-store"),
            lambda: o.list(),
            lambda: o.engine_running(),
            lambda: o.run(),
        ):
            with pytest.raises(RuntimeError, match="async with"):
                await call()
        async with o:
            await o.list()


@virtual_time
async def test_entered_again(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    o = orchestrate()
    for name in ("first", "second"):
        async with o:
            await o.create(name, type="sample")
            assert await o.wait(name) is not None
    assert (orchestrate.adapters_made, orchestrate.adapters_closed) == (2, 2)


@virtual_time
async def test_adapters_that_cannot_be_made(
    sandbox: Sandbox, virtual_clock: VirtualClock, sample_plugins: Plugins
) -> None:
    def fail() -> Adapters:
        raise HelmMissing

    o = Orchestrator(
        sandbox.settings, sample_plugins, adapters=fail, repository=sandbox.repository
    )
    with pytest.raises(HelmMissing):
        async with o:
            pass
    with pytest.raises(RuntimeError, match="async with"):
        await o.list()


@virtual_time
async def test_error_in_the_body_passes_and_everything_is_closed(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with orchestrate():
            raise ZeroDivisionError
    assert orchestrate.adapters_closed == 1


async def test_database_of_the_settings(tmp_path: Path, sample_plugins: Plugins) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/a.db")
    async with Orchestrator(settings, sample_plugins, engine=False) as o:
        store = await o.create("my-store", type="sample")
    async with Orchestrator(settings, sample_plugins, engine=False) as o:
        assert await o.get("my-store") == store


async def test_stores_of_the_settings_cluster(tmp_path: Path, sample_plugins: Plugins) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/a.db")
    elsewhere = settings.model_copy(update={"cluster": "elsewhere"})
    async with Orchestrator(elsewhere, sample_plugins, engine=False) as o:
        assert (await o.create("my-store", type="sample")).cluster == "elsewhere"
    async with Orchestrator(settings, sample_plugins, engine=False) as o:
        assert (await o.list()).items == ()


async def test_database_that_cannot_be_used(tmp_path: Path, sample_plugins: Plugins) -> None:
    o = Orchestrator(settings_for(f"sqlite:///{tmp_path}"), sample_plugins, engine=False)
    with pytest.raises(DatabaseUnavailable):
        async with o:
            pass
    with pytest.raises(RuntimeError, match="async with"):
        await o.list()


async def test_upgrade(tmp_path: Path) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/a.db")
    assert await Orchestrator.upgrade_database(settings) is True
    assert await Orchestrator.upgrade_database(settings) is False


async def test_upgrade_of_a_newer_database(tmp_path: Path) -> None:
    import sqlite3

    settings = settings_for(f"sqlite:///{tmp_path}/a.db")
    await Orchestrator.upgrade_database(settings)
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(DatabaseOutdated):
        await Orchestrator.upgrade_database(settings)


def test_from_settings(tmp_path: Path) -> None:
    """With the plugins that are installed."""
    settings = settings_for(f"sqlite:///{tmp_path}/a.db")
    o = Orchestrator.from_settings(settings, engine=False)
    assert o.settings is settings
    assert "woocommerce" in {offered.name for offered in o.types()}
    assert list(tmp_path.iterdir()) == [], "nothing is opened yet"


@virtual_time
async def test_limits_of_lists(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        await o.create("my-store", type="sample")
        for limit in (0, -1):
            with pytest.raises(InvalidDeclaration, match="at least 1"):
                await o.list(limit=limit)
            with pytest.raises(InvalidDeclaration, match="at least 1"):
                await o.events("my-store", limit=limit)
