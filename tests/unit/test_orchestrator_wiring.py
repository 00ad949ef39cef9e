"""The orchestrator around its stores: orphans, environment, opening and closing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typing_extensions import override

from storeorch.errors import (
    DatabaseOutdated,
    DatabaseUnavailable,
    HelmMissing,
    UnknownStoreType,
)
from storeorch.models import Page, Store, StoreFilter, StoreOrder
from storeorch.names import ownership_labels
from storeorch.orchestrator import Orchestrator
from storeorch.plugins import Plugins
from storeorch.settings import Settings
from storeorch.testing import MemoryRepository, Sandbox, virtual_time
from storeorch.testing.clock import VirtualClock
from storeorch.wiring import Adapters

from .conftest import Orchestrate

pytest_plugins = ["storeorch.testing.plugin"]


def settings_for(url: str) -> Settings:
    return Settings(_env_prefix="STOREORCH_TESTS_ONLY_", database_url=url, log_file=None)


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
        self,
        where: StoreFilter,
        *,
        limit: int = 100,
        cursor: str | None = None,
        order: StoreOrder = StoreOrder.NEWEST,
    ) -> Page[Store]:
        page = await super().list(where, limit=limit, cursor=cursor, order=order)
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
            o.list,
            o.engine_running,
            o.run,
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

    o = Orchestrator(sandbox.settings, sample_plugins, adapters=fail, repository=sandbox.repository)
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
