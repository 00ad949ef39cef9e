"""Somebody with all rights who changes a real cluster, for the contract suites."""

from __future__ import annotations

import asyncio
import base64
from typing import Final

from storeorch.ports import ObjectRef

from .api import Api, Json

_COLLECTIONS: Final = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Secret": "/api/v1/namespaces/{}/secrets",
}
_CHANGES: Final[dict[str, Json]] = {
    "Deployment": {"spec": {"replicas": 3}},
    "Secret": {"data": {"password": base64.b64encode(b"changed").decode()}},
}
_LABELS: Final = (
    "app.kubernetes.io/managed-by",
    "storeorch.io/store-id",
    "storeorch.io/store-name",
)


class ApiByHand:
    """Changes a cluster past storeorch.

    Args:
        api: The cluster, as somebody with all rights.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    async def delete(self, namespace: str, ref: ObjectRef) -> None:
        """Delete an object."""
        collection = _COLLECTIONS[ref.kind].format(namespace)
        self._api.delete(f"{collection}/{ref.name}")
        await self._api.until(
            collection,
            lambda objects: all(each["metadata"]["name"] != ref.name for each in objects),
        )

    async def change(self, namespace: str, ref: ObjectRef) -> None:
        """Change something that the manifest states, or what a Secret holds."""
        path = f"{_COLLECTIONS[ref.kind].format(namespace)}/{ref.name}?fieldManager=kubectl-edit"
        await asyncio.to_thread(self._api.merge, path, _CHANGES[ref.kind])

    async def take_labels(self, namespace: str) -> None:
        """Take storeorch's labels away from a namespace."""
        patch = {"metadata": {"labels": dict.fromkeys(_LABELS)}}
        await asyncio.to_thread(self._api.merge, f"/api/v1/namespaces/{namespace}", patch)
