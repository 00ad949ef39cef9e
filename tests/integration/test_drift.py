"""What somebody deletes or changes of a ready store is seen by watch, and repaired or reported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from storeorch import Orchestrator, Status, Store
from storeorch.models import Event, EventKind
from storeorch.steps.drift import DRIFTED, REPAIRED

from . import shelf
from .api import MERGE, NAMESPACED_KINDS, PATIENCE, Api, Json
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
