"""What somebody deletes or changes of a ready store is seen by watch, and repaired or reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from storeorch import Status, Store
from storeorch.kube.connection import Connection
from storeorch.kube.resources import Call
from storeorch.models import Claim
from storeorch.reconciler import Reconciler
from storeorch.steps.drift import DRIFTED, REPAIRED

from .api import MERGE, NAMESPACED_KINDS, Api, Json
from .shop import ready, shop, told
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
        lambda it: it["data"] == {"greeting": "hello", "opens": "12:30", "more": "x"},
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
        after = await seen(o, "my-store", lambda store: store.status is Status.READY)
        step = "GuardrailsReady" if change in GUARDRAILS else "ReleaseInstalled"
        found = condition(after, step)
        assert (found.status, found.reason, found.message) == (True, DRIFTED, event.message)
        left = api.get(f"{change.path(store)}/{change.name}")
        assert left != before
        assert left is None or not change.holds(left)

        await o.update("my-store", parameters={"replicas": 2})
        assert condition(await ready(o), step).reason == "Done"
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
    assert workplace.helm_started == 3, "it told its version, rendered and installed, once each"
