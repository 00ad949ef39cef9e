"""What every cluster has to hold."""

# ruff: noqa: S101, PLR2004 - a test suite asserts, on small figures

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from storeorch.errors import ClusterRefused, NamespaceNotOurs
from storeorch.names import namespace_for
from storeorch.ports import (
    Cluster,
    NamespacePhase,
    NamespaceState,
    ObjectRef,
    Owner,
    WorkloadRef,
)

PATIENCE = 60.0
"""Seconds after which a real cluster is taken to be stuck."""

MISSING = (WorkloadRef("StatefulSet", "db"), WorkloadRef("Deployment", "web"))


async def until(cluster: Cluster, holds: Callable[[], Awaitable[bool]]) -> None:
    """Look again whenever the cluster changed, until something holds.

    Raises:
        TimeoutError: It does not hold after ``PATIENCE`` seconds.
    """
    async with asyncio.timeout(PATIENCE), cluster.watch() as changes:
        while not await holds():
            await anext(changes)


def new_owner(name: str = "my-store") -> Owner:
    """Return a store that nothing belongs to yet."""
    return Owner(str(uuid.uuid4()), name)


def namespace_of(owner: Owner) -> str:
    """Return the namespace of a store."""
    return namespace_for(owner.store_name, owner.store_id)


def limit_range(cpu: str = "100m") -> dict[str, Any]:
    """Return a manifest of a small object of the kind that guardrails consist of."""
    limit = {"type": "Container", "default": {"cpu": cpu}, "defaultRequest": {"cpu": "10m"}}
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "store-limits"},
        "spec": {"limits": [limit]},
    }


class ByHand(Protocol):
    """What somebody does to a cluster, past the port; for the contracts to ask for."""

    async def delete(self, namespace: str, ref: ObjectRef) -> None:
        """Delete an object."""
        ...

    async def change(self, namespace: str, ref: ObjectRef) -> None:
        """Change something in an object that its manifest states, or what a Secret holds."""
        ...

    async def take_labels(self, namespace: str) -> None:
        """Take storeorch's labels away from a namespace."""
        ...


class ClusterContract:
    """``ports.Cluster``.

    Give the fixtures ``cluster`` and ``by_hand``, which changes it past the port. Every
    test takes namespaces of its own and leaves them behind, so a cluster may serve all
    tests.
    """

    @pytest.fixture
    def owner(self) -> Owner:
        """Return a store of this test's own."""
        return new_owner()

    @pytest.fixture
    async def namespace(self, cluster: Cluster, owner: Owner) -> AsyncIterator[str]:
        """Return a namespace of that store."""
        name = namespace_of(owner)
        assert await cluster.create_namespace(name, owner)
        yield name
        await cluster.delete_namespace(name, owner)

    async def test_access(self, cluster: Cluster) -> None:
        """A cluster that answers and permits all raises nothing."""
        await cluster.check_access()

    # -- namespaces -----------------------------------------------------------

    @pytest.mark.parametrize("live", [False, True])
    async def test_absent_namespace(self, cluster: Cluster, owner: Owner, *, live: bool) -> None:
        """What is not there is absent and belongs to no one."""
        state = await cluster.namespace(namespace_of(owner), live=live)
        assert state == NamespaceState(NamespacePhase.ABSENT)

    async def test_namespace_is_created_once(self, cluster: Cluster, owner: Owner) -> None:
        """One that is ours already is fine."""
        name = namespace_of(owner)
        assert await cluster.create_namespace(name, owner, labels={"example.com/a": "b"}) is True
        assert await cluster.create_namespace(name, owner) is False
        state = await cluster.namespace(name, live=True)
        assert state == NamespaceState(NamespacePhase.ACTIVE, owner.store_id)

    async def test_namespace_of_another(
        self, cluster: Cluster, namespace: str, owner: Owner
    ) -> None:
        """It is neither taken over nor deleted."""
        other = new_owner()
        with pytest.raises(NamespaceNotOurs):
            await cluster.create_namespace(namespace, other)
        await cluster.delete_namespace(namespace, other)
        state = await cluster.namespace(namespace, live=True)
        assert state == NamespaceState(NamespacePhase.ACTIVE, owner.store_id)

    async def test_namespace_is_watched(self, cluster: Cluster, owner: Owner) -> None:
        """What was watched catches up with what is."""
        name = namespace_of(owner)
        active = NamespaceState(NamespacePhase.ACTIVE, owner.store_id)

        async def is_seen() -> bool:
            return await cluster.namespace(name) == active

        async with cluster.watch():
            await cluster.create_namespace(name, owner)
            await until(cluster, is_seen)

    async def test_deletion(self, cluster: Cluster, owner: Owner) -> None:
        """It takes its time, may be asked for again, and ends in absence."""
        name = namespace_of(owner)
        await cluster.create_namespace(name, owner)
        await cluster.delete_namespace(name, owner)
        state = await cluster.namespace(name, live=True)
        assert state.phase in {NamespacePhase.TERMINATING, NamespacePhase.ABSENT}
        await cluster.delete_namespace(name, owner)

        async def is_gone() -> bool:
            state = await cluster.namespace(name, live=True)
            return state.phase is NamespacePhase.ABSENT

        await until(cluster, is_gone)
        await cluster.delete_namespace(name, owner)

    async def test_what_is_kept_with_a_namespace(
        self, cluster: Cluster, namespace: str, owner: Owner
    ) -> None:
        """It is there for as long as the namespace, and only its owner keeps anything."""
        assert await cluster.memory(namespace, live=True) == ""
        await cluster.remember(namespace, owner, '{"a": 1}')
        await cluster.remember(namespace, new_owner(), "stolen")
        assert await cluster.memory(namespace, live=True) == '{"a": 1}'

        async def is_seen() -> bool:
            return await cluster.memory(namespace) == '{"a": 1}'

        await until(cluster, is_seen)
        await cluster.remember(namespace, owner, "")
        assert await cluster.memory(namespace, live=True) == ""

    async def test_nothing_is_kept_with_a_namespace_that_is_not_there(
        self, cluster: Cluster, owner: Owner
    ) -> None:
        """It is not made for that."""
        await cluster.remember(namespace_of(owner), owner, "text")
        assert await cluster.memory(namespace_of(owner), live=True) == ""
        state = await cluster.namespace(namespace_of(owner), live=True)
        assert state.phase is NamespacePhase.ABSENT

    async def test_labels_are_given_back(
        self, cluster: Cluster, namespace: str, owner: Owner, by_hand: ByHand
    ) -> None:
        """To a namespace that something was kept with, and to no other store."""
        await cluster.remember(namespace, owner, "text")
        await by_hand.take_labels(namespace)
        state = await cluster.namespace(namespace, live=True)
        assert state == NamespaceState(NamespacePhase.ACTIVE)
        with pytest.raises(NamespaceNotOurs):
            await cluster.adopt_namespace(namespace, new_owner())
        await cluster.adopt_namespace(namespace, owner)
        state = await cluster.namespace(namespace, live=True)
        assert (state.owner_id, state.owner_name) == (owner.store_id, owner.store_name)
        assert await cluster.memory(namespace, live=True) == "text"

    async def test_labels_are_not_given_where_nothing_shows_whose_it_was(
        self, cluster: Cluster, namespace: str, owner: Owner, by_hand: ByHand
    ) -> None:
        """Somebody else may have made a namespace of that name."""
        await by_hand.take_labels(namespace)
        with pytest.raises(NamespaceNotOurs):
            await cluster.adopt_namespace(namespace, owner)

    # -- objects --------------------------------------------------------------

    async def test_apply_changes_what_differs(
        self, cluster: Cluster, namespace: str, owner: Owner
    ) -> None:
        """It counts what it created or changed, and changes nothing twice."""
        other = {**limit_range(), "metadata": {"name": "other-limits"}}
        assert await cluster.apply(namespace, [limit_range(), other], owner) == 2
        assert await cluster.apply(namespace, [limit_range(), other], owner) == 0
        assert await cluster.apply(namespace, [limit_range("200m"), other], owner) == 1
        assert await cluster.apply(namespace, [limit_range("200m"), other], owner) == 0
        assert await cluster.apply(namespace, [], owner) == 0

    async def test_apply_to_what_is_not_ours(
        self, cluster: Cluster, namespace: str, owner: Owner
    ) -> None:
        """It is left as it is."""
        await cluster.apply(namespace, [limit_range()], owner)
        with pytest.raises(ClusterRefused):
            await cluster.apply(namespace, [limit_range("200m")], new_owner())
        assert await cluster.apply(namespace, [limit_range()], owner) == 0

    async def test_only_to_look(self, cluster: Cluster, namespace: str, owner: Owner) -> None:
        """It counts what would be changed, and changes nothing."""
        assert await cluster.apply(namespace, [limit_range()], owner, only_look=True) == 1
        assert await cluster.apply(namespace, [limit_range()], owner) == 1
        assert await cluster.apply(namespace, [limit_range()], owner, only_look=True) == 0
        for _ in range(2):
            other = [limit_range("200m")]
            assert await cluster.apply(namespace, other, owner, only_look=True) == 1
        assert await cluster.apply(namespace, [limit_range()], owner) == 0
        with pytest.raises(ClusterRefused):
            await cluster.apply(namespace, [limit_range()], new_owner(), only_look=True)

    async def test_apply_without_namespace(self, cluster: Cluster, owner: Owner) -> None:
        """It is refused for now: the namespace may be on its way."""
        with pytest.raises(ClusterRefused) as refused:
            await cluster.apply(namespace_of(owner), [limit_range()], owner)
        assert refused.value.retryable

    # -- secrets --------------------------------------------------------------

    async def test_secret_is_made_once(
        self, cluster: Cluster, namespace: str, owner: Owner
    ) -> None:
        """The first content stays, and a second is not even generated."""
        asked: list[int] = []

        def data() -> Mapping[str, str]:
            asked.append(1)
            return {"password": "a b=c\n"}

        assert await cluster.secret_exists(namespace, "credentials") is False
        assert await cluster.create_secret(namespace, "credentials", data, owner) is True
        assert await cluster.secret_exists(namespace, "credentials") is True
        assert await cluster.create_secret(namespace, "credentials", data, owner) is False
        assert len(asked) == 1

    async def test_secret_is_read(self, cluster: Cluster, namespace: str, owner: Owner) -> None:
        """As it is; what is not there is nothing."""
        assert await cluster.read_secret(namespace, "credentials") is None
        content = {"password": "s3cret", "name": "\u00e4"}
        await cluster.create_secret(namespace, "credentials", lambda: content, owner)
        found = await cluster.read_secret(namespace, "credentials")
        assert found == {key: value.encode() for key, value in content.items()}
        assert await cluster.read_secret(namespace_of(new_owner()), "credentials") is None

    async def test_secret_without_namespace(self, cluster: Cluster, owner: Owner) -> None:
        """It does not exist there, and making it is refused for now."""
        name = namespace_of(owner)
        assert await cluster.secret_exists(name, "credentials") is False
        with pytest.raises(ClusterRefused) as refused:
            await cluster.create_secret(name, "credentials", dict, owner)
        assert refused.value.retryable

    async def test_a_change_of_credentials_is_seen(
        self, cluster: Cluster, namespace: str, owner: Owner, by_hand: ByHand
    ) -> None:
        """By what was watched, and the cluster itself says the same."""
        ref = ObjectRef("Secret", "credentials")
        assert await cluster.fingerprints(namespace, [ref], live=True) == {ref: None}
        await cluster.create_secret(namespace, ref.name, lambda: {"password": "a"}, owner)
        before = (await cluster.fingerprints(namespace, [ref], live=True))[ref]
        assert before is not None

        async def agree() -> bool:
            found = await cluster.fingerprints(namespace, [ref])
            return found == await cluster.fingerprints(namespace, [ref], live=True)

        async with cluster.watch():
            await until(cluster, agree)
            await by_hand.change(namespace, ref)
            await until(cluster, agree)
            after = (await cluster.fingerprints(namespace, [ref]))[ref]
        assert after is not None
        assert after.text != before.text

    @pytest.mark.parametrize("live", [False, True])
    async def test_no_claims(self, cluster: Cluster, namespace: str, *, live: bool) -> None:
        """What is not there has no identity."""
        assert await cluster.claims(namespace, ["data-db-0"], live=live) == {}
        assert await cluster.claims("store-nowhere", ["data-db-0"], live=live) == {}
        assert await cluster.claims(namespace, [], live=live) == {}

    # -- workloads ------------------------------------------------------------

    @pytest.mark.parametrize("live", [False, True])
    async def test_missing_workloads(self, cluster: Cluster, namespace: str, *, live: bool) -> None:
        """They are not ready, in the order in which they were asked for, and it says why."""
        states = await cluster.workloads(namespace, MISSING, live=live)
        assert [(state.ref, state.ready) for state in states] == [(ref, False) for ref in MISSING]
        assert all(state.message for state in states)
        assert list(await cluster.workloads(namespace, (), live=live)) == []

    async def test_nothing_wrong(self, cluster: Cluster, namespace: str) -> None:
        """An empty namespace has no problems, and there is nothing to nudge."""
        assert list(await cluster.problems(namespace, since=datetime(2026, 1, 1, tzinfo=UTC))) == []
        await cluster.nudge(namespace, MISSING, token="1")  # noqa: S106 - no secret
        await cluster.remove_completed(namespace, MISSING, before=datetime.now(UTC))

    # -- all of it ------------------------------------------------------------

    async def test_orphans(self, cluster: Cluster, namespace: str, owner: Owner) -> None:
        """A namespace of ours whose store no one knows is reported."""

        async def is_reported() -> bool:
            return namespace in await cluster.orphans(lambda store_id: store_id != owner.store_id)

        await until(cluster, is_reported)
        assert namespace not in await cluster.orphans(lambda _: True)

    async def test_watch_names_the_store(self, cluster: Cluster, owner: Owner) -> None:
        """Whoever watches hears of a store when its objects change, and of a deletion too."""
        name = namespace_of(owner)

        async def heard(changes: AsyncIterator[str]) -> None:
            async with asyncio.timeout(PATIENCE):
                while await anext(changes) != owner.store_id:
                    pass

        async with cluster.watch() as changes:
            await cluster.create_namespace(name, owner)
            await heard(changes)
            await cluster.apply(name, [limit_range()], owner)
            await heard(changes)
            await cluster.delete_namespace(name, owner)
            await heard(changes)
