"""Corners of single steps that whole lives do not pass through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from storeorch.lifecycle import Declaration
from storeorch.models import Status, Store
from storeorch.ports import Release, Releases, ReleaseStatus
from storeorch.steps import CredentialsStep, ReleaseStep, WorkloadsStep
from storeorch.storetype import Done, Note, StoreContext, Waiting
from storeorch.testing import SampleShop, Sandbox, virtual_time


def context(sandbox: Sandbox, store: Store) -> StoreContext:
    return StoreContext(
        store=store,
        parameters=SampleShop().check(store.parameters),
        settings=sandbox.settings,
        cluster=sandbox.cluster,
        releases=sandbox.releases,
        hosts=sandbox.hosts,
        clock=sandbox.clock,
    )


async def ready(sandbox: Sandbox) -> Store:
    store = await sandbox.create("my-store")
    settled = await sandbox.settle(store.id)
    assert settled is not None
    assert settled.status is Status.READY
    return settled


@virtual_time
async def test_store_without_credentials_gets_no_secret() -> None:
    sandbox = Sandbox()
    store = await sandbox.create("my-store")
    outcome = await CredentialsStep({}).apply(context(sandbox, store))
    assert isinstance(outcome, Done)
    assert sandbox.cluster.journal == []


@pytest.mark.parametrize("status", [ReleaseStatus.FAILED, ReleaseStatus.PENDING])
def test_release_of_a_ready_store_that_is_broken_is_repaired(status: ReleaseStatus) -> None:
    """It is there, so its data is: upgrading over it loses nothing."""

    @virtual_time
    async def scenario() -> None:
        sandbox = Sandbox()
        store = await ready(sandbox)
        sandbox.releases.set_status(store.namespace, "my-store", status)
        outcome = await ReleaseStep(SampleShop().release_request).apply(context(sandbox, store))
        told = "The Helm release my-store was not deployed any more. Restored."
        assert outcome == Done(
            "Revision 2 of the Helm release my-store is deployed.",
            changed=True,
            notes=(Note("Repaired", told),),
        )

    scenario()


class SeenLate:
    """Releases of which the watch still shows an older one."""

    def __init__(self, releases: Releases, seen: Release | None) -> None:
        self._releases = releases
        self._seen = seen

    async def get(self, namespace: str, name: str, *, live: bool = False) -> Release | None:
        return await self._releases.get(namespace, name, live=True) if live else self._seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._releases, name)


@virtual_time
async def test_a_release_that_is_seen_late_is_not_taken_for_one_of_somebody() -> None:
    sandbox = Sandbox()
    store = await ready(sandbox)
    before = await sandbox.releases.get(store.namespace, "my-store")
    await sandbox.repository.declare(
        store.id, Declaration.UPDATE, actor="tester", parameters={"title": "Other"}
    )
    settled = await sandbox.settle(store.id)
    assert settled is not None
    memory = sandbox.cluster.namespaces[store.namespace].memory
    late = cast("Releases", SeenLate(sandbox.releases, before))
    ctx = replace(context(sandbox, settled), releases=late)
    outcome = await ReleaseStep(SampleShop().release_request).apply(ctx)
    assert outcome == Done("Revision 2 of the Helm release my-store is deployed.")
    assert sandbox.releases.started == 2
    assert sandbox.cluster.namespaces[store.namespace].memory == memory


@virtual_time
async def test_release_that_changes_between_two_steps_is_looked_at_again() -> None:
    sandbox = Sandbox()
    store = await ready(sandbox)
    sandbox.releases.set_status(store.namespace, "my-store", ReleaseStatus.PENDING)
    outcome = await WorkloadsStep(SampleShop().release_request).apply(context(sandbox, store))
    assert isinstance(outcome, Waiting)
    assert (outcome.reason, outcome.look_again_in) == ("ReleaseChanged", 1)


@virtual_time
async def test_readiness_is_not_told_of_a_release_that_only_the_watch_still_shows() -> None:
    """An upgrade that was cut short, and a declaration back to what the watch shows."""
    sandbox = Sandbox()
    store = await ready(sandbox)
    async with sandbox.cluster.watch():
        sandbox.cluster.watch_lag = 60
        sandbox.releases.set_status(store.namespace, "my-store", ReleaseStatus.FAILED)
        await sandbox.repository.declare(store.id, Declaration.UPDATE, actor="tester")
        walked = await sandbox.walk(store.id)
        assert walked is not None
        assert walked.status is Status.UPDATING
        waiting = walked.condition("WorkloadsReady")
        assert waiting is not None
        assert waiting.reason == "ReleaseChanged"
        await sandbox.clock.sleep(60)
        walked = await sandbox.walk(store.id)
        assert sandbox.releases.started == 2


@virtual_time
async def test_namespace_of_somebody_else_that_only_the_watch_still_shows_fails_no_store() -> None:
    sandbox = Sandbox()
    store = await sandbox.create("my-store")
    sandbox.cluster.create_namespace_by_hand(store.namespace)
    async with sandbox.cluster.watch():
        sandbox.cluster.watch_lag = 60
        sandbox.cluster.delete_namespace_by_hand(store.namespace)
        await sandbox.clock.sleep(2)
        walked = await sandbox.walk(store.id)
    assert walked is not None
    assert walked.status is Status.PROVISIONING
    assert sandbox.cluster.namespaces[store.namespace].owner_id == store.id
