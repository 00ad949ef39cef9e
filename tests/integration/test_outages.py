"""The API server or the database is away for a while: all converges by itself once it is back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import pytest

from storeorch import Orchestrator, Status, Store
from storeorch.db import connection
from storeorch.errors import WaitTimeout
from storeorch_devcluster import EmbeddedCluster

from .api import PATIENCE, Api, Json
from .workplace import Workplace, assert_gone, condition, seen

pytestmark = pytest.mark.cluster

HOLD: Final = "example.com/hold"

LEASE: Final = 1.5
"""Seconds of a lease where an outage lasts longer than one."""


async def ready(o: Orchestrator, name: str) -> Store:
    store = await o.wait(name, timeout=PATIENCE)
    assert store is not None
    assert (store.status, store.fault) == (Status.READY, None)
    return store


async def failing(o: Orchestrator, name: str) -> Store:
    """Wait until more than one attempt has failed because the cluster is away."""
    return await seen(
        o,
        name,
        lambda store: (
            store.attempts >= 2
            and store.fault is not None
            and store.fault.code == "cluster-unavailable"
        ),
    )


async def pods_arrive(api: Api, store: Store) -> None:
    """Let the pods run that a simulated node is slow to start."""
    path = f"/api/v1/namespaces/{store.namespace}/pods"
    for pod in await api.until(path, bool):
        patch = {"metadata": {"annotations": {"storeorch.io/simulate": None}}}
        api.merge(f"{path}/{pod['metadata']['name']}", patch)


def hold(api: Api, store: Store, finalizers: list[str] | None) -> None:
    """Keep a namespace from going, or let it go."""
    patch: Json = {"metadata": {"finalizers": finalizers}}
    api.merge(f"/api/v1/namespaces/{store.namespace}", patch)


async def three_stores(o: Orchestrator, api: Api) -> tuple[Store, Store, Store]:
    """Return a store whose pods are starting, one that is ready, and one that cannot go."""
    await o.create("leaving", type="probe")
    await o.create("steady", type="probe")
    await o.create("starting", type="probe", parameters={"simulate": "slow"})
    leaving, steady = await ready(o, "leaving"), await ready(o, "steady")
    hold(api, leaving, [HOLD])
    await o.delete("leaving")
    await seen(o, "leaving", lambda store: HOLD in condition(store, "NamespaceReady").message)
    starting = await seen(o, "starting", lambda store: store.condition("WorkloadsReady"))
    return starting, steady, leaving


async def all_goes_on(
    o: Orchestrator, workplace: Workplace, stores: tuple[Store, Store, Store]
) -> None:
    """Check that the watches tell of what happens now: nobody else would, for hours."""
    starting, steady, leaving = stores
    api = workplace.api
    await ready(o, "late")
    await ready(o, "steady")
    (deployment,) = api.within(steady.namespace, "deployments")
    assert deployment["spec"]["replicas"] == 2
    await pods_arrive(api, starting)
    await ready(o, "starting")
    hold(api, leaving, None)
    assert await o.wait(leaving.id, timeout=PATIENCE) is None
    await assert_gone(leaving, workplace)
    for store in (starting, await o.get("late")):
        assert api.revisions(store.namespace) == [("1", "deployed")]


async def test_api_server_that_ends_and_comes_back(
    workplace: Workplace, api: Api, embedded_cluster: EmbeddedCluster
) -> None:
    async with workplace.orchestrator() as o:
        stores = await three_stores(o, api)
        embedded_cluster.kill("kube-apiserver")
        try:
            await o.create("late", type="probe")
            await o.update("steady", parameters={"replicas": 2})
            late, steady = await failing(o, "late"), await failing(o, "steady")
            assert (late.status, steady.status) == (Status.PROVISIONING, Status.UPDATING)
        finally:
            await asyncio.to_thread(embedded_cluster.start)
        await all_goes_on(o, workplace, stores)


@contextmanager
def frozen(cluster: EmbeddedCluster) -> Iterator[None]:
    """Let the API server take connections and answer none."""
    pid = cluster.pids()["kube-apiserver"]
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_api_server_that_falls_silent_for_longer_than_a_lease(
    workplace: Workplace, api: Api, embedded_cluster: EmbeddedCluster
) -> None:
    async with workplace.orchestrator(lease_duration=LEASE) as o:
        stores = await three_stores(o, api)
        with frozen(embedded_cluster):
            await o.create("late", type="probe")
            await o.update("steady", parameters={"replicas": 2})
            with pytest.raises(WaitTimeout):
                await o.wait("late", timeout=2 * LEASE)
        await all_goes_on(o, workplace, stores)


# -- database -----------------------------------------------------------------

_LOCK: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def locked(workplace: Workplace) -> AsyncIterator[None]:
    """Have another process hold the database's only write lock."""
    pipe = asyncio.subprocess.PIPE
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _LOCK, str(workplace.database), stdin=pipe, stdout=pipe
    )
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"locked\n"
        yield
    finally:
        await holder.communicate(b"")


async def test_database_that_is_locked_for_longer_than_anyone_waits(
    workplace: Workplace,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(connection, "_BUSY_TIMEOUT_MS", 200)
    async with workplace.orchestrator(lease_duration=LEASE) as o:
        await o.create("steady", type="probe")
        await ready(o, "steady")
        starting = await o.create("starting", type="probe", parameters={"simulate": "slow"})
        await seen(o, "starting", lambda store: store.condition("WorkloadsReady"))
        caplog.clear()
        async with locked(workplace):
            await pods_arrive(api, starting)
            with pytest.raises(WaitTimeout):
                await o.wait("starting", timeout=2 * LEASE)
        assert "The database is locked by another process." in caplog.text
        await ready(o, "starting")
        await o.update("steady", parameters={"replicas": 2})
        await ready(o, "steady")
        assert api.revisions(starting.namespace) == [("1", "deployed")]
