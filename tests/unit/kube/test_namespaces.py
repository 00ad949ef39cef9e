from __future__ import annotations

from typing import Any, cast

import pytest

from storeorch.errors import ClusterRefused, NamespaceNotOurs
from storeorch.kube.connection import Connection
from storeorch.kube.errors import RetryLater
from storeorch.kube.index import Index
from storeorch.kube.informer import Informer
from storeorch.kube.namespaces import Namespaces
from storeorch.kube.summaries import Namespace
from storeorch.names import ownership_labels
from storeorch.ports import NamespacePhase, NamespaceState, Owner

OWNER = Owner("id-1", "a")
ALL = "/api/v1/namespaces"
ONE = f"{ALL}/store-a"


def obj(store_id: str | None = "id-1", *, terminating: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "store-a", "uid": "u1", "resourceVersion": "7"}
    if store_id:
        metadata["labels"] = ownership_labels("a", store_id)
    if terminating:
        metadata["deletionTimestamp"] = "2026-11-24T12:00:00Z"
    return {"metadata": metadata, "status": {}}


class Watched:
    """An informer of namespaces, as far as it is looked at here."""

    def __init__(self) -> None:
        self.index: Index[Namespace] = Index()
        self.usable = False


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def namespaces(connection: Connection, watched: Watched) -> Namespaces:
    return Namespaces(connection, lambda: cast("Informer[Namespace]", watched))


async def test_created_with_ownership_labels(api: Any, namespaces: Namespaces) -> None:
    api.on("POST", ALL, 201, obj())

    assert await namespaces.create("store-a", OWNER, {"team": "x"})
    labels = api.sent[0].body["metadata"]["labels"]
    assert labels == {"team": "x", **ownership_labels("a", "id-1")}


async def test_labels_of_others_cannot_replace_ours(api: Any, namespaces: Namespaces) -> None:
    api.on("POST", ALL, 201, obj())
    await namespaces.create("store-a", OWNER, {"storeorch.io/store-id": "stolen"})

    assert api.sent[0].body["metadata"]["labels"]["storeorch.io/store-id"] == "id-1"


async def test_one_that_is_ours_is_fine(api: Any, namespaces: Namespaces) -> None:
    api.on("POST", ALL, 409)
    api.on("GET", ONE, 200, obj())

    assert not await namespaces.create("store-a", OWNER, {})


@pytest.mark.parametrize("store_id", [None, "id-2"])
async def test_one_that_is_not_ours(api: Any, namespaces: Namespaces, store_id: str | None) -> None:
    api.on("POST", ALL, 409)
    api.on("GET", ONE, 200, obj(store_id))

    with pytest.raises(NamespaceNotOurs):
        await namespaces.create("store-a", OWNER, {})


async def test_one_of_ours_that_is_going_makes_wait(api: Any, namespaces: Namespaces) -> None:
    api.on("POST", ALL, 409)
    api.on("GET", ONE, 200, obj(terminating=True))

    with pytest.raises(RetryLater, match="still being deleted") as caught:
        await namespaces.create("store-a", OWNER, {})

    assert caught.value.retryable


async def test_one_that_went_meanwhile(api: Any, namespaces: Namespaces) -> None:
    api.on("POST", ALL, 409)

    with pytest.raises(RetryLater):
        await namespaces.create("store-a", OWNER, {})


async def test_one_that_is_not_valid(api: Any, namespaces: Namespaces) -> None:
    api.on("POST", ALL, 422, {"message": "canary"})

    with pytest.raises(ClusterRefused) as caught:
        await namespaces.create("store-a", OWNER, {})

    assert "canary" not in caught.value.message


async def test_deleted_only_as_it_was_judged(api: Any, namespaces: Namespaces) -> None:
    api.on("GET", ONE, 200, obj())
    api.on("DELETE", ONE, 200, {"kind": "Status"})

    await namespaces.delete("store-a", OWNER)

    assert api.sent[-1].body["preconditions"] == {"uid": "u1", "resourceVersion": "7"}


@pytest.mark.parametrize("found", [obj(None), obj("id-2"), obj(terminating=True)])
async def test_never_deleted(api: Any, namespaces: Namespaces, found: dict[str, Any]) -> None:
    api.on("GET", ONE, 200, found)

    await namespaces.delete("store-a", OWNER)

    assert api.calls("DELETE") == []


async def test_deleting_what_is_gone_is_fine(api: Any, namespaces: Namespaces) -> None:
    await namespaces.delete("store-a", OWNER)
    api.on("GET", ONE, 200, obj())
    await namespaces.delete("store-a", OWNER)

    assert api.calls("DELETE") == [f"DELETE {ONE}"]


async def test_deleting_what_changed_meanwhile_is_judged_anew(
    api: Any, namespaces: Namespaces
) -> None:
    api.on("GET", ONE, 200, obj())
    api.on("GET", ONE, 200, obj("id-2"))
    api.on("DELETE", ONE, 409)

    await namespaces.delete("store-a", OWNER)

    assert api.calls() == [f"GET {ONE}", f"DELETE {ONE}", f"GET {ONE}"]


async def test_deleting_what_keeps_changing_is_tried_again_later(
    api: Any, namespaces: Namespaces
) -> None:
    api.on("GET", ONE, 200, obj())
    api.on("DELETE", ONE, 409)

    with pytest.raises(RetryLater):
        await namespaces.delete("store-a", OWNER)


async def test_state_comes_from_the_watch_unless_live(
    api: Any, namespaces: Namespaces, watched: Watched
) -> None:
    watched.usable = True
    watched.index.put("store-a", "store-a", Namespace("u1", "id-1", True, "2 pods"))
    expected = NamespaceState(NamespacePhase.TERMINATING, "id-1", "2 pods")

    assert await namespaces.state("store-a", live=False) == expected
    assert (await namespaces.state("store-b", live=False)).phase is NamespacePhase.ABSENT
    assert api.sent == []

    assert (await namespaces.state("store-a", live=True)).phase is NamespacePhase.ABSENT
    watched.usable = False
    assert (await namespaces.state("store-a", live=False)).phase is NamespacePhase.ABSENT
    assert len(api.sent) == 2


async def test_state_of_one_that_is_not_ours(api: Any, namespaces: Namespaces) -> None:
    api.on("GET", ONE, 200, obj(None))

    state = await namespaces.state("store-a", live=True)

    assert state == NamespaceState(NamespacePhase.ACTIVE)


@pytest.mark.parametrize("usable", [True, False])
async def test_orphans(api: Any, namespaces: Namespaces, watched: Watched, usable: bool) -> None:
    owners = {"store-b": "id-2", "store-a": "id-1", "store-c": None}
    watched.usable = usable
    items = []
    for name, owner in owners.items():
        watched.index.put(name, name, Namespace("u", owner, False, None))
        labels = ownership_labels("x", owner) if owner else {}
        items.append({"metadata": {"name": name, "labels": labels}})
    api.on("GET", ALL, 200, {"metadata": {}, "items": items})

    found = await namespaces.orphans(lambda store_id: store_id == "id-2")

    assert found == ["store-a", "store-c"]
    if not usable:
        assert api.sent[0].query["labelSelector"] == "app.kubernetes.io/managed-by=storeorch"


HELD = {
    "phase": "Terminating",
    "conditions": [
        {
            "type": "NamespaceContentRemaining",
            "status": "True",
            "message": "Some resources are remaining: configmaps. has 1 resource instances, "
            "widgets.example.com has 1 resource instances",
        },
        {
            "type": "NamespaceFinalizersRemaining",
            "status": "True",
            "message": "Some content in the namespace has finalizers remaining: "
            "example.com/keep in 2 resource instances",
        },
    ],
}


async def test_what_holds_a_namespace_is_named_when_the_cluster_is_asked(
    api: Any, namespaces: Namespaces
) -> None:
    api.on("GET", ONE, 200, {**obj(terminating=True), "status": HELD})
    kept = {"metadata": {"name": "kept", "finalizers": ["example.com/keep"]}}
    api.on("GET", f"{ONE}/configmaps", 200, {"metadata": {}, "items": [kept]})

    state = await namespaces.state("store-a", live=True)
    assert state.blocked_by == "finalizer example.com/keep on ConfigMap kept and 1 more"


@pytest.mark.parametrize("status", [403, 404])
async def test_who_may_not_look_is_told_how_many_objects_hold_a_namespace(
    api: Any, namespaces: Namespaces, status: int
) -> None:
    api.on("GET", ONE, 200, {**obj(terminating=True), "status": HELD})
    api.on("GET", f"{ONE}/configmaps", status, {"message": "canary"})

    state = await namespaces.state("store-a", live=True)
    assert state.blocked_by == "finalizer example.com/keep on 2 objects"


# -- labels that were taken away, and what is kept -----------------------------


def marked(labels: dict[str, str], owner: str | None = "id-1", memory: str = "") -> dict[str, Any]:
    found = obj(None)
    found["metadata"]["labels"] = labels
    found["metadata"]["annotations"] = {"storeorch.io/memory": memory}
    if owner:
        found["metadata"]["annotations"]["storeorch.io/owner"] = owner
    return found


@pytest.mark.parametrize(
    ("labels", "owner"),
    [({}, "id-1"), ({"storeorch.io/store-id": "id-1"}, None)],
)
async def test_labels_are_given_back(
    api: Any, namespaces: Namespaces, labels: dict[str, str], owner: str | None
) -> None:
    api.on("GET", ONE, 200, marked(labels, owner))
    api.on("PATCH", ONE, 200, obj())

    await namespaces.adopt("store-a", OWNER)

    assert api.sent[-1].body["metadata"] == {
        "labels": ownership_labels("a", "id-1"),
        "resourceVersion": "7",
    }


@pytest.mark.parametrize(
    ("labels", "owner"),
    [({}, None), ({}, "id-2"), ({"storeorch.io/store-id": "id-2"}, "id-1")],
)
async def test_labels_are_not_given_to_what_is_of_another(
    api: Any, namespaces: Namespaces, labels: dict[str, str], owner: str | None
) -> None:
    api.on("GET", ONE, 200, marked(labels, owner))

    with pytest.raises(NamespaceNotOurs):
        await namespaces.adopt("store-a", OWNER)
    assert api.calls("PATCH") == []


@pytest.mark.parametrize("status", [404, 409])
async def test_a_namespace_that_changes_meanwhile_is_left_for_later(
    api: Any, namespaces: Namespaces, status: int
) -> None:
    api.on("GET", ONE, 200, obj())
    api.on("PATCH", ONE, status)

    with pytest.raises(RetryLater):
        await namespaces.adopt("store-a", OWNER)
    with pytest.raises(RetryLater):
        await namespaces.remember("store-a", OWNER, "text")


async def test_a_namespace_that_is_gone_cannot_be_adopted(api: Any, namespaces: Namespaces) -> None:
    with pytest.raises(RetryLater):
        await namespaces.adopt("store-a", OWNER)


async def test_a_text_that_the_cluster_does_not_take(api: Any, namespaces: Namespaces) -> None:
    api.on("GET", ONE, 200, obj())
    api.on("PATCH", ONE, 422)

    with pytest.raises(ClusterRefused):
        await namespaces.remember("store-a", OWNER, "text")


async def test_what_is_kept_comes_from_the_watch(
    api: Any, namespaces: Namespaces, watched: Watched
) -> None:
    api.on("GET", ONE, 200, marked(ownership_labels("a", "id-1"), memory="live"))
    assert await namespaces.memory("store-a", live=False) == "live"
    watched.usable = True
    assert await namespaces.memory("store-a", live=False) == ""
    watched.index.put("store-a", "store-a", Namespace("u1", "id-1", False, None, "a", "seen"))
    assert await namespaces.memory("store-a", live=False) == "seen"
    assert await namespaces.memory("store-a", live=True) == "live"
    assert await namespaces.memory("store-b", live=True) == ""


@pytest.mark.parametrize("found", [None, obj("id-2")])
async def test_nothing_is_kept_with_what_is_not_ours(
    api: Any, namespaces: Namespaces, found: dict[str, Any] | None
) -> None:
    if found:
        api.on("GET", ONE, 200, found)
    await namespaces.remember("store-a", OWNER, "text")
    assert api.calls("PATCH") == []
