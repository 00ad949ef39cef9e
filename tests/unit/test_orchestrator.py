"""The front door: declaring stores and changing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from storeorch.errors import (
    InvalidDeclaration,
    InvalidParameters,
    InvalidStoreName,
    InvalidTransition,
    KeyReused,
    NameTaken,
    StoreIsDeleting,
    StoreNotFound,
    StoreorchError,
    TooManyStores,
    UnknownStoreType,
)
from storeorch.models import OwnerLimits, Status
from storeorch.orchestrator import Orchestrator
from storeorch.parameters import ChartParameters, Parameters, StorageSize
from storeorch.testing import SampleShop, Sandbox, virtual_time
from storeorch.testing.clock import VirtualClock

from .conftest import Orchestrate, offering

pytest_plugins = ["storeorch.testing.plugin"]

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
        told = [
            (event.store_name, event.reason, event.actor) for event in sandbox.repository.history
        ]
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
    *,
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


class Disk(Parameters):
    size: StorageSize = "1Gi"
    """Size."""

    storage_class: str = ""
    """Class."""


class DiskParameters(Parameters):
    disk: Disk = Disk()
    """Disk."""

    title: str = "a"
    """Title."""


class DiskShop(SampleShop):
    name = "disk-shop"
    parameters: ClassVar[type[BaseModel]] = DiskParameters


@virtual_time
async def test_update_is_merged_at_every_depth(
    sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with Orchestrator(
        sandbox.settings,
        offering(DiskShop()),
        engine=False,
        repository=sandbox.repository,
        clock=sandbox.clock,
    ) as o:
        await o.create("my-store", type="disk-shop", parameters={"disk": {"size": "2Gi"}})
        for changes, result in (
            ({"title": "b"}, {"disk": {"size": "2Gi"}, "title": "b"}),
            (
                {"disk": {"storage_class": "fast"}},
                {"disk": {"size": "2Gi", "storage_class": "fast"}, "title": "b"},
            ),
            (
                {"disk": {"size": "3Gi"}},
                {"disk": {"size": "3Gi", "storage_class": "fast"}, "title": "b"},
            ),
        ):
            assert (await o.update("my-store", parameters=changes)).parameters == result
        before = await o.get("my-store")
        with pytest.raises(InvalidParameters):
            await o.update("my-store", parameters={"disk": "2Gi"})
        assert await o.get("my-store") == before


class ChartShop(SampleShop):
    name = "chart-shop"
    parameters: ClassVar[type[BaseModel]] = ChartParameters


@virtual_time
async def test_a_domain_of_ones_own(sandbox: Sandbox, virtual_clock: VirtualClock) -> None:
    """It is the host as long as it is declared; a host that nobody chose follows no setting."""

    def declaring(domain: str) -> Orchestrator:
        return Orchestrator(
            sandbox.settings.model_copy(update={"domain": domain}),
            offering(ChartShop()),
            engine=False,
            repository=sandbox.repository,
            clock=sandbox.clock,
        )

    async with declaring("local.test") as o:
        own = {"domain": "shop.example.com"}
        assert (await o.create("own", type="chart-shop", parameters=own)).host == own["domain"]
        assert (await o.create("plain", type="chart-shop")).host == "plain.local.test"
    async with declaring("moved.test") as o:
        changes = {"storage_class": "fast"}
        assert (await o.update("plain", parameters=changes)).host == "plain.local.test"
        assert (await o.update("own", parameters=changes)).host == "shop.example.com"
        assert (await o.update("plain", parameters={"domain": "a.example"})).host == "a.example"
        assert (await o.update("own", parameters={"domain": ""})).host == "own.moved.test"


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


# -- owners, keys, trying -----------------------------------------------------


@virtual_time
async def test_owner_limits_and_key(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        limits = OwnerLimits(stores=1)
        store = await o.create("a", type="sample", owner="alice", limits=limits, key="k")
        assert store.owner == "alice"
        again = await o.create("a", type="sample", owner="alice", limits=limits, key="k")
        assert again == store
        with pytest.raises(TooManyStores):
            await o.create("b", type="sample", owner="alice", limits=limits)
        with pytest.raises(KeyReused):
            await o.create("b", type="sample", owner="alice", key="k")
        assert len(sandbox.repository.history) == 1


@virtual_time
async def test_trying_a_declaration(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    """What it would be refused for, name first; nothing is written."""
    async with orchestrate(engine=False) as o:
        await o.create("taken", type="sample")
        found = await o.validate("taken", type="sample", parameters={"replicas": 0})
        assert [(problem.field, problem.code) for problem in found] == [
            (("name",), "name-taken"),
            (("parameters", "replicas"), "invalid-parameters"),
        ]
        assert await o.validate("free", type="sample") == []
        assert await o.validate(type="sample") == []
        (bad,) = await o.validate("Bad", type="sample")
        assert bad.code == "invalid-name"
        assert len(sandbox.repository.history) == 1
