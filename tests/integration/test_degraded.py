"""A ready store whose workloads fail is degraded, and ready again once they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from storeorch import Status
from storeorch.steps.credentials import CREDENTIALS

from .api import Api
from .shop import shop
from .workplace import Workplace, condition, seen

pytestmark = pytest.mark.cluster


@contextmanager
def no_room(api: Api) -> Iterator[None]:
    """Let no node take a pod."""
    nodes = [each["metadata"]["name"] for each in api.items("/api/v1/nodes")]

    def cordon(*, on: bool) -> None:
        for name in nodes:
            api.merge(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": on}})

    cordon(on=True)
    try:
        yield
    finally:
        cordon(on=False)


async def test_pods_that_are_lost_degrade_a_store_until_they_run_again(
    workplace: Workplace, api: Api
) -> None:
    async with shop(workplace) as (o, store):
        started = workplace.helm_started
        with no_room(api):
            for pod in api.within(store.namespace, "pods"):
                api.delete(f"/api/v1/namespaces/{store.namespace}/pods/{pod['metadata']['name']}")
            lost = await seen(o, "my-store", lambda store: store.status is Status.DEGRADED)
            assert lost.fault is not None
            assert condition(lost, "WorkloadsReady").status is False
            assert lost.url == store.url
        again = await seen(o, "my-store", lambda store: store.status is Status.READY)
        assert again.fault is None
        assert workplace.helm_started == started


async def test_credentials_that_somebody_deletes_are_missed_at_once(
    workplace: Workplace, api: Api
) -> None:
    async with shop(workplace) as (o, store):
        api.delete(f"/api/v1/namespaces/{store.namespace}/secrets/{CREDENTIALS.name}")
        lost = await seen(o, "my-store", lambda store: store.status is Status.DEGRADED)
        assert lost.fault is not None
        assert lost.fault.code == "data-missing"
        assert api.secret(store.namespace, CREDENTIALS.name) is None
