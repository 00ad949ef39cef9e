"""Drift and loss of a ready store: real engine and steps, ports in memory, virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from storeorch.engine import running
from storeorch.lifecycle import Declaration
from storeorch.models import EventKind, Fault, Status, Store
from storeorch.names import ownership_labels
from storeorch.ports import ReleaseStatus, WorkloadRef
from storeorch.steps.credentials import CREDENTIALS_SECRET
from storeorch.steps.drift import DRIFTED, REPAIRED
from storeorch.steps.memory import Memory
from storeorch.testing import Sandbox, virtual_time
from storeorch.testing.namespace import PARTS
from storeorch.testing.releases import DEFAULT_WORKLOADS
from storeorch.testing.sample import SampleShop

CLAIM = "data-db-0"
SETUP = WorkloadRef("Job", "setup")


class Shop:
    """A store that was ready, and an engine beside it."""

    def __init__(self, sandbox: Sandbox, store: Store) -> None:
        self.sandbox = sandbox
        self.made = store

    def now(self) -> Store:
        return self.sandbox.repository.rows[self.made.id].store

    def fault(self) -> Fault:
        fault = self.now().fault
        assert fault is not None
        return fault

    @property
    def namespace(self) -> str:
        return self.made.namespace

    def events(self, reason: str) -> list[str]:
        return [e.message for e in self.sandbox.repository.history if e.reason == reason]

    def effects(self, verb: str) -> list[str]:
        return [c.what for c in self.sandbox.cluster.journal if c.verb == verb]

    def change(self, kind: str, name: str) -> None:
        self.sandbox.cluster.change_by_hand(self.namespace, kind, name)

    def delete(self, kind: str, name: str) -> None:
        self.sandbox.cluster.delete_by_hand(self.namespace, kind, name)

    def rewrite_memory(self, text: str) -> None:
        self.sandbox.cluster.namespaces[self.namespace].memory = text
        self.sandbox.cluster.changed(self.namespace, always=True)

    async def declare(self, declaration: Declaration, **parameters: object) -> None:
        await self.sandbox.repository.declare(
            self.made.id, declaration, actor="tester", parameters=parameters or None
        )
        await asyncio.sleep(30)


@asynccontextmanager
async def shop(sandbox: Sandbox | None = None) -> AsyncIterator[Shop]:
    sandbox = sandbox or Sandbox()
    store = await sandbox.create("my-store", {"title": "Mine"})
    async with running(sandbox.engine()):
        await asyncio.sleep(30)
        made = Shop(sandbox, store)
        assert made.now().status is Status.READY
        yield made


OBJECTS = [
    ("Service", "web"),
    ("Deployment", "web"),
    ("StatefulSet", "db"),
    ("LimitRange", "store-limits"),
    ("ResourceQuota", "store-quota"),
    ("NetworkPolicy", "default-deny"),
]
RELEASED = [each for each in OBJECTS if each[1] in {"web", "db"}]
GUARDRAILS = [each for each in OBJECTS if each not in RELEASED]


@pytest.mark.parametrize(("kind", "name"), OBJECTS)
@pytest.mark.parametrize("how", ["change", "delete"])
def test_what_somebody_did_is_repaired_and_told(kind: str, name: str, how: str) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop() as it:
            held = it.sandbox.cluster.namespaces[it.namespace]
            before = dict(held.released), dict(held.objects), dict(held.claims)
            getattr(it, how)(kind, name)
            await asyncio.sleep(30)
            assert (held.released, held.objects, held.claims) == before
            assert it.now().status is Status.READY
            (told,) = it.events(REPAIRED)
            assert f"{kind} {name}" in told
            assert it.sandbox.releases.started == 1, "no Helm for the repair of one object"
            if (kind, name) in RELEASED:
                assert it.effects("restore") == [f"{kind}/{name}"]

    scenario()


@pytest.mark.parametrize(("kind", "name"), OBJECTS)
@pytest.mark.parametrize("how", ["change", "delete"])
def test_or_reported_and_left_alone(kind: str, name: str, how: str) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop(Sandbox(drift="report")) as it:
            getattr(it, how)(kind, name)
            held = it.sandbox.cluster.namespaces[it.namespace]
            left = dict(held.released), dict(held.objects)
            effects = len(it.sandbox.cluster.journal)
            await asyncio.sleep(30)
            assert (held.released, held.objects) == left
            changed = it.sandbox.cluster.journal[effects:]
            assert [c.verb for c in changed if c.verb != "remember"] == []
            step = "ReleaseInstalled" if (kind, name) in RELEASED else "GuardrailsReady"
            condition = it.now().condition(step)
            assert condition is not None
            assert (condition.status, condition.reason) == (True, DRIFTED)
            assert f"{kind} {name}" in condition.message
            assert it.events(DRIFTED) == [condition.message]

    scenario()


@virtual_time
async def test_more_drift_is_reported_once_each() -> None:
    async with shop(Sandbox(drift="report", resync_interval=60)) as it:
        it.change("Service", "web")
        await asyncio.sleep(200)
        it.delete("Service", "db")
        await asyncio.sleep(200)
        assert it.events(DRIFTED) == [
            "Service web was changed by someone.",
            "Service db was deleted by someone. Service web was changed by someone.",
        ]


@virtual_time
async def test_retry_repairs_what_was_only_reported() -> None:
    async with shop(Sandbox(drift="report")) as it:
        it.change("Deployment", "web")
        it.sandbox.cluster.namespaces[it.namespace].workloads.clear()
        it.sandbox.cluster.changed(it.namespace)
        await asyncio.sleep(30)
        assert it.now().status is Status.DEGRADED
        it.delete("StatefulSet", "db")
        await it.declare(Declaration.RETRY)
        assert it.now().status is Status.READY
        assert sorted(it.effects("restore")) == ["Deployment/web", "StatefulSet/db"]
        assert it.sandbox.releases.started == 1


@virtual_time
async def test_what_needs_nothing_is_known_by_what_was_watched() -> None:
    async with shop(Sandbox(resync_interval=10)) as it:
        await asyncio.sleep(60)
        before = dict(it.sandbox.cluster.calls), dict(it.sandbox.releases.calls)
        effects = len(it.sandbox.cluster.journal)
        await asyncio.sleep(600)
        cluster, releases = it.sandbox.cluster.calls, it.sandbox.releases.calls
        asked = {name for name in cluster if cluster[name] > before[0].get(name, 0)}
        asked |= {name for name in releases if releases[name] > before[1].get(name, 0)}
        assert asked == {
            "namespace",
            "memory",
            "apply",
            "fingerprints",
            "claims",
            "get",
            "workloads",
        }
        assert len(it.sandbox.cluster.journal) == effects


@virtual_time
async def test_who_goes_on_changing_things_is_not_fought_without_end() -> None:
    async with shop() as it:
        for _ in range(20):
            it.change("Service", "web")
            await asyncio.sleep(20)
        assert it.effects("restore") == ["Service/web"] * 5
        it.change("Service", "db")
        await asyncio.sleep(20)
        assert it.effects("restore")[5:] == ["Service/db"], "others are not made to wait"
        (told,) = it.events(DRIFTED)
        assert told.endswith("It happens again and again, so the repair waits.")
        await asyncio.sleep(600)
        assert it.effects("restore")[6:] == ["Service/web"]
        assert it.now().status is Status.READY
        condition = it.now().condition("ReleaseInstalled")
        assert condition is not None
        assert condition.reason == "Done"


@virtual_time
async def test_what_is_changed_before_the_store_is_ready_is_repaired_too() -> None:
    sandbox = Sandbox()
    sandbox.cluster.ready_lag = 20
    store = await sandbox.create("my-store")
    async with running(sandbox.engine()):
        await asyncio.sleep(10)
        sandbox.cluster.change_by_hand(store.namespace, "Service", "web")
        await asyncio.sleep(60)
    assert [c.what for c in sandbox.cluster.journal if c.verb == "restore"] == ["Service/web"]


@virtual_time
async def test_what_is_deleted_before_the_store_is_ready_is_made_again() -> None:
    sandbox = Sandbox()
    sandbox.cluster.ready_lag = 20
    store = await sandbox.create("my-store")
    async with running(sandbox.engine()):
        await asyncio.sleep(10)
        sandbox.cluster.delete_by_hand(store.namespace, "Deployment", "web")
        await asyncio.sleep(60)
    assert sandbox.repository.rows[store.id].store.status is Status.READY
    assert sandbox.releases.started == 1


@pytest.mark.parametrize("lag", [0, 0.5, 3])
def test_an_upgrade_is_no_drift(lag: float) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop() as it:
            it.sandbox.cluster.watch_lag = lag
            for title in ("Other", "Third"):
                await it.declare(Declaration.UPDATE, title=title)
                await asyncio.sleep(60)
                assert it.now().status is Status.READY
            assert it.effects("restore") == []
            assert it.events(REPAIRED) == it.events(DRIFTED) == []
            assert it.sandbox.releases.started == 3

    scenario()


# -- the release ----------------------------------------------------------------


def by_hand(it: Shop, digest: str | None) -> None:
    """Upgrade or roll back as a person would with Helm, which hands on labels, or does not."""
    record = it.sandbox.cluster.namespaces[it.namespace].releases["my-store"]
    record.revision += 1
    record.digest = digest if digest != "same" else record.digest
    it.sandbox.cluster.changed(it.namespace)


@pytest.mark.parametrize("digest", [None, "of-another-revision", "same"])
@pytest.mark.parametrize("drift", ["repair", "report"])
def test_a_release_that_somebody_upgraded(digest: str | None, drift: str) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop(Sandbox(drift=drift)) as it:
            by_hand(it, digest)
            await asyncio.sleep(60)
            assert it.now().status is Status.READY
            assert it.sandbox.releases.started == (2 if drift == "repair" else 1)
            (told,) = it.events(REPAIRED if drift == "repair" else DRIFTED)
            assert "The Helm release my-store was changed by someone." in told

    scenario()


# -- the namespace --------------------------------------------------------------


@pytest.mark.parametrize("drift", ["repair", "report"])
def test_ownership_labels_that_somebody_took_away(drift: str) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop(Sandbox(drift=drift)) as it:
            it.sandbox.cluster.change_labels_by_hand(it.namespace)
            await asyncio.sleep(30)
            owner = it.sandbox.cluster.namespaces[it.namespace].owner_id
            if drift == "repair":
                assert owner == it.made.id
                assert it.now().status is Status.READY
                (told,) = it.events(REPAIRED)
                assert "Ownership labels" in told
            else:
                assert owner is None
                assert it.now().status is Status.DEGRADED
                assert it.fault().code == "namespace-not-ours"

    scenario()


@pytest.mark.parametrize("drift", ["repair", "report"])
def test_the_label_with_the_name(drift: str) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop(Sandbox(drift=drift)) as it:
            labels = ownership_labels("other", it.made.id)
            it.sandbox.cluster.change_labels_by_hand(it.namespace, labels)
            await asyncio.sleep(30)
            assert it.now().status is Status.READY
            held = it.sandbox.cluster.namespaces[it.namespace]
            repaired = held.labels == ownership_labels("my-store", it.made.id)
            assert repaired is (drift == "repair")
            assert len(it.events(REPAIRED if repaired else DRIFTED)) == 1

    scenario()


@virtual_time
async def test_a_namespace_that_was_given_to_another_is_left_alone() -> None:
    async with shop() as it:
        labels = ownership_labels("other", "of-another")
        it.sandbox.cluster.change_labels_by_hand(it.namespace, labels)
        await asyncio.sleep(30)
        assert it.now().status is Status.DEGRADED
        assert it.sandbox.cluster.namespaces[it.namespace].labels == labels


@virtual_time
async def test_a_namespace_without_labels_goes_with_its_store() -> None:
    async with shop(Sandbox(drift="report")) as it:
        it.sandbox.cluster.change_labels_by_hand(it.namespace)
        await asyncio.sleep(30)
        await it.sandbox.repository.declare(it.made.id, Declaration.DELETE, actor="tester")
        await asyncio.sleep(60)
        assert it.sandbox.cluster.namespaces == {}
        assert it.sandbox.repository.rows == {}


@virtual_time
async def test_a_namespace_that_nothing_shows_to_be_ours_stays() -> None:
    async with shop() as it:
        it.sandbox.cluster.namespaces[it.namespace].kept_owner = None
        it.sandbox.cluster.change_labels_by_hand(it.namespace)
        await it.sandbox.repository.declare(it.made.id, Declaration.DELETE, actor="tester")
        await asyncio.sleep(60)
        assert it.namespace in it.sandbox.cluster.namespaces
        assert it.sandbox.repository.rows == {}


@virtual_time
async def test_a_namespace_that_somebody_deletes_names_what_holds_it() -> None:
    async with shop() as it:
        it.sandbox.cluster.block_deletion(it.namespace, "example.com/backup")
        it.sandbox.cluster.delete_namespace_by_hand(it.namespace)
        await asyncio.sleep(30)
        assert it.now().status is Status.DEGRADED
        assert "example.com/backup" in it.fault().message


# -- data -----------------------------------------------------------------------


LOSSES: list[tuple[str, Callable[[Shop], None], str]] = [
    ("gone", lambda it: it.delete("PersistentVolumeClaim", CLAIM), "gone"),
    ("anew", lambda it: it.sandbox.cluster.lose_volume(it.namespace, CLAIM), "made anew"),
    ("changed", lambda it: it.change("Secret", CREDENTIALS_SECRET), "credentials"),
]


@pytest.mark.parametrize("drift", ["repair", "report"])
@pytest.mark.parametrize(
    ("lose", "says"), [each[1:] for each in LOSSES], ids=["gone", "anew", "secret"]
)
def test_lost_data_is_told_and_accepted_only_on_request(
    lose: Callable[[Shop], None], says: str, drift: str
) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop(Sandbox(drift=drift)) as it:
            lose(it)
            await asyncio.sleep(5000)
            assert it.now().status is Status.DEGRADED
            fault = it.fault()
            assert fault.code == "data-missing"
            assert says in fault.message
            assert "retry" in (fault.hint or "")
            await it.declare(Declaration.RETRY)
            await asyncio.sleep(5000)
            assert (it.now().status, it.now().fault) == (Status.READY, None)

    scenario()


@pytest.mark.parametrize("lost", [True, False])
def test_what_sets_up_a_lost_volume_runs_again(*, lost: bool) -> None:
    @virtual_time
    async def scenario() -> None:
        sandbox = Sandbox()
        sandbox.releases.charts[SampleShop.chart.name] = [*DEFAULT_WORKLOADS, SETUP]
        async with shop(sandbox) as it:
            if lost:
                it.sandbox.cluster.lose_volume(it.namespace, CLAIM)
            else:
                it.change("Secret", CREDENTIALS_SECRET)
            await asyncio.sleep(60)
            await it.declare(Declaration.RETRY)
            removed = [what for what in it.effects("delete") if what.startswith("Job/")]
            assert removed == (["Job/setup"] if lost else [])
            assert it.now().status is Status.READY
            assert it.events(REPAIRED) == (["Job setup was missing. Restored."] if lost else [])
            await it.declare(Declaration.UPDATE, title="Other")
            assert len(it.effects("restore")) == len(removed), "it has run since"

    scenario()


@pytest.mark.parametrize("lose", [each[1] for each in LOSSES], ids=[each[0] for each in LOSSES])
def test_an_update_does_not_accept_the_loss(lose: Callable[[Shop], None]) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop() as it:
            lose(it)
            await it.declare(Declaration.UPDATE, title="Other")
            assert it.now().status is Status.FAILED
            assert it.fault().code == "data-missing"
            assert it.sandbox.releases.started == 1
            await it.declare(Declaration.RETRY)
            assert it.now().status is Status.READY
            assert it.sandbox.releases.started == 2

    scenario()


LATE = [{"releases"}, {"namespaces", "releases"}, {"claims", "namespaces", "releases"}, set(PARTS)]


@pytest.mark.parametrize("late", LATE, ids=lambda late: "+".join(sorted(late)))
def test_an_update_is_not_undone_by_a_watch_that_lags_behind(late: set[str]) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop(Sandbox(resync_interval=20)) as it:
            held = it.sandbox.cluster.namespaces[it.namespace]
            before = dict(held.released)
            it.sandbox.cluster.deaf_to |= late
            await it.declare(Declaration.UPDATE, title="Other")
            assert (it.now().status, it.now().observed_generation) == (Status.READY, 2)
            made = dict(held.released)
            assert not set(map(str, made.values())) & set(map(str, before.values()))
            await asyncio.sleep(100)
            assert (held.released, it.effects("restore")) == (made, [])
            it.change("Deployment", "web")
            await asyncio.sleep(100)
            it.sandbox.cluster.deaf_to -= late
            it.sandbox.cluster.relist()
            await asyncio.sleep(100)
            assert (held.released, it.effects("restore")) == (made, ["Deployment/web"])
            assert (it.now().status, it.sandbox.releases.started) == (Status.READY, 2)

    scenario()


@virtual_time
async def test_a_release_that_is_gone_is_not_installed_by_an_update() -> None:
    async with shop() as it:
        it.sandbox.cluster.delete_release_by_hand(it.namespace, "my-store")
        await it.declare(Declaration.UPDATE, title="Other")
        assert it.now().status is Status.FAILED
        assert it.sandbox.releases.started == 1


@virtual_time
async def test_an_unfinished_release_is_not_upgraded_over_a_lost_volume() -> None:
    async with shop() as it:
        it.sandbox.cluster.lose_volume(it.namespace, CLAIM)
        it.sandbox.releases.set_status(it.namespace, "my-store", ReleaseStatus.PENDING)
        await asyncio.sleep(60)
        assert it.now().status is Status.DEGRADED
        assert it.sandbox.releases.started == 1


@pytest.mark.parametrize("text", ["", "{", '{"objects": 7}'])
def test_a_memory_that_is_lost_is_made_anew(text: str) -> None:
    @virtual_time
    async def scenario() -> None:
        async with shop() as it:
            kept = it.sandbox.cluster.namespaces[it.namespace].memory
            it.rewrite_memory(text)
            await asyncio.sleep(30)
            assert it.sandbox.cluster.namespaces[it.namespace].memory == kept
            assert it.now().status is Status.READY
            assert it.effects("restore") == []

    scenario()


@virtual_time
async def test_a_claim_that_is_new_is_kept_in_mind() -> None:
    async with shop() as it:
        it.sandbox.cluster.namespaces[it.namespace].claims.clear()
        it.rewrite_memory("")
        await asyncio.sleep(30)
        it.sandbox.cluster.lose_volume(it.namespace, CLAIM)
        await asyncio.sleep(30)
        assert it.now().status is Status.READY, "it had none before, as far as is known"
        it.sandbox.cluster.lose_volume(it.namespace, CLAIM)
        await asyncio.sleep(30)
        assert it.now().status is Status.DEGRADED


@virtual_time
async def test_a_watch_that_lags_behind_invents_no_loss() -> None:
    sandbox = Sandbox()
    sandbox.cluster.watch_lag = 3
    async with shop(sandbox) as it:
        it.delete("Secret", CREDENTIALS_SECRET)
        it.sandbox.cluster.lose_volume(it.namespace, CLAIM)
        await asyncio.sleep(30)
        assert it.now().status is Status.DEGRADED
        seen = len(sandbox.repository.history)
        await it.declare(Declaration.RETRY)
        await asyncio.sleep(60)
        assert it.now().status is Status.READY
        later = [e for e in sandbox.repository.history[seen:] if e.kind is EventKind.ERROR]
        assert later == []


@virtual_time
async def test_who_fights_for_an_object_does_not_keep_a_store_from_becoming_ready() -> None:
    async with shop() as it:
        await it.sandbox.repository.declare(
            it.made.id, Declaration.UPDATE, actor="tester", parameters={"title": "Other"}
        )
        for _ in range(300):
            it.change("Deployment", "web")
            await asyncio.sleep(0.1)
        assert it.now().status is Status.READY
        assert len(it.effects("restore")) <= 7


def test_the_memory_of_what_was_repaired_survives_a_restart() -> None:
    memory = Memory(repairs={"Service/web": (1, 2)}, claims={"data": "u"})
    assert Memory.model_validate_json(memory.model_dump_json(exclude_defaults=True)) == memory
