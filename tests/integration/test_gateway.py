"""A store that customers reach by an HTTPRoute, on a cluster that has the kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from storeorch.steps.drift import REPAIRED

from . import shelf
from .api import MERGE, PATIENCE, Api, Json
from .shop import ready, told
from .workplace import Workplace

pytestmark = pytest.mark.cluster

_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_GROUP: Final = "gateway.networking.k8s.io"
_ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SCHEMA: Final = {"type": "object", "properties": {"spec": _ANYTHING, "status": _ANYTHING}}
_DEFINITION: Final[Json] = {
    "metadata": {
        "name": f"httproutes.{_GROUP}",
        "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in"},
    },
    "spec": {
        "group": _GROUP,
        "scope": "Namespaced",
        "names": {"kind": "HTTPRoute", "plural": "httproutes", "singular": "httproute"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _SCHEMA},
                "subresources": {"status": {}},
            }
        ],
    },
}


@pytest.fixture
def gateway_api(api: Api) -> Iterator[None]:
    """The kind HTTPRoute, without any check of what is in one."""
    api.create(_DEFINITIONS, _DEFINITION)
    yield
    api.delete(f"{_DEFINITIONS}/{_DEFINITION['metadata']['name']}")


@pytest.mark.usefixtures("gateway_api")
async def test_a_route_is_installed_watched_and_replaced(workplace: Workplace, api: Api) -> None:
    async with workplace.orchestrator(plugins=workplace.plugins(shelf)) as o:
        await o.create("my-store", type="shelf", parameters={"gateway": "stores"})
        store = await ready(o)
        collection = f"/apis/{_GROUP}/v1/namespaces/{store.namespace}/httproutes"
        assert [each["metadata"]["name"] for each in api.items(collection)] == ["web"]
        assert api.within(store.namespace, "ingresses") == []

        foreign = {"spec": {"hostnames": ["elsewhere.test"]}}
        path = f"{collection}/web?fieldManager=kubectl-edit"
        api.call("PATCH", path, foreign, kind=MERGE)
        await told(o, REPAIRED, "HTTPRoute web was changed by someone. Restored.")
        (route,) = api.items(collection)
        assert route["spec"]["hostnames"] == ["my-store.local.test"]
        api.delete(f"{collection}/web")
        await told(o, REPAIRED, "HTTPRoute web was deleted by someone. Restored.")
        assert len(api.items(collection)) == 1

        await o.update("my-store", parameters={"gateway": ""})
        await ready(o)
        assert api.items(collection) == []
        (ingress,) = api.within(store.namespace, "ingresses")
        assert ingress["metadata"]["name"] == "web"
        await o.delete("my-store")
        assert await o.wait("my-store", timeout=PATIENCE) is None
