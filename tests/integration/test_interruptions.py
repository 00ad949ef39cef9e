"""Deletion in between, killed engines, interrupted waits: nothing is lost, nothing is left."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence

import pytest

from storeorch import Orchestrator, Status, Store
from storeorch.errors import NameTaken, StoreIsDeleting, WaitTimeout
from storeorch.models import EventKind

from .api import PATIENCE, Api, Json
from .workplace import HOSTS, Workplace, assert_gone, condition, seen

pytestmark = pytest.mark.cluster

SLOW = ("--type", "probe", "--set", "simulate=slow")
OF_HELM = "labelSelector=owner%3Dhelm"


class Gate:
    """What a hook of the probe's chart waits for."""

    def __init__(self, api: Api) -> None:
        self.name = f"gate-{uuid.uuid4().hex[:8]}"
        self._api = api

    def open(self) -> None:
        """Let the hooks end at once that are started from now on."""
        path = "/api/v1/namespaces/default/configmaps"
        self._api.create(path, {"metadata": {"name": self.name}})

    def remove(self) -> None:
        self._api.delete(f"/api/v1/namespaces/default/configmaps/{self.name}")


@pytest.fixture
def gates(api: Api) -> Iterator[tuple[Gate, Gate]]:
    made = Gate(api), Gate(api)
    yield made
    for gate in made:
        gate.remove()


async def pods_arrive(api: Api, store: Store) -> None:
    """Let the pods run that a simulated node is slow to start."""
    path = f"/api/v1/namespaces/{store.namespace}/pods"
    for pod in await api.until(path, bool):
        patch = {"metadata": {"annotations": {"storeorch.io/simulate": None}}}
        api.merge(f"{path}/{pod['metadata']['name']}", patch)


async def helm_is_busy(api: Api, store: Store, status: str) -> None:
    """Wait until Helm is in the midst of its work on a store."""

    def pending(secrets: Sequence[Json]) -> bool:
        return any(each["metadata"]["labels"]["status"] == status for each in secrets)

    await api.until(f"/api/v1/namespaces/{store.namespace}/secrets", pending, select=OF_HELM)


async def becomes_ready(o: Orchestrator, name: str) -> Store:
    store = await o.wait(name, timeout=PATIENCE)
    assert store is not None
    assert store.status is Status.READY
    return store


# -- deletion -----------------------------------------------------------------


async def test_a_store_whose_pods_are_starting_can_be_deleted(workplace: Workplace) -> None:
    async with workplace.orchestrator() as o:
        images = {"wordpress": {"image": "registry.invalid/slow:1"}}
        await o.create("my-store", type="woocommerce", parameters=images)
        store = await seen(o, "my-store", lambda store: store.condition("WorkloadsReady"))
        assert store.status is Status.PROVISIONING
        assert condition(store, "ReleaseInstalled").status

        await o.delete("my-store")
        assert await o.wait(store.id, timeout=PATIENCE) is None
        await assert_gone(store, workplace)
        assert "Ready" not in {event.reason for event in await o.events(store.id)}


async def test_a_store_can_be_deleted_while_helm_works_on_it(
    workplace: Workplace, api: Api, gates: tuple[Gate, Gate]
) -> None:
    async with workplace.orchestrator() as o:
        store = await o.create("my-store", type="probe", parameters={"gate": gates[0].name})
        await helm_is_busy(api, store, "pending-install")
        await o.delete("my-store")
        await pods_arrive(api, store)
        assert await o.wait(store.id, timeout=PATIENCE) is None
        await assert_gone(store, workplace)
        transitions = [
            event.reason
            for event in await o.events(store.id)
            if event.kind in {EventKind.TRANSITION, EventKind.ERROR}
        ]
        assert transitions == []


async def test_a_name_is_free_again_only_when_its_store_is_gone(
    workplace: Workplace, api: Api
) -> None:
    async with workplace.orchestrator() as o:
        first = await o.create("my-store", type="probe")
        await becomes_ready(o, "my-store")
        with pytest.raises(NameTaken):
            await o.create("my-store", type="probe")

        held = f"/api/v1/namespaces/{first.namespace}/configmaps"
        metadata = {"name": "held", "finalizers": ["example.com/hold"]}
        api.create(held, {"metadata": metadata})
        await o.delete("my-store")
        store = await seen(
            o, "my-store", lambda store: "finalizer" in condition(store, "NamespaceReady").message
        )
        assert condition(store, "NamespaceReady").message == (
            f"The namespace {first.namespace} is being deleted. "
            "It is held by finalizer example.com/hold on ConfigMap held."
        )
        with pytest.raises(StoreIsDeleting) as conflict:
            await o.create("my-store", type="medusa")
        assert conflict.value.message == "The store my-store is still being deleted."
        assert conflict.value.hint
        with pytest.raises(StoreIsDeleting):
            await o.update("my-store", parameters={"replicas": 2})
        with pytest.raises(StoreIsDeleting):
            await o.retry("my-store")
        with pytest.raises(WaitTimeout):
            await o.wait("my-store", timeout=0.1)
        assert (await o.delete("my-store")).status is Status.DELETING

        api.merge(f"{held}/held", {"metadata": {"finalizers": None}})
        assert await o.wait(first.id, timeout=PATIENCE) is None
        await assert_gone(first, workplace)

        second = await o.create("my-store", type="probe")
        assert second.id != first.id
        assert second.namespace != first.namespace
        await becomes_ready(o, "my-store")


# -- killed engines -----------------------------------------------------------


async def test_an_engine_that_is_killed_while_helm_runs_is_made_good_by_the_next(
    workplace: Workplace, api: Api, gates: tuple[Gate, Gate]
) -> None:
    workplace.install_probe()
    short = {"STOREORCH_LEASE_DURATION": "2"}
    installing, upgrading = gates
    async with workplace.orchestrator(engine=False) as o:
        async with workplace.engine(**short) as engine:
            parameters = {"gate": installing.name}
            store = await o.create("my-store", type="probe", parameters=parameters)
            await helm_is_busy(api, store, "pending-install")
            await engine.kill()
        assert api.revisions(store.namespace) == [("1", "pending-install")]
        assert (await o.get("my-store")).status is Status.PROVISIONING

        installing.open()
        async with workplace.engine(**short) as engine:
            await becomes_ready(o, "my-store")
            assert api.revisions(store.namespace)[-1] == ("2", "deployed")
            credentials = api.secret(store.namespace, "store-credentials")

            await o.update("my-store", parameters={"gate": upgrading.name})
            await helm_is_busy(api, store, "pending-upgrade")
            await engine.kill()
        assert api.revisions(store.namespace)[-1] == ("3", "pending-upgrade")
        assert (await o.get("my-store")).status is Status.UPDATING

        upgrading.open()
        async with workplace.engine(**short):
            await becomes_ready(o, "my-store")
        statuses = [status for _, status in api.revisions(store.namespace)]
        assert statuses[-1] == "deployed"
        assert statuses.count("deployed") == 1
        assert not any("pending" in status for status in statuses)
        assert api.secret(store.namespace, "store-credentials") == credentials


# -- engines that are told to end ---------------------------------------------

FOR_EVER = {"STOREORCH_LEASE_DURATION": "1h"}
"""With such leases another engine goes on only where they were given back."""


def leases(workplace: Workplace) -> list[tuple[str | None]]:
    return workplace.rows("SELECT lease_owner FROM stores")


async def test_an_engine_that_is_told_to_end_finishes_what_it_does(
    workplace: Workplace, api: Api, gates: tuple[Gate, Gate]
) -> None:
    workplace.install_probe()
    environ = {**FOR_EVER, "STOREORCH_SHUTDOWN_GRACE": "1h"}
    async with workplace.orchestrator(engine=False) as o, workplace.engine(**environ) as engine:
        store = await o.create("my-store", type="probe", parameters={"gate": gates[0].name})
        await helm_is_busy(api, store, "pending-install")
        engine.process.terminate()
        await engine.says("Stopping: what is being done is finished first.")
        later = await o.create("later", type="probe")
        await pods_arrive(api, store)
        assert (await engine.ended()).code == 0
        assert api.revisions(store.namespace) == [("1", "deployed")]
        assert leases(workplace) == [(None,), (None,)]
        assert [event.reason for event in await o.events(later.id)] == ["Create"]
        async with workplace.engine(**environ):
            await becomes_ready(o, "my-store")
            await becomes_ready(o, "later")
        assert api.revisions(store.namespace) == [("1", "deployed")]


async def test_an_engine_that_is_told_to_end_gives_up_in_time_what_it_does(
    workplace: Workplace, api: Api, gates: tuple[Gate, Gate]
) -> None:
    workplace.install_probe()
    environ = {**FOR_EVER, "STOREORCH_SHUTDOWN_GRACE": "0.5"}
    async with workplace.orchestrator(engine=False) as o:
        async with workplace.engine(**environ) as engine:
            store = await o.create("my-store", type="probe", parameters={"gate": gates[0].name})
            await helm_is_busy(api, store, "pending-install")
            engine.process.terminate()
            assert (await engine.ended()).code == 0
        assert api.revisions(store.namespace) == [("1", "failed")], "Helm was to be told to end"
        assert leases(workplace) == [(None,)]
        gates[0].open()
        async with workplace.engine(**environ):
            await becomes_ready(o, "my-store")


async def test_an_engine_that_is_told_twice_ends_at_once_and_the_next_repairs(
    workplace: Workplace, api: Api, gates: tuple[Gate, Gate]
) -> None:
    workplace.install_probe()
    environ = {**FOR_EVER, "STOREORCH_SHUTDOWN_GRACE": "1h"}
    async with workplace.orchestrator(engine=False) as o:
        async with workplace.engine(**environ) as engine:
            store = await o.create("my-store", type="probe", parameters={"gate": gates[0].name})
            await helm_is_busy(api, store, "pending-install")
            engine.process.terminate()
            await engine.says("Stopping: what is being done is finished first.")
            engine.process.terminate()
            ended = await engine.ended()
        assert (ended.code, ended.sentences()[-1]) == (130, "Interrupted.")
        assert leases(workplace) == [(None,)]
        gates[0].open()
        async with workplace.engine(**environ):
            await becomes_ready(o, "my-store")
        statuses = [status for _, status in api.revisions(store.namespace)]
        assert statuses[-1] == "deployed"
        assert not any("pending" in status for status in statuses)


# -- interrupted waits --------------------------------------------------------


async def test_an_interrupted_wait_leaves_the_work_to_the_engine(
    workplace: Workplace, api: Api
) -> None:
    workplace.install_probe()
    async with workplace.engine(), workplace.orchestrator(engine=False) as o:
        arguments = ("store", "create", "my-store", *SLOW, "--wait")
        async with workplace.running(*arguments) as create:
            await create.says("my-store")
            create.interrupt()
            ended = await create.ended()
        assert (ended.code, ended.out) == (130, "")
        assert "The work goes on. Wait for it again with: storeorch store wait my-store" in (
            ended.err
        )
        assert ended.sentences()[-1] == "Interrupted."

        timed_out = await workplace.cli("store", "wait", "my-store", "--timeout", "1s")
        assert (timed_out.code, timed_out.out) == (3, "")
        assert "Error: The wait timed out after 1.0s; nothing was cancelled." in timed_out.err
        assert "Hint: The work goes on." in timed_out.err

        store = await o.get("my-store")
        assert store.generation == 1
        await pods_arrive(api, store)
        await becomes_ready(o, "my-store")
        assert api.revisions(store.namespace) == [("1", "deployed")]


async def test_without_an_engine_an_interrupted_wait_can_be_taken_up_again(
    workplace: Workplace, api: Api
) -> None:
    workplace.install_probe()
    arguments = ("store", "create", "my-store", *SLOW, "--wait")
    async with workplace.orchestrator(engine=False) as o:
        async with workplace.running(*arguments) as create:
            # Its engine has done all that it could do, and waits.
            await create.says("workloads")
            create.interrupt()
            ended = await create.ended()
        assert (ended.code, ended.out) == (130, "")
        assert "Nothing is lost. Go on with: storeorch store wait my-store" in ended.err
        assert not await o.engine_running(), "it was to sign off"
        store = await o.get("my-store")
        assert store.status is Status.PROVISIONING

        timed_out = await workplace.cli("store", "wait", "my-store", "--timeout", "1s")
        assert timed_out.code == 3
        assert "Hint: Nothing is lost." in timed_out.err

        await pods_arrive(api, store)
        waited = await workplace.cli("store", "wait", "my-store")
        assert (waited.code, waited.out) == (
            0,
            "store/my-store ready http://my-store.local.test\n",
        )
        assert api.revisions(store.namespace) == [("1", "deployed")]


async def test_a_wait_that_is_interrupted_while_helm_runs_is_continued_by_an_engine(
    workplace: Workplace, api: Api, gates: tuple[Gate, Gate]
) -> None:
    workplace.install_probe()
    gate = gates[0]
    arguments = ("--type", "probe", "--set", f"gate={gate.name}", "--wait")
    async with workplace.orchestrator(engine=False) as o:
        async with workplace.running("store", "create", "my-store", *arguments) as create:
            await create.says("my-store")
            store = await o.get("my-store")
            await helm_is_busy(api, store, "pending-install")
            create.interrupt()
            ended = await create.ended()
        assert ended.code == 130
        assert api.revisions(store.namespace) == [("1", "failed")], "Helm was to be told to end"
        assert workplace.hosts.read_bytes() == HOSTS

        gate.open()
        async with workplace.engine():
            await becomes_ready(o, "my-store")
            async with workplace.running("store", "watch", "my-store") as watch:
                await asyncio.gather(o.delete("my-store"), watch.process.wait())
                assert (await watch.ended()).code == 0
        await assert_gone(store, workplace)
