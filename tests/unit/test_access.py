"""What gives access to a store is shown, and who asked is kept."""

from __future__ import annotations

import pytest

from storeorch.errors import (
    ClusterUnavailable,
    CredentialsNotReady,
    DatabaseUnavailable,
    StoreNotFound,
)
from storeorch.models import EventKind
from storeorch.testing import Sandbox, virtual_time
from storeorch.testing.clock import VirtualClock

from .conftest import Orchestrate

pytest_plugins = ["storeorch.testing.plugin"]


@virtual_time
async def test_credentials_and_who_asked(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate() as o:
        store = await o.create("my-store", type="sample")
        ready = await o.wait(store.id)
        assert ready is not None
        found = await o.credentials("my-store", actor="maria")
        assert (found.store_id, found.url) == (store.id, ready.url)
        assert set(found.values) == {"admin-password", "database-password"}
        assert (
            found.values == sandbox.cluster.namespaces[store.namespace].secrets["store-credentials"]
        )
        await o.credentials(store.id)
        shown = [e for e in await o.events(store.id) if e.kind is EventKind.ACCESS]
    assert [(event.reason, event.actor) for event in shown] == [
        ("CredentialsShown", "maria"),
        ("CredentialsShown", "tester"),
    ]
    secrets = [*found.values.values()]
    assert not any(secret in repr(found) for secret in secrets)
    assert not any(secret in event.message for secret in secrets for event in shown)


@virtual_time
async def test_credentials_that_are_not_there(
    orchestrate: Orchestrate, sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    async with orchestrate(engine=False) as o:
        with pytest.raises(StoreNotFound):
            await o.credentials("nothing")
        store = await o.create("my-store", type="sample")
        with pytest.raises(CredentialsNotReady):
            await o.credentials("my-store")
        sandbox.cluster.unavailable = True
        with pytest.raises(ClusterUnavailable):
            await o.credentials("my-store")
        assert [event.kind for event in await o.events(store.id)] == [EventKind.DECLARED]


@virtual_time
async def test_nobody_sees_them_without_a_trace(
    orchestrate: Orchestrate,
    sandbox: Sandbox,
    virtual_clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it cannot be kept who asked, nothing is shown."""

    async def fail(*_: object) -> None:
        raise DatabaseUnavailable

    async with orchestrate() as o:
        await o.create("my-store", type="sample")
        await o.wait("my-store")
        monkeypatch.setattr(sandbox.repository, "note", fail)
        with pytest.raises(DatabaseUnavailable):
            await o.credentials("my-store")
