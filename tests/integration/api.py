"""The API server as somebody with all rights sees it, to check on storeorch and to interfere.

Knows nothing of storeorch's own client, so that a mistake there cannot hide here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml

Json = dict[str, Any]

PATIENCE: Final = 90
"""Seconds after which something that does not come true fails the test."""

MERGE: Final = "application/merge-patch+json"

NAMESPACED_KINDS: Final = {
    "configmaps": "/api/v1",
    "limitranges": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
    "pods": "/api/v1",
    "resourcequotas": "/api/v1",
    "secrets": "/api/v1",
    "serviceaccounts": "/api/v1",
    "services": "/api/v1",
    "deployments": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "ingresses": "/apis/networking.k8s.io/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
}


class Refused(AssertionError):
    """The API server did not do what a test asked for."""


class Api:
    """Calls of the API server, as the user of a kubeconfig with a client certificate."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self.server: str = cluster["server"]
        context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        user = config["users"][0]["user"]
        pem = b"".join(
            base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")
        )
        handle, name = tempfile.mkstemp()
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
            context.load_cert_chain(name)
        finally:
            Path(name).unlink()
        self._pool = urllib3.PoolManager(ssl_context=context, timeout=PATIENCE, retries=False)

    def close(self) -> None:
        self._pool.clear()

    def call(
        self, method: str, path: str, body: Json | None = None, *, kind: str = "application/json"
    ) -> tuple[int, Json]:
        response = self._pool.request(
            method,
            self.server + path,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": kind},
        )
        return response.status, response.json()

    def get(self, path: str) -> Json | None:
        """Return an object, or None."""
        status, answer = self.call("GET", path)
        return None if status == 404 else self._checked(status, answer)

    def items(self, path: str) -> list[Json]:
        found: list[Json] = self._checked(*self.call("GET", path))["items"]
        return found

    def create(self, path: str, body: Json) -> Json:
        return self._checked(*self.call("POST", path, body))

    def merge(self, path: str, patch: Json) -> Json:
        return self._checked(*self.call("PATCH", path, patch, kind=MERGE))

    def delete(self, path: str) -> None:
        """Ask for a deletion; what is not there is fine."""
        status, answer = self.call("DELETE", path)
        if status != 404:
            self._checked(status, answer)

    def namespace(self, name: str) -> Json | None:
        return self.get(f"/api/v1/namespaces/{name}")

    def within(self, namespace: str, kind: str) -> list[Json]:
        """Return all objects of a kind, given in the plural, of a namespace."""
        return self.items(f"{NAMESPACED_KINDS[kind]}/namespaces/{namespace}/{kind}")

    def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        """Return the decoded content of a Secret, or None."""
        found = self.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if found is None:
            return None
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def revisions(self, namespace: str) -> list[tuple[str, str]]:
        """Return version and status of all revisions that Helm keeps in a namespace."""
        secrets = self.items(f"/api/v1/namespaces/{namespace}/secrets?labelSelector=owner%3Dhelm")
        labels = [secret["metadata"]["labels"] for secret in secrets]
        return sorted((each["version"], each["status"]) for each in labels)

    async def until(
        self, path: str, holds: Callable[[Sequence[Json]], bool], *, select: str = ""
    ) -> Sequence[Json]:
        """Watch a collection until it is as wanted, and return its objects.

        Args:
            path: The collection.
            holds: Says whether its objects are as wanted.
            select: Query parameters that select some of them.
        """
        return await asyncio.to_thread(self._until, path, holds, select)

    def _until(
        self, path: str, holds: Callable[[Sequence[Json]], bool], select: str
    ) -> Sequence[Json]:
        listed = self._checked(*self.call("GET", f"{path}?{select}"))
        known = {_key(each): each for each in listed["items"]}
        version = listed["metadata"]["resourceVersion"]
        if holds(list(known.values())):
            return list(known.values())
        query = f"{path}?{select}&watch=1&resourceVersion={version}&timeoutSeconds={PATIENCE}"
        response = self._pool.request("GET", self.server + query, preload_content=False)
        try:
            rest = b""
            for chunk in response.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for event in map(json.loads, lines):
                    if event["type"] == "DELETED":
                        known.pop(_key(event["object"]), None)
                    else:
                        known[_key(event["object"])] = event["object"]
                    if holds(list(known.values())):
                        return list(known.values())
        finally:
            response.close()
        raise Refused(f"{path} did not come to be as wanted: {sorted(known)}")

    @staticmethod
    def _checked(status: int, answer: Json) -> Json:
        if status >= 300:
            raise Refused(f"HTTP {status}: {answer.get('message')}")
        return answer


def _key(obj: Mapping[str, Any]) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
