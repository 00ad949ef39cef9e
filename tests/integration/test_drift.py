"""What somebody deletes or changes of a ready store is seen by watch, and repaired or reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from storeorch import Orchestrator, Status, Store
from storeorch.kube.connection import Connection
from storeorch.kube.resources import Call
from storeorch.models import Claim, Event, Fault
from storeorch.reconciler import Reconciler
from storeorch.steps.credentials import CREDENTIALS
from storeorch.steps.drift import DRIFTED, REPAIRED

from . import shelf
from .api import MERGE, NAMESPACED_KINDS, PATIENCE, Api, Json
from .by_hand import ApiByHand
from .workplace import Workplace, condition, seen

pytestmark = pytest.mark.cluster

ADDED: Final = {"metadata": {"annotations": {"example.com/added": "by others"}}}


@dataclass(frozen=True)
class Change:
    """What somebody does to one object.

    Attributes:
        plural: Its kind, in the plural.
        name: Its name.
        patch: A merge patch; None deletes it.
        holds: Says whether the object is as its manifest says.
        says: What the event says.
    """

    plural: str
    name: str
    patch: Json | None
    holds: Callable[[Json], bool]
    says: str

    def path(self, store: Store) -> str:
        return f"{NAMESPACED_KINDS[self.plural]}/namespaces/{store.namespace}/{self.plural}"


def there(_: Json) -> bool:
    return True


def port(number: int) -> Callable[[Json], bool]:
    return lambda service: [each["port"] for each in service["spec"]["ports"]] == [number]


CHANGES: Final = [
    Change("configmaps", "settings", None, there, "ConfigMap settings was deleted"),
    Change(
        "configmaps",
        "settings",
        {"data": {"greeting": "bye", "more": "x"}},
        lambda it: it["data"] == {"greeting": "hello", "opens": "12:30"},
        "ConfigMap settings was changed",
    ),
    Change("secrets", "token", None, there, "Secret token was deleted"),
    Change(
        "secrets",
        "token",
        {"stringData": {"token": "other"}},
        lambda it: it["data"] == {"token": "bm90LWEtc2VjcmV0"},
        "Secret token was changed",
    ),
    Change("serviceaccounts", "web", None, there, "ServiceAccount web was deleted"),
    Change(
        "serviceaccounts",
        "web",
        {"automountServiceAccountToken": True},
        lambda it: it["automountServiceAccountToken"] is False,
        "ServiceAccount web was changed",
    ),
    Change("services", "web", None, port(80), "Service web was deleted"),
    Change(
        "services",
        "web",
        {"spec": {"ports": [{"name": "http", "port": 8080}]}},
        port(80),
        "Service web was changed",
    ),
    Change(
        "services",
        "web",
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}},
        lambda it: it["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm",
        "Service web was changed",
    ),
    Change("ingresses", "web", None, there, "Ingress web was deleted"),
    Change(
        "ingresses",
        "web",
        {"spec": {"rules": [{"host": "elsewhere.test"}]}},
        lambda it: it["spec"]["rules"][0]["host"] == "my-store.local.test",
        "Ingress web was changed",
    ),
    Change("deployments", "web", None, there, "Deployment web was deleted"),
    Change(
        "deployments",
        "web",
        {"spec": {"replicas": 3}},
        lambda it: it["spec"]["replicas"] == 1,
        "Deployment web was changed",
    ),
    Change("statefulsets", "db", None, there, "StatefulSet db was deleted"),
    Change(
        "statefulsets",
        "db",
        {"spec": {"replicas": 0}},
        lambda it: it["spec"]["replicas"] == 1,
        "StatefulSet db was changed",
    ),
    Change("jobs", "migrate", None, there, "Job migrate was deleted"),
]

GUARDRAILS: Final = [
    Change("limitranges", "store-limits", None, there, "LimitRange store-limits"),
    Change(
        "resourcequotas",
        "store-quota",
        {"spec": {"hard": {"limits.cpu": "400"}}},
        lambda it: it["spec"]["hard"]["limits.cpu"] == "4",
        "ResourceQuota store-quota",
    ),
    Change("networkpolicies", "default-deny", None, there, "NetworkPolicy default-deny"),
    Change(
        "networkpolicies",
        "allow-dns",
        {"spec": {"egress": [{}]}},
        lambda it: it["spec"]["egress"] != [{}],
        "NetworkPolicy allow-dns",
    ),
]


@asynccontextmanager
async def shop(workplace: Workplace, **settings: Any) -> AsyncIterator[tuple[Orchestrator, Store]]:
    """Return a ready store, and an engine that has nothing to do any more."""
    plugins = workplace.plugins(shelf)
    async with workplace.orchestrator(plugins=plugins, **settings) as o:
        await o.create("my-store", type="shelf")
        yield o, await ready(o)


async def ready(o: Orchestrator) -> Store:
    store = await o.wait("my-store", timeout=PATIENCE)
    assert store is not None
    assert (store.status, store.fault) == (Status.READY, None)
    return store


async def told(o: Orchestrator, reason: str, says: str) -> Event:
    """Wait until the history has an event with that reason that says so."""
    found: list[Event] = []

    async def look() -> bool:
        found[:] = [
            each
            for each in await o.events("my-store")
            if each.reason == reason and says in each.message
        ]
        return bool(found)

    if not await look():
        async for _ in o.watch("my-store"):
            if await look():
                break
    return found[0]


def interfere(api: Api, store: Store, change: Change) -> None:
    path = f"{change.path(store)}/{change.name}"
    if change.patch is None:
        api.delete(path)
    else:
        api.call("PATCH", f"{path}?fieldManager=kubectl-edit", change.patch, kind=MERGE)


async def as_stated(api: Api, store: Store, change: Change, uid: str) -> None:
    def holds(objects: Sequence[Json]) -> bool:
        found = [each for each in objects if each["metadata"]["name"] == change.name]
        return any(
            (change.patch is not None or each["metadata"]["uid"] != uid) and change.holds(each)
            for each in found
        )

    await api.until(change.path(store), holds)


def uid_of(api: Api, store: Store, change: Change) -> str:
    found = api.get(f"{change.path(store)}/{change.name}")
    assert found is not None
    uid: str = found["metadata"]["uid"]
    return uid


async def test_each_object_is_repaired_by_itself(workplace: Workplace, api: Api) -> None:
    async with shop(workplace) as (o, store):
        started = workplace.helm_started
        claims = {
            each["metadata"]["uid"]
            for each in api.within(store.namespace, "persistentvolumeclaims")
        }
        for change in [*CHANGES, *GUARDRAILS]:
            uid = uid_of(api, store, change)
            interfere(api, store, change)
            await as_stated(api, store, change, uid)
            await told(o, REPAIRED, change.says)
        await seen(o, "my-store", lambda store: store.status is Status.READY)
        assert workplace.helm_started == started, "no Helm was to be started"
        assert api.revisions(store.namespace) == [("1", "deployed")]
        assert claims == {
            each["metadata"]["uid"]
            for each in api.within(store.namespace, "persistentvolumeclaims")
        }


@pytest.mark.parametrize("change", [CHANGES[7], GUARDRAILS[0]], ids=["object", "guardrail"])
async def test_or_reported_and_left_until_it_is_declared_anew(
    change: Change, workplace: Workplace, api: Api
) -> None:
    async with shop(workplace, drift="report") as (o, store):
        before = api.get(f"{change.path(store)}/{change.name}")
        interfere(api, store, change)
        event = await told(o, DRIFTED, change.says)
        store = await seen(o, "my-store", lambda store: store.status is Status.READY)
        step = "GuardrailsReady" if change in GUARDRAILS else "ReleaseInstalled"
        found = condition(store, step)
        assert (found.status, found.reason, found.message) == (True, DRIFTED, event.message)
        after = api.get(f"{change.path(store)}/{change.name}")
        assert after != before
        assert after is None or not change.holds(after)

        await o.update("my-store", parameters={"replicas": 2})
        store = await ready(o)
        assert condition(store, step).reason == "Done"
        mended = api.get(f"{change.path(store)}/{change.name}")
        assert mended is not None
        assert change.holds(mended)


async def test_what_no_manifest_states_is_left_alone(workplace: Workplace, api: Api) -> None:
    async with shop(workplace) as (o, store):
        for plural, name in (("services", "web"), ("deployments", "web"), ("ingresses", "web")):
            path = f"{NAMESPACED_KINDS[plural]}/namespaces/{store.namespace}/{plural}/{name}"
            api.merge(path, ADDED)
        change = CHANGES[0]
        uid = uid_of(api, store, change)
        interfere(api, store, change)
        await as_stated(api, store, change, uid)
        event = await told(o, REPAIRED, change.says)
        assert event.message == "ConfigMap settings was deleted by someone. Restored."
        for plural in ("services", "deployments", "ingresses"):
            (found,) = (
                each
                for each in api.within(store.namespace, plural)
                if each["metadata"]["name"] == "web"
            )
            assert found["metadata"]["annotations"]["example.com/added"] == "by others"


async def test_a_store_that_needs_nothing_costs_no_call(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: asyncio.Queue[None] = asyncio.Queue()
    calls: list[str] = []
    request, reconcile = Connection.request, Reconciler.reconcile

    async def counted(self: Connection, call: Call) -> Any:
        calls.append(f"{call.method} {call.target}")
        return await request(self, call)

    async def noted(self: Reconciler, claim: Claim) -> None:
        await reconcile(self, claim)
        passes.put_nowait(None)

    monkeypatch.setattr(Reconciler, "reconcile", noted)
    async with shop(workplace, resync_interval=1):
        # The first ones may still learn what the cluster makes of the guardrails.
        for _ in range(3):
            await passes.get()
        monkeypatch.setattr(Connection, "request", counted)
        while not passes.empty():
            passes.get_nowait()
        for _ in range(3):
            await passes.get()
        assert calls == []
    assert workplace.helm_started == 2, "its version was asked for, and it installed once"


# -- the namespace ------------------------------------------------------------


async def test_labels_of_the_namespace_are_given_back(
    workplace: Workplace, api: Api, by_hand: ApiByHand
) -> None:
    async with shop(workplace) as (o, store):
        await by_hand.take_labels(store.namespace)
        await told(o, REPAIRED, "Ownership labels")
        await seen(o, "my-store", lambda store: store.status is Status.READY)
        namespace = api.namespace(store.namespace)
        assert namespace is not None
        assert namespace["metadata"]["labels"]["storeorch.io/store-id"] == store.id


async def test_a_namespace_that_somebody_deletes_names_what_holds_it(
    workplace: Workplace, api: Api
) -> None:
    async with shop(workplace) as (o, store):
        path = f"/api/v1/namespaces/{store.namespace}"
        api.merge(path, {"metadata": {"finalizers": ["example.com/backup"]}})
        api.delete(path)
        held = await seen(
            o,
            "my-store",
            lambda store: (
                store.status is Status.DEGRADED
                and "example.com/backup" in condition(store, "NamespaceReady").message
            ),
        )
        assert condition(held, "NamespaceReady").reason == "NamespaceTerminating"
        api.merge(path, {"metadata": {"finalizers": None}})
        lost = await data_missing(o)
        assert "namespace" in lost.message


# -- data ---------------------------------------------------------------------


async def data_missing(o: Orchestrator) -> Fault:
    store = await seen(
        o,
        "my-store",
        lambda store: store.fault is not None and store.fault.code == "data-missing",
    )
    assert store.fault is not None
    assert store.status is Status.DEGRADED
    return store.fault


def claim_path(store: Store, name: str) -> str:
    return f"/api/v1/namespaces/{store.namespace}/persistentvolumeclaims/{name}"


def lose_claim(api: Api, store: Store, name: str, *pods: str) -> None:
    """Delete a claim as somebody does who means it, with the pods that hold it."""
    path = claim_path(store, name)
    api.delete(path)
    if api.get(path):
        api.merge(path, {"metadata": {"finalizers": None}})
    for pod in api.within(store.namespace, "pods"):
        if pod["metadata"]["name"].startswith(pods):
            api.delete(f"/api/v1/namespaces/{store.namespace}/pods/{pod['metadata']['name']}")


async def test_a_claim_of_the_chart_is_not_made_anew_unasked(
    workplace: Workplace, api: Api
) -> None:
    async with shop(workplace) as (o, store):
        lose_claim(api, store, "media", "web-")
        fault = await data_missing(o)
        assert fault.message == "The volume claim media of the store is gone, and with it its data."
        assert "retry" in (fault.hint or "")
        assert api.get(claim_path(store, "media")) is None

        await o.retry("my-store")
        await ready(o)
        assert api.get(claim_path(store, "media")) is not None
        assert api.revisions(store.namespace) == [("1", "deployed")]


@pytest.mark.parametrize("watching", [True, False])
async def test_a_claim_that_its_workload_makes_anew_is_noticed(
    workplace: Workplace, api: Api, *, watching: bool
) -> None:
    async with shop(workplace) as (o, store):
        before = api.get(claim_path(store, "data-db-0"))
        assert before is not None
        if watching:
            lose_claim(api, store, "data-db-0", "db-")
            fault = await data_missing(o)
    if not watching:
        lose_claim(api, store, "data-db-0", "db-")
    await api.until(
        f"/api/v1/namespaces/{store.namespace}/persistentvolumeclaims",
        lambda claims: any(
            each["metadata"]["name"] == "data-db-0"
            and each["metadata"]["uid"] != before["metadata"]["uid"]
            for each in claims
        ),
    )
    async with workplace.orchestrator(plugins=workplace.plugins(shelf)) as o:
        fault = await data_missing(o)
        assert "The volume claim data-db-0 of the store" in fault.message
        await o.retry("my-store")
        await ready(o)


async def test_credentials_that_somebody_changed_are_told(
    workplace: Workplace, api: Api, by_hand: ApiByHand
) -> None:
    async with shop(workplace) as (o, store):
        await by_hand.change(store.namespace, CREDENTIALS)
        fault = await data_missing(o)
        assert fault.message == (
            "The credentials of the store were changed by someone; "
            "its database may not accept them."
        )
        changed = api.secret(store.namespace, CREDENTIALS.name)
        await o.retry("my-store")
        await ready(o)
        assert api.secret(store.namespace, CREDENTIALS.name) == changed


# -- the release --------------------------------------------------------------


async def test_a_release_that_somebody_upgraded_is_brought_back(
    workplace: Workplace, api: Api
) -> None:
    async with shop(workplace) as (o, store):
        process = await asyncio.create_subprocess_exec(
            *(str(workplace.helm), "upgrade", "my-store", str(shelf.Shelf.chart)),
            *("--namespace", store.namespace, "--reuse-values", "--set", "replicas=2"),
            "--server-side=false",
            env=workplace.environment(),
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0
        await told(o, REPAIRED, "The Helm release my-store was changed by someone.")
        await seen(o, "my-store", lambda store: store.status is Status.READY)
        (web,) = api.within(store.namespace, "deployments")
        assert web["spec"]["replicas"] == 1
        assert api.revisions(store.namespace)[-1] == ("3", "deployed")
