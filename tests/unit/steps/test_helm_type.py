"""Whole lives of stores of a Helm type: real engine and steps, ports in memory, virtual time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from storeorch.engine import running
from storeorch.errors import (
    ClusterRefused,
    ClusterUnavailable,
    HelmMissing,
    NamespaceNotOurs,
    ReleaseFailed,
    ReleaseInterrupted,
)
from storeorch.lifecycle import Declaration
from storeorch.models import EventKind, Status, Store
from storeorch.names import LABEL_STORE_ID
from storeorch.ports import Problem, ReleaseStatus, WorkloadRef
from storeorch.steps.credentials import CREDENTIALS_SECRET
from storeorch.storetype import StoreContext
from storeorch.testing import MemoryCluster, SampleShop, Sandbox, virtual_time
from storeorch.testing.sandbox import SETTLED

CANARY = "c4n4ry-s3cr3t"
WEB = WorkloadRef("Deployment", "web")
NO_ROOM = Problem("QuotaExceeded", "The quota leaves no room.", "Ask for less.", fatal=True)
PULLING = Problem("ImagePullFailed", "The image cannot be pulled.", "Check it.", fatal=True)


class Life:
    """One store and an engine beside it."""

    def __init__(self, sandbox: Sandbox, store: Store) -> None:
        self.sandbox = sandbox
        self.store = store

    @classmethod
    async def begin(cls, sandbox: Sandbox | None = None) -> Life:
        sandbox = sandbox or Sandbox()
        return cls(sandbox, await sandbox.create("my-store", {"title": "Mine"}))

    @classmethod
    async def until(cls, status: Status, sandbox: Sandbox | None = None) -> Life:
        life = await cls.begin(sandbox)
        await life.settle()
        if status is Status.DEGRADED:
            life.cluster.fail_workload(life.store.namespace, WEB, PULLING)
            await life.settle(Status.DEGRADED)
        assert life.store.status is status
        return life

    @property
    def cluster(self) -> MemoryCluster:
        return self.sandbox.cluster

    async def settle(self, *until: Status, timeout: float = 10_000) -> Store:
        store = await self.sandbox.settle(self.store.id, until=until or SETTLED, timeout=timeout)
        assert store is not None
        self.store = store
        return store

    async def declare(self, declaration: Declaration, **parameters: object) -> Store:
        self.store = await self.sandbox.repository.declare(
            self.store.id, declaration, actor="tester", parameters=parameters or None
        )
        return self.store

    async def delete(self) -> None:
        """Delete the store, and see that nothing is left."""
        await self.declare(Declaration.DELETE)
        assert await self.sandbox.settle(self.store.id, until=()) is None
        self.nothing_is_left()

    def nothing_is_left(self) -> None:
        assert self.sandbox.repository.rows == {}
        assert self.store.namespace not in self.sandbox.cluster.namespaces
        assert self.sandbox.hosts.known == {}

    def credentials(self) -> dict[str, str]:
        namespace = self.sandbox.cluster.namespaces[self.store.namespace]
        return namespace.secrets[CREDENTIALS_SECRET]


# -- making a store -----------------------------------------------------------


@virtual_time
async def test_from_declaration_to_ready() -> None:
    life = await Life.begin()
    store = await life.settle()
    assert store.status is Status.READY
    assert store.url == "http://my-store.local.test"
    assert [c.type for c in store.conditions] == [
        "NamespaceReady",
        "GuardrailsReady",
        "CredentialsReady",
        "ReleaseInstalled",
        "WorkloadsReady",
        "AddressReady",
        "StorefrontReady",
    ]
    assert store.progress == 1
    namespace = life.sandbox.cluster.namespaces[store.namespace]
    assert namespace.owner_id == store.id
    assert life.sandbox.releases.started == 1
    assert life.sandbox.hosts.known == {"my-store.local.test": store.id}
    assert life.sandbox.clock.monotonic() == pytest.approx(life.sandbox.cluster.ready_lag)


@virtual_time
async def test_guardrails_come_before_anything_runs() -> None:
    """The limits come before the quota: under it, a container without resources is refused."""
    life = await Life.until(Status.READY)
    journal = life.sandbox.cluster.journal
    order = [change.what for change in journal if change.verb != "remember"]
    assert order == [
        f"Namespace/{life.store.namespace}",
        "LimitRange/store-limits",
        "ResourceQuota/store-quota",
        "NetworkPolicy/default-deny",
        "NetworkPolicy/allow-own-pods",
        "NetworkPolicy/allow-dns",
        "NetworkPolicy/allow-ingress-controller",
        "NetworkPolicy/allow-egress",
        "Secret/store-credentials",
        "Release/my-store",
    ]
    objects = life.sandbox.cluster.namespaces[life.store.namespace].objects
    assert objects["ResourceQuota", "store-quota"]["spec"]["hard"] == {
        "requests.cpu": "2",
        "requests.memory": "4Gi",
        "limits.cpu": "4",
        "limits.memory": "8Gi",
        "persistentvolumeclaims": "3",
    }
    deny = objects["NetworkPolicy", "default-deny"]["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for manifest in objects.values():
        assert manifest["metadata"]["labels"][LABEL_STORE_ID] == life.store.id


@virtual_time
async def test_chart_is_given_what_it_needs_and_no_secret() -> None:
    sandbox = Sandbox(ingress_class="nginx", url_scheme="https", domain="shops.example.com")
    life = await Life.until(Status.READY, sandbox)
    values = sandbox.releases.values(life.store.namespace, "my-store")
    assert values == {
        "title": "Mine",
        "replicas": 1,
        "ingress": {"className": "nginx"},
        "storeorch": {
            "storeId": life.store.id,
            "storeName": "my-store",
            "host": "my-store.shops.example.com",
            "url": "https://my-store.shops.example.com",
            "labels": {LABEL_STORE_ID: life.store.id, "storeorch.io/store-name": "my-store"},
            "credentialsSecret": CREDENTIALS_SECRET,
        },
    }


@virtual_time
async def test_credentials_are_generated_once_and_kept_in_the_cluster() -> None:
    life = await Life.until(Status.READY)
    first = life.credentials()
    assert {key: len(value) for key, value in first.items()} == dict(SampleShop.credentials)
    assert all(value.isalnum() for value in first.values())
    await life.declare(Declaration.UPDATE, title="New")
    await life.settle()
    assert life.credentials() == first
    other = await Life.until(Status.READY)
    assert not set(first.values()) & set(other.credentials().values())


@virtual_time
async def test_ready_is_written_only_after_the_cluster_itself_said_so() -> None:
    """The watch may lag behind an upgrade and still show the old pods as ready."""
    sandbox = Sandbox()
    life = await Life.until(Status.READY, sandbox)
    sandbox.cluster.watch_lag, sandbox.cluster.ready_lag = 30, 60
    await life.declare(Declaration.UPDATE, title="New")
    declared_at = sandbox.clock.monotonic()
    async with running(sandbox.engine()):
        await asyncio.sleep(20)
        assert sandbox.repository.rows[life.store.id].store.status is Status.UPDATING
        await asyncio.sleep(300)
        store = sandbox.repository.rows[life.store.id].store
    assert store.status is Status.READY
    assert store.ready_at is not None
    assert (store.ready_at - life.store.declared_at).total_seconds() >= 60
    assert sandbox.clock.monotonic() > declared_at


@virtual_time
async def test_many_stores_with_few_helm_processes() -> None:
    sandbox = Sandbox(max_releases=3)
    sandbox.releases.install_lag = 1.0
    stores = [await sandbox.create(f"s{n}") for n in range(20)]
    async with running(sandbox.engine()):
        await asyncio.sleep(60)
    assert all(sandbox.repository.rows[s.id].store.status is Status.READY for s in stores)
    assert sandbox.releases.most_at_once == 3
    assert sandbox.releases.started == 20, "one process for each store"


@virtual_time
async def test_idle_stores_cost_no_helm_process() -> None:
    life = await Life.until(Status.READY, Sandbox(resync_interval=10))
    async with running(life.sandbox.engine()):
        await asyncio.sleep(1000)
    assert life.sandbox.releases.started == 1
    assert life.sandbox.repository.rows[life.store.id].store.status is Status.READY


# -- what goes wrong while it is made -----------------------------------------


def foreign_namespace(life: Life) -> Callable[[], None]:
    life.sandbox.cluster.create_namespace_by_hand(life.store.namespace)
    return lambda: life.sandbox.cluster.delete_namespace_by_hand(life.store.namespace)


def refusal(method: str, error: type[Exception]) -> Callable[[Life], Callable[[], None]]:
    def begin(life: Life) -> Callable[[], None]:
        port = getattr(life.sandbox, "cluster" if hasattr(life.cluster, method) else "releases")
        port.errors[method] = error
        return lambda: port.errors.pop(method)

    return begin


def broken_pods(life: Life) -> Callable[[], None]:
    life.sandbox.cluster.fail_workload(life.store.namespace, WEB, NO_ROOM)
    return lambda: life.sandbox.cluster.recover(life.store.namespace, WEB)


FAILURES = [
    pytest.param(foreign_namespace, "NamespaceReady", NamespaceNotOurs.code, id="namespace"),
    pytest.param(
        refusal("apply", ClusterRefused), "GuardrailsReady", ClusterRefused.code, id="guardrails"
    ),
    pytest.param(
        refusal("create_secret", ClusterRefused),
        "CredentialsReady",
        ClusterRefused.code,
        id="credentials",
    ),
    pytest.param(
        refusal("install", ReleaseFailed), "ReleaseInstalled", ReleaseFailed.code, id="release"
    ),
    pytest.param(broken_pods, "WorkloadsReady", "workload-failed", id="workloads"),
]


@pytest.mark.parametrize(("fail", "condition", "code"), FAILURES)
def test_step_fails_and_is_retried(
    fail: Callable[[Life], Callable[[], None]], condition: str, code: str
) -> None:
    @virtual_time
    async def scenario() -> None:
        life = await Life.begin()
        mend = fail(life)
        store = await life.settle()
        assert store.status is Status.FAILED
        assert store.fault is not None
        assert (store.fault.code, bool(store.fault.error_id)) == (code, True)
        failed = store.condition(condition)
        assert failed is not None
        assert not failed.status
        assert failed.message == store.error_message
        at = [c.type for c in store.conditions].index(condition)
        assert all(c.status for c in store.conditions[:at])
        assert not any(c.status for c in store.conditions[at:])
        mend()
        await asyncio.sleep(1000)
        assert life.sandbox.repository.rows[store.id].store == store, "it rests"
        await life.declare(Declaration.RETRY)
        assert (await life.settle()).status is Status.READY
        await life.delete()

    scenario()


@pytest.mark.parametrize(("fail", "condition", "code"), FAILURES)
def test_retry_while_the_cause_lasts_fails_again(
    fail: Callable[[Life], Callable[[], None]], condition: str, code: str
) -> None:
    @virtual_time
    async def scenario() -> None:
        life = await Life.begin()
        fail(life)
        first = await life.settle()
        await asyncio.sleep(100)
        await life.declare(Declaration.RETRY)
        second = await life.settle()
        assert second.status is Status.FAILED
        assert second.fault is not None
        assert first.fault is not None
        assert (second.fault.code, second.generation) == (code, 2)
        assert second.fault.error_id != first.fault.error_id

    scenario()


@pytest.mark.parametrize(("fail", "condition", "code"), FAILURES)
def test_failed_store_can_be_deleted(
    fail: Callable[[Life], Callable[[], None]], condition: str, code: str
) -> None:
    @virtual_time
    async def scenario() -> None:
        life = await Life.begin()
        fail(life)
        await life.settle()
        await life.declare(Declaration.DELETE)
        assert await life.sandbox.settle(life.store.id, until=()) is None
        if code != NamespaceNotOurs.code:
            life.nothing_is_left()
        else:
            assert life.store.namespace in life.sandbox.cluster.namespaces, "it is not ours"

    scenario()


@virtual_time
async def test_fatal_problem_is_told_at_once_and_not_at_the_deadline() -> None:
    life = await Life.begin()
    life.cluster.fail_workload(life.store.namespace, WEB, NO_ROOM)
    store = await life.settle()
    assert store.error_message == NO_ROOM.message
    workloads = store.condition("WorkloadsReady")
    assert workloads is not None
    assert workloads.reason == "QuotaExceeded"
    assert life.sandbox.clock.monotonic() < 5


@virtual_time
async def test_workloads_that_never_become_ready_fail_at_the_deadline() -> None:
    sandbox = Sandbox(provision_timeout=300)
    sandbox.cluster.ready_lag = 100_000
    life = await Life.begin(sandbox)
    store = await life.settle()
    assert store.status is Status.FAILED
    assert store.fault is not None
    assert store.fault.code == "deadline-exceeded"
    assert "300 seconds" in store.fault.message
    assert "StatefulSet db, Deployment web" in store.fault.message
    assert sandbox.clock.monotonic() == pytest.approx(300, abs=2)


@virtual_time
async def test_deadline_names_the_problem_that_was_not_fatal() -> None:
    slow = Problem("ProbeFailing", "The health check fails.", "Look.", fatal=False)
    life = await Life.begin(Sandbox(provision_timeout=300))
    life.cluster.fail_workload(life.store.namespace, WEB, slow)
    store = await life.settle()
    assert store.error_message is not None
    assert store.error_message.endswith("Deployment web. The health check fails.")


@virtual_time
async def test_deadline_counts_from_the_release_not_from_the_queue() -> None:
    """A store that waited for Helm, or for the cluster, is not late for that."""
    sandbox = Sandbox(provision_timeout=300)
    sandbox.cluster.ready_lag = 200
    life = await Life.begin(sandbox)
    sandbox.cluster.unavailable = True
    async with running(sandbox.engine()):
        await asyncio.sleep(1000)
        sandbox.cluster.unavailable = False
        await asyncio.sleep(600)
    assert sandbox.repository.rows[life.store.id].store.status is Status.READY


@virtual_time
async def test_grace_of_a_problem_that_may_pass() -> None:
    sandbox = Sandbox(unschedulable_grace=120)
    life = await Life.begin(sandbox)
    full = Problem("Unschedulable", "No node has room.", "Add one.", fatal=True)
    life.cluster.fail_workload(life.store.namespace, WEB, full, grows=True)
    async with running(sandbox.engine()):
        await asyncio.sleep(60)
        store = sandbox.repository.rows[life.store.id].store
        assert store.status is Status.PROVISIONING
        life.cluster.watch_is_deaf = True
        await asyncio.sleep(65)
        store = sandbox.repository.rows[life.store.id].store
    assert (store.status, store.error_message) == (Status.FAILED, "No node has room.")


@virtual_time
async def test_crash_loop_is_given_some_restarts() -> None:
    life = await Life.begin(Sandbox(crash_limit=3))
    crashing = Problem("CrashLoop", "The container crashes.", "Look.", fatal=True, weight=2)
    life.cluster.fail_workload(life.store.namespace, WEB, crashing)
    async with running(life.sandbox.engine()):
        await asyncio.sleep(60)
        store = life.sandbox.repository.rows[life.store.id].store
        assert store.status is Status.PROVISIONING
        workloads = store.condition("WorkloadsReady")
        assert workloads is not None
        assert (workloads.reason, workloads.message) == ("CrashLoop", "The container crashes.")
        worse = Problem("CrashLoop", "The container crashes.", "Look.", fatal=True, weight=3)
        life.cluster.fail_workload(life.store.namespace, WEB, worse)
        await asyncio.sleep(1)
        assert life.sandbox.repository.rows[life.store.id].store.status is Status.FAILED


@virtual_time
async def test_retry_does_not_wait_for_what_the_cluster_had_put_off() -> None:
    """A controller that backed off for a quota tries again when it is nudged."""
    life = await Life.begin()
    life.cluster.fail_workload(life.store.namespace, WEB, NO_ROOM)
    await life.settle()
    life.cluster.recover(life.store.namespace, WEB, put_off=900)
    await life.declare(Declaration.RETRY)
    began = life.sandbox.clock.monotonic()
    assert (await life.settle()).status is Status.READY
    assert life.sandbox.clock.monotonic() - began < 10


@virtual_time
async def test_old_warnings_say_nothing_about_a_retry() -> None:
    life = await Life.begin()
    life.cluster.ready_lag = 50
    async with running(life.sandbox.engine()):
        await asyncio.sleep(1)
        life.cluster.warn(life.store.namespace, NO_ROOM)
        await asyncio.sleep(1)
        assert life.sandbox.repository.rows[life.store.id].store.status is Status.FAILED
        await asyncio.sleep(10)
        await life.declare(Declaration.RETRY)
        await asyncio.sleep(60)
        assert life.sandbox.repository.rows[life.store.id].store.status is Status.READY


@pytest.mark.parametrize("error", [ClusterUnavailable, HelmMissing, ReleaseInterrupted])
def test_transient_error_is_overcome(error: type[Exception]) -> None:
    @virtual_time
    async def scenario() -> None:
        life = await Life.begin()
        life.sandbox.releases.errors["install"] = error
        async with running(life.sandbox.engine()):
            await asyncio.sleep(60)
            store = life.sandbox.repository.rows[life.store.id].store
            assert store.status is Status.PROVISIONING
            assert store.attempts >= 3
            del life.sandbox.releases.errors["install"]
        store = await life.settle()
        assert (store.status, store.attempts, store.fault) == (Status.READY, 0, None)

    scenario()


@virtual_time
async def test_helm_that_was_killed_is_taken_over() -> None:
    life = await Life.begin()
    life.sandbox.releases.install_lag = 100
    async with running(life.sandbox.engine()):
        await asyncio.sleep(5)
    record = life.sandbox.cluster.namespaces[life.store.namespace].releases["my-store"]
    assert record.status is ReleaseStatus.PENDING
    life.sandbox.releases.install_lag = 0
    assert (await life.settle()).status is Status.READY


# -- changing a store ---------------------------------------------------------


@virtual_time
async def test_update_upgrades_the_release() -> None:
    life = await Life.until(Status.READY)
    await life.declare(Declaration.UPDATE, title="New", replicas=2)
    store = await life.settle()
    assert (store.status, store.observed_generation) == (Status.READY, 2)
    record = life.sandbox.cluster.namespaces[store.namespace].releases["my-store"]
    assert (record.revision, record.values["title"]) == (2, "New")


@virtual_time
async def test_update_that_changes_nothing_starts_no_helm() -> None:
    life = await Life.until(Status.READY)
    await life.declare(Declaration.UPDATE, title="Mine")
    assert (await life.settle()).status is Status.READY
    assert life.sandbox.releases.started == 1


@virtual_time
async def test_newer_declaration_during_a_pass_wins() -> None:
    life = await Life.begin()
    life.sandbox.releases.install_lag = 20
    async with running(life.sandbox.engine()):
        await asyncio.sleep(5)
        await life.declare(Declaration.UPDATE, title="Second")
        await asyncio.sleep(100)
    store = life.sandbox.repository.rows[life.store.id].store
    assert (store.status, store.observed_generation) == (Status.READY, 2)
    record = life.sandbox.cluster.namespaces[store.namespace].releases["my-store"]
    assert record.values["title"] == "Second"


@virtual_time
async def test_newer_plugin_does_not_upgrade_unasked() -> None:
    """A ready store keeps its release, whatever the chart has become meanwhile."""
    life = await Life.until(Status.READY)

    class Newer(SampleShop):
        chart = Path("newer-chart")

    newer = Sandbox([Newer()], clock=life.sandbox.clock)
    for port in ("repository", "cluster", "releases", "hosts"):
        setattr(newer, port, getattr(life.sandbox, port))
    assert (await newer.walk(life.store.id)) is not None
    assert life.sandbox.releases.started == 1


# -- a store that was ready ---------------------------------------------------


@virtual_time
async def test_workload_that_fails_degrades_and_recovers() -> None:
    life = await Life.until(Status.DEGRADED)
    assert life.store.error_message == PULLING.message
    life.cluster.recover(life.store.namespace, WEB)
    store = await life.settle(Status.READY)
    assert store.fault is None
    assert life.sandbox.releases.started == 1


@virtual_time
async def test_recovery_is_noticed_though_the_watch_is_deaf() -> None:
    life = await Life.until(Status.DEGRADED, Sandbox(resync_interval=100))
    async with running(life.sandbox.engine()):
        await asyncio.sleep(1)
        life.cluster.watch_is_deaf = True
        life.cluster.recover(life.store.namespace, WEB)
        await asyncio.sleep(1000)
        life.cluster.watch_is_deaf = False
        life.cluster.relist()
        await asyncio.sleep(300)
    assert life.sandbox.repository.rows[life.store.id].store.status is Status.READY


LOSSES = [
    pytest.param(
        lambda life: life.cluster.delete_namespace_by_hand(life.store.namespace), id="namespace"
    ),
    pytest.param(
        lambda life: life.cluster.delete_by_hand(
            life.store.namespace, "Secret", CREDENTIALS_SECRET
        ),
        id="credentials",
    ),
    pytest.param(
        lambda life: life.cluster.delete_release_by_hand(life.store.namespace, "my-store"),
        id="release",
    ),
]


@pytest.mark.parametrize("lose", LOSSES)
def test_lost_data_is_not_papered_over(lose: Callable[[Life], None]) -> None:
    """The store degrades and says so; an empty one takes its place only when asked for."""

    @virtual_time
    async def scenario() -> None:
        life = await Life.until(Status.READY)
        async with running(life.sandbox.engine()):
            await asyncio.sleep(1)
            lose(life)
            await asyncio.sleep(5000)
            store = life.sandbox.repository.rows[life.store.id].store
        assert store.status is Status.DEGRADED
        assert store.fault is not None
        assert store.fault.code == "data-missing"
        assert "retry" in (store.fault.hint or "")
        assert life.sandbox.releases.started == 1
        await life.declare(Declaration.RETRY)
        again = await life.settle(Status.READY)
        assert again.established
        await life.delete()

    scenario()


@virtual_time
async def test_drift_of_guardrails_is_repaired() -> None:
    life = await Life.until(Status.READY)
    async with running(life.sandbox.engine()):
        await asyncio.sleep(1)
        life.cluster.delete_by_hand(life.store.namespace, "ResourceQuota", "store-quota")
        await asyncio.sleep(1)
    objects = life.sandbox.cluster.namespaces[life.store.namespace].objects
    assert ("ResourceQuota", "store-quota") in objects


# -- deleting a store ---------------------------------------------------------


@pytest.mark.parametrize("status", [Status.READY, Status.DEGRADED])
def test_deletion_leaves_nothing(status: Status) -> None:
    @virtual_time
    async def scenario() -> None:
        life = await Life.until(status)
        await life.delete()
        events = life.sandbox.repository.history
        assert events[-1].kind is EventKind.DELETED

    scenario()


@pytest.mark.parametrize("after", [0, 0.5, 3, 8, 12])
def test_deletion_while_provisioning(after: float) -> None:
    @virtual_time
    async def scenario() -> None:
        sandbox = Sandbox()
        sandbox.releases.install_lag, sandbox.cluster.ready_lag = 5, 10
        life = await Life.begin(sandbox)
        async with running(sandbox.engine()):
            await asyncio.sleep(after)
            await life.declare(Declaration.DELETE)
            await asyncio.sleep(100)
        life.nothing_is_left()
        assert not [e for e in sandbox.repository.history if e.status is Status.READY]

    scenario()


@virtual_time
async def test_deletion_while_updating() -> None:
    life = await Life.until(Status.READY)
    life.sandbox.cluster.ready_lag = 1000
    await life.declare(Declaration.UPDATE, title="New")
    async with running(life.sandbox.engine()):
        await asyncio.sleep(5)
    await life.delete()


@virtual_time
async def test_namespace_that_hangs_says_what_holds_it() -> None:
    life = await Life.until(Status.READY)
    life.cluster.block_deletion(life.store.namespace, "example.com/hold")
    await life.declare(Declaration.DELETE)
    async with running(life.sandbox.engine()):
        await asyncio.sleep(500)
        store = life.sandbox.repository.rows[life.store.id].store
        assert store.status is Status.DELETING
        held = store.condition("NamespaceReady")
        assert held is not None
        assert "example.com/hold" in held.message
        life.cluster.unblock_deletion(life.store.namespace)
        await asyncio.sleep(50)
    life.nothing_is_left()


@virtual_time
async def test_deletion_while_the_cluster_is_away() -> None:
    life = await Life.until(Status.READY)
    await life.declare(Declaration.DELETE)
    life.cluster.unavailable = True
    async with running(life.sandbox.engine()):
        await asyncio.sleep(2000)
        store = life.sandbox.repository.rows[life.store.id].store
        assert store.status is Status.DELETING
        assert store.error_message == ClusterUnavailable().message
        life.cluster.unavailable = False
        await asyncio.sleep(400)
    life.nothing_is_left()


@virtual_time
async def test_deletion_of_what_someone_deletes_already() -> None:
    life = await Life.until(Status.READY)
    life.cluster.terminating_lag = 50
    life.cluster.delete_namespace_by_hand(life.store.namespace)
    await life.delete()


@virtual_time
async def test_namespace_of_another_is_left_alone() -> None:
    life = await Life.begin()
    life.cluster.create_namespace_by_hand(life.store.namespace, {LABEL_STORE_ID: "someone"})
    await life.declare(Declaration.DELETE)
    assert await life.sandbox.settle(life.store.id, until=()) is None
    assert life.store.namespace in life.sandbox.cluster.namespaces


@virtual_time
async def test_name_can_be_used_again_after_the_deletion() -> None:
    life = await Life.until(Status.READY)
    await life.delete()
    again = await Life.until(Status.READY, life.sandbox)
    assert again.store.id != life.store.id


# -- secrets ------------------------------------------------------------------


@virtual_time
async def test_nothing_foreign_reaches_users(caplog: pytest.LogCaptureFixture) -> None:
    """A canary in every port's error comes out in the operator's log and nowhere else."""
    life = await Life.begin()
    ports = (life.sandbox.cluster, life.sandbox.releases, life.sandbox.hosts)
    methods = ["namespace", "apply", "create_secret", "get", "install", "workloads", "ensure"]
    with caplog.at_level(logging.INFO):
        for method in methods:
            for port in ports:
                if hasattr(port, method):
                    port.errors[method] = lambda: RuntimeError(CANARY)
            walked = await life.sandbox.walk(life.store.id)
            assert walked is not None
            assert walked.fault is not None
            assert walked.fault.code == "internal-error"
            for port in ports:
                port.errors.clear()
            await asyncio.sleep(10)
        assert (await life.settle()).status is Status.READY
    told = [event.model_dump_json() for event in life.sandbox.repository.history]
    told += [r.getMessage() for r in caplog.records if r.name == "storeorch"]
    assert not [text for text in told if CANARY in text]
    details = [r for r in caplog.records if r.name == "storeorch.operator"]
    assert len(details) == len(methods)
    secrets = life.credentials().values()
    everything = json.dumps(told) + life.store.model_dump_json() + caplog.text
    assert not [secret for secret in secrets if secret in everything]


# -- what may be reached ------------------------------------------------------


def egress_of(life: Life) -> list[dict[str, Any]]:
    namespace = life.cluster.namespaces[life.store.namespace]
    policy = namespace.objects["NetworkPolicy", "allow-egress"]
    return list(policy["spec"]["egress"])


@virtual_time
async def test_pods_reach_nothing_outside_unless_it_is_said() -> None:
    life = await Life.until(Status.READY)
    assert egress_of(life) == []


@virtual_time
async def test_public_addresses_are_a_parameter_and_private_ones_stay_closed() -> None:
    class Selling(SampleShop):
        @override
        def public_egress(self, ctx: StoreContext) -> bool:
            return True

    life = await Life.until(Status.READY, Sandbox([Selling()], egress_allow="10.1.2.0/24"))
    ((first, four, six),) = [rule["to"] for rule in egress_of(life)]
    assert first == {"ipBlock": {"cidr": "10.1.2.0/24"}}
    assert (four["ipBlock"]["cidr"], six["ipBlock"]["cidr"]) == ("0.0.0.0/0", "::/0")
    closed = [ip_network(cidr) for cidr in four["ipBlock"]["except"]]
    for address in ("169.254.169.254", "10.0.0.1", "192.168.1.1", "172.31.0.1", "127.0.0.1"):
        assert any(ip_address(address) in network for network in closed)
    assert not any(ip_address("1.1.1.1") in network for network in closed)
    closed_6 = [ip_network(cidr) for cidr in six["ipBlock"]["except"]]
    for address in ("::1", "fd00:ec2::254", "fe80::1", "64:ff9b::a9fe:a9fe"):
        assert any(ip_address(address) in network for network in closed_6)


@virtual_time
async def test_the_namespace_is_held_to_a_pod_security_standard() -> None:
    life = await Life.until(Status.READY)
    labels = life.cluster.namespaces[life.store.namespace].labels
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
