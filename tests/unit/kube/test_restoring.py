from __future__ import annotations

from typing import Any

import pytest

from storeorch.errors import ClusterRefused
from storeorch.kube.connection import Connection
from storeorch.kube.errors import RetryLater
from storeorch.kube.fingerprints import fingerprint
from storeorch.kube.restoring import Restorer
from storeorch.ports import ObjectRef

ALL = "/api/v1/namespaces/store-a/services"
PATH = f"{ALL}/web"
MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "web",
        "namespace": "store-a",
        "labels": {"storeorch.io/store-id": "id-1"},
        "annotations": {"meta.helm.sh/release-name": "a"},
    },
    "spec": {"ports": [{"port": 80}]},
}
WEB = ObjectRef("Service", "web")
MERGE = "application/merge-patch+json"


def live(port: int = 80, **metadata: Any) -> dict[str, Any]:
    """Return what the server makes of the Service."""
    return {
        **MANIFEST,
        "metadata": {**MANIFEST["metadata"], "uid": "u", "resourceVersion": "7", **metadata},
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": port, "protocol": "TCP"}]},
    }


@pytest.fixture
def restorer(connection: Connection) -> Restorer:
    return Restorer(connection)


async def differing(restorer: Restorer, release: str = "a") -> list[tuple[ObjectRef, bool]]:
    found = await restorer.differing("store-a", release, [MANIFEST])
    return [(each.ref, each.missing) for each in found]


# -- comparing ------------------------------------------------------------------


async def test_what_is_as_the_cluster_would_make_it(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 200, live())

    assert await differing(restorer) == []
    sent = api.sent[-1]
    assert sent.query == {"fieldManager": "storeorch", "dryRun": "All"}
    assert sent.headers["content-type"] == MERGE
    assert sent.body == MANIFEST


async def test_what_the_cluster_would_make_otherwise(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live(8080))
    api.on("PATCH", PATH, 200, live())

    assert await differing(restorer) == [(WEB, False)]


async def test_what_is_missing(api: Any, restorer: Restorer) -> None:
    assert await differing(restorer) == [(WEB, True)]


async def test_what_goes_while_it_is_compared(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 404)

    assert await differing(restorer) == [(WEB, True)]


async def test_what_clashes_with_the_manifest_differs(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live(8080))
    api.on("PATCH", PATH, 422)

    assert await differing(restorer) == [(WEB, False)]


async def test_what_changes_while_it_is_compared(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live())
    api.on("PATCH", PATH, 409)

    with pytest.raises(RetryLater):
        await differing(restorer)


@pytest.mark.parametrize(
    "metadata",
    [
        {"annotations": {"meta.helm.sh/release-name": "other"}},
        {"annotations": {}, "labels": {}},
        {"annotations": None, "labels": {"storeorch.io/store-id": "id-2"}},
    ],
)
async def test_what_is_of_another_is_left_alone(
    api: Any, restorer: Restorer, metadata: dict[str, Any]
) -> None:
    api.on("GET", PATH, 200, live(**metadata))

    with pytest.raises(ClusterRefused) as refused:
        await differing(restorer)
    assert not refused.value.retryable
    with pytest.raises(ClusterRefused):
        await restorer.restore("store-a", "a", MANIFEST)
    assert api.calls("PATCH") == []


async def test_the_stores_label_tells_what_lost_its_mark(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live(annotations={}))
    api.on("PATCH", PATH, 200, live())

    assert await differing(restorer) == [(WEB, False)]


# -- restoring ------------------------------------------------------------------


async def test_what_is_missing_is_created(api: Any, restorer: Restorer) -> None:
    api.on("POST", ALL, 201, live())

    text = await restorer.restore("store-a", "a", MANIFEST)

    assert text == fingerprint(live(), "Service").text
    sent = api.sent[-1]
    assert (sent.query, sent.body) == ({"fieldManager": "storeorch"}, MANIFEST)


async def test_what_the_manifest_states_is_laid_over(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live(8080))
    api.on("PATCH", PATH, 200, live())

    text = await restorer.restore("store-a", "a", MANIFEST)

    assert text == fingerprint(live(), "Service").text
    sent = api.sent[-1]
    assert sent.query == {"fieldManager": "storeorch"}
    assert sent.headers["content-type"] == MERGE
    assert sent.body == MANIFEST


async def test_a_conflict_is_tried_anew(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live(8080))
    api.on("PATCH", PATH, 409)
    api.on("PATCH", PATH, 200, live())

    await restorer.restore("store-a", "a", MANIFEST)
    assert api.calls("PATCH") == [f"PATCH {PATH}"] * 2


async def test_endless_conflicts_are_left_for_later(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live(8080))
    api.on("PATCH", PATH, 409)

    with pytest.raises(RetryLater):
        await restorer.restore("store-a", "a", MANIFEST)


async def test_what_the_cluster_does_not_take_is_for_a_person(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live(8080))
    api.on("PATCH", PATH, 422)

    with pytest.raises(ClusterRefused) as refused:
        await restorer.restore("store-a", "a", MANIFEST)
    assert refused.value.message == "The cluster does not let Service web of store-a be restored."
    assert refused.value.hint == "Delete that Service; it is made anew then."


async def test_a_namespace_that_is_gone(api: Any, restorer: Restorer) -> None:
    with pytest.raises(RetryLater):
        await restorer.restore("store-a", "a", MANIFEST)


async def test_an_older_version_of_a_kind_is_asked_for_by_that(
    api: Any, restorer: Restorer
) -> None:
    path = "/apis/networking.k8s.io/v1beta1/namespaces/store-a/ingresses/web"
    old = {**MANIFEST, "apiVersion": "networking.k8s.io/v1beta1", "kind": "Ingress"}
    await restorer.differing("store-a", "a", [old])
    assert api.calls() == [f"GET {path}"]


# -- fingerprints ---------------------------------------------------------------


async def test_fingerprint_as_the_cluster_says(api: Any, restorer: Restorer) -> None:
    api.on("GET", PATH, 200, live())
    assert await restorer.fingerprint("store-a", WEB) == fingerprint(live(), "Service")
    assert await restorer.fingerprint("store-a", ObjectRef("Service", "none")) is None


async def test_what_a_secret_holds_stays_in_the_cluster(api: Any, restorer: Restorer) -> None:
    api.on("GET", "/api/v1/namespaces/store-a/secrets/x", 200, {"metadata": {"uid": "u"}})
    assert await restorer.fingerprint("store-a", ObjectRef("Secret", "x"))
    assert "PartialObjectMetadata" in api.sent[0].headers["accept"]
