"""Secrets: the store's credentials, and those that Helm keeps its releases in.

It must not know what is in them.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from storeorch.errors import ClusterRefused
from storeorch.kube.connection import Connection
from storeorch.kube.errors import Conflict, Invalid, NotFound, RetryLater
from storeorch.kube.informer import Informer
from storeorch.kube.resources import METADATA_ONLY, SECRETS, Call, Json, Verb
from storeorch.kube.summaries import HelmSecret, helm_secret
from storeorch.names import ownership_labels
from storeorch.ports import Owner, ReleaseSecret

_OWNED_BY_HELM: Final = "owner=helm"


class Secrets:
    """Reads and writes Secrets.

    Args:
        connection: To the cluster.
        watched: The informer of Helm's Secrets.
    """

    def __init__(self, connection: Connection, watched: Callable[[], Informer[HelmSecret]]) -> None:
        self._connection = connection
        self._watched = watched

    async def exists(self, namespace: str, name: str) -> bool:
        """Return whether a Secret exists, without having its content sent."""
        call = Call(Verb.GET, SECRETS, name=name, namespace=namespace, accept=METADATA_ONLY)
        try:
            await self._connection.request(call)
        except NotFound:
            return False
        return True

    async def create(
        self, namespace: str, name: str, data: Callable[[], Mapping[str, str]], owner: Owner
    ) -> bool:
        """Create a Secret unless it exists; see ``ports.Cluster.create_secret``."""
        if await self.exists(namespace, name):
            return False
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "labels": ownership_labels(owner.store_name, owner.store_id),
            },
            "type": "Opaque",
            "stringData": dict(data()),
        }
        try:
            await self._connection.request(
                Call(Verb.CREATE, SECRETS, namespace=namespace, body=body)
            )
        except Conflict:
            return False
        except NotFound as error:
            raise RetryLater(f"The namespace {namespace} does not exist.") from error
        except Invalid as error:
            raise ClusterRefused(f"The cluster does not accept Secret {name}.") from error
        return True

    async def release_labels(
        self, namespace: str, release: str, *, live: bool
    ) -> Sequence[ReleaseSecret]:
        """Return the labels of Helm's Secrets of a release; see ``ports.SecretStore``."""
        informer = self._watched()
        if not live and informer.usable:
            return [
                ReleaseSecret(name, labels, summary.resource_version)
                for name, summary in informer.index.of(namespace).items()
                if (labels := dict(summary.labels)).get("name") == release
            ]
        found: list[ReleaseSecret] = []
        selector = {"labelSelector": f"{_OWNED_BY_HELM},name={release}"}
        async for page in self._connection.pages(
            SECRETS, namespace=namespace, params=selector, metadata_only=True
        ):
            for item in page.get("items") or ():
                summary = helm_secret(item)
                found.append(
                    ReleaseSecret(
                        item["metadata"]["name"], dict(summary.labels), summary.resource_version
                    )
                )
        return found

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the decoded content of a Secret, or None if there is none."""
        try:
            secret = await self._get(namespace, name)
        except NotFound:
            return None
        try:
            return {key: b64decode(text) for key, text in (secret.get("data") or {}).items()}
        except binascii.Error as error:
            raise ClusterRefused(f"Secret {name} of {namespace} is damaged.") from error

    async def replace(
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes],
        labels: Mapping[str, str],
        *,
        resource_version: str | None,
    ) -> None:
        """Replace content and labels of a Secret; see ``ports.SecretStore``."""
        try:
            secret = await self._get(namespace, name)
            metadata = secret["metadata"]
            version = resource_version or metadata["resourceVersion"]
            body = {
                **secret,
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {**metadata, "labels": dict(labels), "resourceVersion": version},
                "data": {key: b64encode(value).decode() for key, value in data.items()},
            }
            await self._connection.request(
                Call(Verb.UPDATE, SECRETS, name=name, namespace=namespace, body=body)
            )
        except (Conflict, NotFound) as error:
            raise RetryLater(
                f"Secret {name} of {namespace} was changed by another meanwhile."
            ) from error
        except Invalid as error:
            raise ClusterRefused(f"The cluster does not accept Secret {name}.") from error

    async def _get(self, namespace: str, name: str) -> Json:
        return await self._connection.request(
            Call(Verb.GET, SECRETS, name=name, namespace=namespace)
        )
