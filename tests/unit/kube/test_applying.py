from __future__ import annotations

from typing import Any

import pytest

from storeorch.errors import ClusterRefused
from storeorch.kube.applying import Applier
from storeorch.kube.connection import Connection
from storeorch.kube.errors import RetryLater
from storeorch.kube.summaries import Applied, applied
from storeorch.names import ownership_labels
from storeorch.ports import Owner

OWNER = Owner("id-1", "a")
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "store-quota"},
    "spec": {"hard": {"limits.cpu": "4000m"}},
}
ALL = "/api/v1/namespaces/store-a/resourcequotas"
PATH = f"{ALL}/store-quota"


def live(cpu: str = "4", store_id: str = "id-1", version: str = "1") -> dict[str, Any]:
    """Return what the server makes of the quota."""
    labels = ownership_labels("a", store_id)
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "store-quota", "resourceVersion": version, "labels": labels},
        "spec": {"hard": {"limits.cpu": cpu}},
    }


class Seen:
    """What is watched, as the test has it."""

    def __init__(self) -> None:
        self.watched = True
        self.summary: Applied | None = None

    def __call__(self, kind: str, namespace: str, name: str) -> tuple[bool, Applied | None]:
        assert (kind, namespace, name) == ("ResourceQuota", "store-a", "store-quota")
        return self.watched, self.summary


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def applier(connection: Connection, seen: Seen) -> Applier:
    return Applier(connection, seen)


async def test_what_is_missing_is_created_with_ownership_labels(api: Any, applier: Applier) -> None:
    api.on("POST", ALL, 201, live())

    assert await applier.apply("store-a", QUOTA, OWNER)

    (sent,) = api.sent
    assert sent.query == {"fieldManager": "storeorch"}
    assert sent.body["metadata"] == {
        "name": "store-quota",
        "namespace": "store-a",
        "labels": ownership_labels("a", "id-1"),
    }
    assert sent.body["spec"] == QUOTA["spec"]


async def test_what_is_watched_and_as_it_should_be_costs_no_call(
    api: Any, applier: Applier, seen: Seen
) -> None:
    api.on("POST", ALL, 201, live())
    await applier.apply("store-a", QUOTA, OWNER)
    seen.summary = applied(live(version="9"))

    assert not await applier.apply("store-a", QUOTA, OWNER)
    assert api.calls() == [f"POST {ALL}"]


async def test_what_was_learnt_from_one_store_serves_the_others(
    api: Any, applier: Applier, seen: Seen
) -> None:
    api.on("POST", ALL, 201, live())
    await applier.apply("store-a", QUOTA, OWNER)
    seen.summary = applied(live(store_id="id-2"))

    assert not await applier.apply("store-a", QUOTA, Owner("id-2", "b"))
    assert api.calls() == [f"POST {ALL}"]


async def test_a_restart_learns_anew_and_counts_no_change(
    api: Any, applier: Applier, seen: Seen
) -> None:
    seen.summary = applied(live())
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 200, live())

    assert not await applier.apply("store-a", QUOTA, OWNER)
    assert not await applier.apply("store-a", QUOTA, OWNER)
    assert api.calls() == [f"GET {PATH}", f"PATCH {PATH}"]


async def test_drift_is_mended(api: Any, applier: Applier, seen: Seen) -> None:
    api.on("POST", ALL, 201, live())
    await applier.apply("store-a", QUOTA, OWNER)
    seen.summary = applied(live(cpu="400"))
    api.on("GET", PATH, 200, live(cpu="400"))
    api.on("PATCH", PATH, 200, live())

    assert await applier.apply("store-a", QUOTA, OWNER)

    sent = api.sent[-1]
    assert sent.query == {"fieldManager": "storeorch", "force": "true"}
    assert sent.headers["content-type"] == "application/apply-patch+yaml"


async def test_a_changed_manifest_is_applied(api: Any, applier: Applier, seen: Seen) -> None:
    api.on("POST", ALL, 201, live())
    await applier.apply("store-a", QUOTA, OWNER)
    seen.summary = applied(live())
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 200, live(cpu="8"))
    larger = {**QUOTA, "spec": {"hard": {"limits.cpu": "8"}}}

    assert await applier.apply("store-a", larger, OWNER)
    assert api.calls("PATCH") == [f"PATCH {PATH}"]


async def test_who_created_an_object_hands_its_fields_over_to_who_applies_it(
    api: Any, applier: Applier, seen: Seen
) -> None:
    # Otherwise a field that a later manifest leaves out would stay.
    seen.summary = applied(live(cpu="400"))
    fields: dict[str, Any] = {"f:spec": {}}
    created = {"manager": "storeorch", "operation": "Update", "fieldsV1": fields}
    status = {"manager": "kube-controller-manager", "operation": "Update"}
    found = live(version="5")
    found["metadata"]["managedFields"] = [created, status]
    api.on("GET", PATH, 200, found)
    api.on("PATCH", PATH, 200, live())

    await applier.apply("store-a", QUOTA, OWNER)

    _, handed, patch = api.sent
    ours = {"manager": "storeorch", "operation": "Apply", "fieldsV1": fields}
    assert handed.headers["content-type"] == "application/merge-patch+json"
    assert handed.body == {"metadata": {"managedFields": [ours, status], "resourceVersion": "5"}}
    assert patch.headers["content-type"] == "application/apply-patch+yaml"


async def test_a_status_that_is_written_meanwhile_is_no_conflict(
    api: Any, applier: Applier, seen: Seen
) -> None:
    seen.summary = applied(live(cpu="400"))
    api.on("GET", PATH, 200, live(cpu="400"))
    api.on("PATCH", PATH, 409)
    api.on("PATCH", PATH, 200, live())

    assert await applier.apply("store-a", QUOTA, OWNER)


async def test_without_a_watch_the_cluster_is_asked_first(
    api: Any, applier: Applier, seen: Seen
) -> None:
    seen.watched = False
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 200, live())

    assert not await applier.apply("store-a", QUOTA, OWNER)
    assert not await applier.apply("store-a", QUOTA, OWNER)
    assert api.calls("PATCH") == [f"PATCH {PATH}"]


async def test_without_a_watch_what_is_missing_is_created(
    api: Any, applier: Applier, seen: Seen
) -> None:
    seen.watched = False
    api.on("POST", ALL, 201, live())

    assert await applier.apply("store-a", QUOTA, OWNER)
    assert api.calls() == [f"GET {PATH}", f"POST {ALL}"]


@pytest.mark.parametrize("owner", ["someone-else", None])
@pytest.mark.parametrize("watched", [True, False])
async def test_what_is_not_ours_is_left_alone(
    api: Any, applier: Applier, seen: Seen, watched: bool, owner: str | None
) -> None:
    found = live(store_id=owner or "")
    if owner is None:
        found["metadata"]["labels"] = {}
    seen.watched = watched
    api.on("POST", ALL, 409)
    api.on("GET", PATH, 200, found)

    with pytest.raises(ClusterRefused, match="does not belong to the store") as caught:
        await applier.apply("store-a", QUOTA, OWNER)

    assert not caught.value.retryable
    assert api.calls("PATCH") == []


async def test_what_lost_our_label_is_left_alone(api: Any, applier: Applier, seen: Seen) -> None:
    stripped = live()
    stripped["metadata"]["labels"].pop("storeorch.io/store-id")
    seen.summary = applied(stripped)
    api.on("GET", PATH, 200, stripped)

    with pytest.raises(ClusterRefused, match="does not belong to the store"):
        await applier.apply("store-a", QUOTA, OWNER)


async def test_what_the_watch_has_not_shown_yet_is_looked_at(api: Any, applier: Applier) -> None:
    api.on("POST", ALL, 201, live())
    api.on("POST", ALL, 409)
    api.on("GET", PATH, 200, live())
    await applier.apply("store-a", QUOTA, OWNER)

    assert not await applier.apply("store-a", QUOTA, OWNER)
    assert api.calls() == [f"POST {ALL}", f"POST {ALL}", f"GET {PATH}"]


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(("status", "retryable"), [(404, True), (409, True), (422, False)])
async def test_refusals(  # noqa: PLR0917
    api: Any, applier: Applier, seen: Seen, exists: bool, status: int, retryable: bool
) -> None:
    seen.summary = applied(live()) if exists else None
    api.on("POST", ALL, status, {"message": "canary"})
    if exists:
        api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, status, {"message": "canary"})

    with pytest.raises(ClusterRefused) as caught:
        await applier.apply("store-a", QUOTA, OWNER)

    assert caught.value.retryable is retryable
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


async def test_kinds_that_are_not_known_are_discovered_once(
    api: Any, connection: Connection
) -> None:
    applier = Applier(connection, lambda *_: (False, None))
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    resources = [
        {"name": "widgets/status", "kind": "Widget", "namespaced": True},
        {"name": "widgets", "kind": "Widget", "namespaced": True},
    ]
    path = "/apis/example.com/v1/namespaces/store-a/widgets"
    api.on("GET", "/apis/example.com/v1/", 200, {"resources": resources})
    api.on("POST", path, 201, {**widget, "metadata": {"name": "w"}})

    await applier.apply("store-a", widget, OWNER)
    await applier.apply("store-a", widget, OWNER)

    assert api.calls().count("GET /apis/example.com/v1/") == 1
    assert api.calls("POST") == [f"POST {path}"] * 2


@pytest.mark.parametrize(
    ("api_version", "kind", "sentence"),
    [
        ("example.com/v1", "Widget", "has no objects of kind 'Widget'"),
        ("v1", "Namespace", "do not live in a namespace"),
    ],
)
async def test_kinds_that_cannot_be_applied(
    api: Any, applier: Applier, api_version: str, kind: str, sentence: str
) -> None:
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "w"}}

    with pytest.raises(ClusterRefused, match=sentence):
        await applier.apply("store-a", manifest, OWNER)


# -- only to look ---------------------------------------------------------------


async def test_what_would_be_created_is_only_told(api: Any, applier: Applier) -> None:
    assert await applier.apply("store-a", QUOTA, OWNER, only_look=True)
    assert api.calls() == [f"GET {PATH}"]


async def test_what_would_be_changed_is_only_told(api: Any, applier: Applier, seen: Seen) -> None:
    seen.summary = applied(live(cpu="400"))
    api.on("GET", PATH, 200, live(cpu="400"))
    api.on("PATCH", PATH, 200, live())

    for _ in range(2):
        assert await applier.apply("store-a", QUOTA, OWNER, only_look=True)

    assert api.calls() == [f"GET {PATH}", f"PATCH {PATH}"] * 2
    assert api.sent[1].query == {"fieldManager": "storeorch", "force": "true", "dryRun": "All"}


@pytest.mark.parametrize("only_look", [False, True])
async def test_a_watch_that_lags_behind_is_no_change(
    api: Any, applier: Applier, seen: Seen, *, only_look: bool
) -> None:
    seen.summary = applied(live(cpu="2"))
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 200, live())

    assert not await applier.apply("store-a", QUOTA, OWNER, only_look=only_look)


async def test_looking_learns_too(api: Any, applier: Applier, seen: Seen) -> None:
    seen.summary = applied(live())
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 200, live())

    for _ in range(2):
        assert not await applier.apply("store-a", QUOTA, OWNER, only_look=True)
    assert not await applier.apply("store-a", QUOTA, OWNER)
    assert api.calls() == [f"GET {PATH}", f"PATCH {PATH}"]


async def test_what_changes_while_it_is_looked_at(api: Any, applier: Applier, seen: Seen) -> None:
    seen.summary = applied(live())
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 409)

    with pytest.raises(RetryLater):
        await applier.apply("store-a", QUOTA, OWNER, only_look=True)
