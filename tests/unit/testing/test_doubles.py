"""What the doubles promise beyond the contracts: lags, lies and what tests do to them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from storeorch.errors import (
    ClusterUnavailable,
    HostsFileUnwritable,
    PermissionMissing,
    ReleaseFailed,
)
from storeorch.names import namespace_for
from storeorch.ports import (
    NamespacePhase,
    Owner,
    Problem,
    ReleaseRequest,
    ReleaseStatus,
    WorkloadRef,
)
from storeorch.testing import (
    MemoryCluster,
    MemoryHosts,
    MemoryReleases,
    SampleShop,
    Sandbox,
    VirtualClock,
    virtual_time,
)
from storeorch.testing.clock import running_clock
from storeorch.testing.releases import DEFAULT_WORKLOADS

OWNER = Owner("11111111-1111-4111-8111-111111111111", "my-store")
SPACE = namespace_for(OWNER.store_name, OWNER.store_id)
REQUEST = ReleaseRequest(SPACE, "my-store", Path("chart"), {}, "first")
WEB = WorkloadRef("Deployment", "web")
CRASHING = Problem("CrashLoop", "It crashes.", "Look.", fatal=True, weight=3)


async def make(**lags: float) -> tuple[VirtualClock, MemoryCluster, MemoryReleases]:
    clock = running_clock()
    assert clock is not None
    cluster = MemoryCluster(clock, **lags)  # type: ignore[arg-type]
    await cluster.create_namespace(SPACE, OWNER)
    return clock, cluster, MemoryReleases(cluster, max_processes=2)


async def is_ready(cluster: MemoryCluster, *, live: bool = True) -> bool:
    (state,) = await cluster.workloads(SPACE, [WEB], live=live)
    return state.ready


@virtual_time
async def test_workloads_take_their_time_and_are_seen_later_still() -> None:
    _, cluster, releases = await make(ready_lag=10, watch_lag=3)
    async with cluster.watch():
        await releases.install(REQUEST)
        await asyncio.sleep(9.9)
        assert not await is_ready(cluster)
        await asyncio.sleep(0.2)
        assert await is_ready(cluster)
        assert not await is_ready(cluster, live=False)
        await asyncio.sleep(3)
        assert await is_ready(cluster, live=False)


@virtual_time
async def test_without_a_watch_the_cluster_itself_is_asked() -> None:
    _, cluster, _ = await make(watch_lag=1000)
    assert (await cluster.namespace(SPACE)).phase is NamespacePhase.ACTIVE


@virtual_time
async def test_watch_begins_with_what_is_and_never_goes_back() -> None:
    _, cluster, _ = await make(watch_lag=5)
    await cluster.delete_namespace(SPACE, OWNER)
    async with cluster.watch():
        assert (await cluster.namespace(SPACE)).phase is NamespacePhase.TERMINATING
        await asyncio.sleep(5.5)
        state = await cluster.namespace(SPACE)
        assert state.phase is NamespacePhase.TERMINATING
        await asyncio.sleep(1)
        assert (await cluster.namespace(SPACE)).phase is NamespacePhase.ABSENT


@virtual_time
async def test_watch_sees_everything_anew_after_an_outage() -> None:
    _, cluster, _ = await make(terminating_lag=1)
    async with cluster.watch() as changes:
        cluster.unavailable = True
        for call in (
            cluster.check_access(),
            cluster.namespace(SPACE),
            cluster.workloads(SPACE, []),
        ):
            with pytest.raises(ClusterUnavailable):
                await call
        cluster.delete_namespace_by_hand(SPACE)
        await asyncio.sleep(10)
        cluster.unavailable = False
        assert await anext(changes) == OWNER.store_id
        assert (await cluster.namespace(SPACE)).phase is NamespacePhase.ABSENT


@virtual_time
async def test_troubled_workload_is_spoken_of_again_and_again() -> None:
    clock, cluster, releases = await make()
    cluster.fail_workload(SPACE, WEB, CRASHING)
    await releases.install(REQUEST)
    assert list(await cluster.problems(SPACE, since=clock.now())) == [CRASHING]
    await asyncio.sleep(100)
    since = clock.now()
    assert list(await cluster.problems(SPACE, since=since)) == []
    await asyncio.sleep(300)
    assert list(await cluster.problems(SPACE, since=since)) == [CRASHING]
    cluster.recover(SPACE, WEB)
    assert list(await cluster.problems(SPACE, since=since)) == []
    await asyncio.sleep(cluster.ready_lag)
    assert await is_ready(cluster)


@virtual_time
async def test_ready_workload_can_fail_and_the_watch_tells_of_it() -> None:
    _, cluster, releases = await make()
    await releases.install(REQUEST)
    await asyncio.sleep(10)
    async with cluster.watch() as changes:
        cluster.fail_workload(SPACE, WEB, CRASHING)
        assert await anext(changes) == OWNER.store_id
        assert not await is_ready(cluster, live=False)


@virtual_time
async def test_nudge_ends_what_was_put_off_once_for_each_token() -> None:
    _, cluster, releases = await make()
    cluster.fail_workload(SPACE, WEB, CRASHING)
    await releases.install(REQUEST)
    for token, nudged in (("1", True), ("1", False), ("2", True)):
        cluster.fail_workload(SPACE, WEB, CRASHING)
        cluster.recover(SPACE, WEB, put_off=500)
        await cluster.nudge(SPACE, [WEB], token=token)
        await asyncio.sleep(10)
        assert await is_ready(cluster) is nudged
    cluster.fail_workload(SPACE, WEB, CRASHING)
    cluster.recover(SPACE, WEB, put_off=500)
    await asyncio.sleep(502)
    assert await is_ready(cluster)


@virtual_time
async def test_finalizer_holds_a_namespace() -> None:
    _, cluster, _ = await make(terminating_lag=5)
    cluster.block_deletion(SPACE, "example.com/hold")
    await cluster.delete_namespace(SPACE, OWNER)
    await asyncio.sleep(1000)
    state = await cluster.namespace(SPACE)
    assert state.phase is NamespacePhase.TERMINATING
    assert state.blocked_by == "the finalizer example.com/hold"
    cluster.unblock_deletion(SPACE)
    await asyncio.sleep(6)
    assert (await cluster.namespace(SPACE)).phase is NamespacePhase.ABSENT


@virtual_time
async def test_missing_rights() -> None:
    _, cluster, _ = await make()
    cluster.missing_rights = ["create namespaces"]
    with pytest.raises(PermissionMissing, match="create namespaces"):
        await cluster.check_access()


@virtual_time
async def test_installation_is_pending_until_the_end() -> None:
    _, cluster, releases = await make()
    releases.install_lag = 10
    task = asyncio.create_task(releases.install(REQUEST))
    await asyncio.sleep(5)
    pending = await releases.get(SPACE, "my-store")
    assert pending is not None
    assert pending.status is ReleaseStatus.PENDING
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(100)
    left = await releases.get(SPACE, "my-store")
    assert left is not None
    assert left.status is ReleaseStatus.PENDING, "whoever is killed leaves it so"
    assert cluster.namespaces[SPACE].workloads == {}
    again = await releases.install(REQUEST)
    assert (again.status, again.revision) == (ReleaseStatus.DEPLOYED, 2)
    assert set(cluster.namespaces[SPACE].workloads) == set(DEFAULT_WORKLOADS)


@virtual_time
async def test_failed_installation_leaves_a_failed_revision() -> None:
    _, _, releases = await make()
    releases.errors["install:created"] = ReleaseFailed
    with pytest.raises(ReleaseFailed):
        await releases.install(REQUEST)
    left = await releases.get(SPACE, "my-store")
    assert left is not None
    assert left.status is ReleaseStatus.FAILED


@virtual_time
async def test_half_uninstalled_release_is_upgraded_over() -> None:
    _, _, releases = await make()
    await releases.install(REQUEST)
    releases.set_status(SPACE, "my-store", ReleaseStatus.UNINSTALLING)
    again = await releases.install(REQUEST)
    assert (again.status, again.revision) == (ReleaseStatus.DEPLOYED, 2)


@virtual_time
async def test_processes_wait_their_turn() -> None:
    clock, cluster, releases = await make()
    releases.install_lag = 10
    for n in range(4):
        await cluster.create_namespace(f"s{n}", OWNER)
    requests = [ReleaseRequest(f"s{n}", "r", Path("chart"), {}, "d") for n in range(4)]
    await asyncio.gather(*(releases.install(request) for request in requests))
    assert (releases.started, releases.running, releases.most_at_once) == (4, 0, 2)
    assert clock.monotonic() == pytest.approx(20)


@virtual_time
async def test_release_goes_with_its_namespace() -> None:
    _, cluster, releases = await make()
    await releases.install(REQUEST)
    cluster.delete_namespace_by_hand(SPACE)
    await asyncio.sleep(10)
    assert await releases.get(SPACE, "my-store", live=True) is None
    cluster.unavailable = True
    with pytest.raises(ClusterUnavailable):
        await releases.get(SPACE, "my-store")


@virtual_time
async def test_hosts_that_cannot_be_written() -> None:
    hosts = MemoryHosts()
    hosts.unwritable = True
    with pytest.raises(HostsFileUnwritable):
        await hosts.ensure("a.local.test", OWNER)


@virtual_time
async def test_sandbox_is_the_same_for_the_same_seed() -> None:
    async def history(seed: int) -> list[str]:
        sandbox = Sandbox(seed=seed)
        store = await sandbox.create("my-store")
        await sandbox.settle(store.id)
        return [event.model_dump_json(exclude={"at"}) for event in sandbox.repository.history]

    assert await history(1) == await history(1)
    assert await history(1) != await history(2)


@virtual_time
async def test_sandbox_gives_up() -> None:
    sandbox = Sandbox([SampleShop()], provision_timeout=1000)
    sandbox.cluster.ready_lag = 500
    store = await sandbox.create("my-store")
    with pytest.raises(TimeoutError):
        await sandbox.settle(store.id, timeout=100)
