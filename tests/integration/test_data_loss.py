"""Data that is gone is told, and an empty store takes its place only on request.

What else is missing around it, labels and releases, is brought back.
"""

from __future__ import annotations

import asyncio

import pytest

from storeorch import Orchestrator, Status, Store
from storeorch.models import Fault
from storeorch.steps.credentials import CREDENTIALS
from storeorch.steps.drift import REPAIRED

from . import shelf
from .api import Api
from .by_hand import ApiByHand
from .shop import ready, shop, told
from .workplace import Workplace, condition, seen

pytestmark = pytest.mark.cluster


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


async def test_what_sets_up_a_lost_volume_runs_again(
    workplace: Workplace, api: Api, by_hand: ApiByHand
) -> None:
    async with shop(workplace) as (o, store):
        job = f"/apis/batch/v1/namespaces/{store.namespace}/jobs/migrate"
        before = api.get(job)
        assert before is not None
        await by_hand.change(store.namespace, CREDENTIALS)
        await data_missing(o)
        await o.retry("my-store")
        await ready(o)
        kept = api.get(job)
        assert kept is not None
        assert kept["metadata"]["uid"] == before["metadata"]["uid"], "nothing was lost"

        lose_claim(api, store, "data-db-0", "db-")
        await data_missing(o)
        await asyncio.sleep(1)  # the cluster counts in whole seconds
        await o.retry("my-store")
        await ready(o)
        made = api.get(job)
        assert made is not None
        assert made["metadata"]["uid"] != before["metadata"]["uid"]
        assert made["status"]["succeeded"] == 1


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


# -- the release ---------------------------------------------------------------


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
        # It may be noticed when Helm has begun, or when it has ended.
        await told(o, REPAIRED, "The Helm release my-store was ")
        await api.until(
            f"/apis/apps/v1/namespaces/{store.namespace}/deployments",
            lambda deployments: [each["spec"]["replicas"] for each in deployments] == [1],
        )
        await seen(o, "my-store", lambda store: store.status is Status.READY)
        assert api.revisions(store.namespace)[-1] == ("3", "deployed")
