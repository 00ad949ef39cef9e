from __future__ import annotations

from base64 import b64encode
from typing import Any, cast

import pytest

from storeorch.errors import ClusterRefused
from storeorch.kube.connection import Connection
from storeorch.kube.errors import RetryLater
from storeorch.kube.index import Index
from storeorch.kube.informer import Informer
from storeorch.kube.resources import METADATA_ONLY, METADATA_ONLY_LIST
from storeorch.kube.secrets import Secrets
from storeorch.kube.summaries import HelmSecret
from storeorch.names import ownership_labels
from storeorch.ports import Owner, ReleaseSecret

OWNER = Owner("id-1", "a")
ALL = "/api/v1/namespaces/store-a/secrets"
ONE = f"{ALL}/creds"
LABELS = {"owner": "helm", "name": "shop", "status": "deployed", "version": "1"}


class Watched:
    """An informer of Helm's Secrets, as far as it is looked at here."""

    def __init__(self) -> None:
        self.index: Index[HelmSecret] = Index()
        self.usable = False


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def secrets(connection: Connection, watched: Watched) -> Secrets:
    return Secrets(connection, lambda: cast("Informer[HelmSecret]", watched))


async def test_existence_is_asked_without_content(api: Any, secrets: Secrets) -> None:
    assert not await secrets.exists("store-a", "creds")
    api.on("GET", ONE, 200, {"metadata": {}})

    assert await secrets.exists("store-a", "creds")
    assert api.sent[-1].headers["accept"] == METADATA_ONLY


async def test_created_once(api: Any, secrets: Secrets) -> None:
    api.on("POST", ALL, 201, {"kind": "Secret"})

    assert await secrets.create("store-a", "creds", lambda: {"password": "p"}, OWNER)

    body = api.sent[-1].body
    assert body["stringData"] == {"password": "p"}
    assert body["type"] == "Opaque"
    assert body["metadata"]["labels"] == ownership_labels("a", "id-1")


async def test_content_is_not_made_for_one_that_exists(api: Any, secrets: Secrets) -> None:
    api.on("GET", ONE, 200, {"metadata": {}})

    def never() -> dict[str, str]:
        raise AssertionError("credentials were made anew")

    assert not await secrets.create("store-a", "creds", never, OWNER)


async def test_one_that_was_created_meanwhile_is_fine(api: Any, secrets: Secrets) -> None:
    api.on("POST", ALL, 409)

    assert not await secrets.create("store-a", "creds", lambda: {"password": "p"}, OWNER)


@pytest.mark.parametrize(("status", "retryable"), [(404, True), (422, False)])
async def test_creation_refused(api: Any, secrets: Secrets, status: int, retryable: bool) -> None:
    api.on("POST", ALL, status, {"message": "canary"})

    with pytest.raises(ClusterRefused) as caught:
        await secrets.create("store-a", "creds", lambda: {"password": "hunter2"}, OWNER)

    assert caught.value.retryable is retryable
    assert "canary" not in caught.value.message
    assert "hunter2" not in repr(caught.value.__cause__)


async def test_release_labels_from_the_watch(secrets: Secrets, watched: Watched, api: Any) -> None:
    watched.usable = True
    pairs = tuple(sorted(LABELS.items()))
    other = tuple(sorted({**LABELS, "name": "other"}.items()))
    watched.index.put("store-a", "shop.v1", HelmSecret(pairs, "5"))
    watched.index.put("store-a", "other.v1", HelmSecret(other, "6"))
    watched.index.put("store-b", "shop.v1", HelmSecret(pairs, "7"))

    found = await secrets.release_labels("store-a", "shop", live=False)

    assert found == [ReleaseSecret("shop.v1", LABELS, "5")]
    assert api.sent == []


@pytest.mark.parametrize("live", [True, False])
async def test_release_labels_from_the_cluster(
    api: Any, secrets: Secrets, watched: Watched, live: bool
) -> None:
    watched.usable = live
    metadata = {"name": "shop.v1", "resourceVersion": "5", "labels": LABELS}
    api.on("GET", ALL, 200, {"metadata": {}, "items": [{"metadata": metadata}]})

    found = await secrets.release_labels("store-a", "shop", live=live)

    assert found == [ReleaseSecret("shop.v1", LABELS, "5")]
    assert api.sent[0].query["labelSelector"] == "owner=helm,name=shop"
    assert api.sent[0].headers["accept"] == METADATA_ONLY_LIST


async def test_read(api: Any, secrets: Secrets) -> None:
    assert await secrets.read("store-a", "creds") is None
    api.on("GET", ONE, 200, {"data": {"release": b64encode(b"\x00blob").decode()}})
    assert await secrets.read("store-a", "creds") == {"release": b"\x00blob"}


async def test_read_what_is_damaged(api: Any, secrets: Secrets) -> None:
    api.on("GET", ONE, 200, {"data": {"release": "canary"}})

    with pytest.raises(ClusterRefused, match="is damaged"):
        await secrets.read("store-a", "creds")


SECRET = {
    "metadata": {"name": "creds", "uid": "u1", "resourceVersion": "5", "labels": LABELS},
    "type": "helm.sh/release.v1",
    "data": {"release": "b2xk", "stale": "eA=="},
}


async def test_replace(api: Any, secrets: Secrets) -> None:
    api.on("GET", ONE, 200, SECRET)
    api.on("PUT", ONE, 200, SECRET)

    await secrets.replace(
        "store-a", "creds", {"release": b"new"}, {"status": "failed"}, resource_version="5"
    )

    body = api.sent[-1].body
    assert body["data"] == {"release": b64encode(b"new").decode()}
    assert body["type"] == "helm.sh/release.v1"
    assert body["metadata"]["labels"] == {"status": "failed"}
    assert body["metadata"]["resourceVersion"] == "5"
    assert body["metadata"]["uid"] == "u1"


async def test_replace_insists_on_the_version_that_was_named(api: Any, secrets: Secrets) -> None:
    api.on("GET", ONE, 200, SECRET)
    api.on("PUT", ONE, 200, SECRET)

    await secrets.replace("store-a", "creds", {}, {}, resource_version="4")

    assert api.sent[-1].body["metadata"]["resourceVersion"] == "4"


async def test_replace_holds_on_to_the_version_that_was_read(api: Any, secrets: Secrets) -> None:
    api.on("GET", ONE, 200, SECRET)
    api.on("PUT", ONE, 200, SECRET)

    await secrets.replace("store-a", "creds", {}, {}, resource_version=None)

    assert api.sent[-1].body["metadata"]["resourceVersion"] == "5"


@pytest.mark.parametrize(("status", "retryable"), [(409, True), (404, True), (422, False)])
async def test_replace_refused(api: Any, secrets: Secrets, status: int, retryable: bool) -> None:
    api.on("GET", ONE, 200, SECRET)
    api.on("PUT", ONE, status)

    with pytest.raises(ClusterRefused) as caught:
        await secrets.replace("store-a", "creds", {}, {}, resource_version="4")

    assert isinstance(caught.value, RetryLater) is retryable
