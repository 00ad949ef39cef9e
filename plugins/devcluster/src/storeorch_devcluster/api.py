"""The few calls to the API server that starting a cluster needs.

A Kubernetes client library would triple the time that ``storeorch dev up``
takes when the cluster is up already; this is urllib3 with the cluster's own
authority and the administrator's certificate.
"""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any, Self

import urllib3

if TYPE_CHECKING:
    from types import TracebackType

    from storeorch_devcluster.certs import Pki

TIMEOUT = urllib3.Timeout(connect=2.0, read=10.0)
"""Seconds for one call."""


class ApiServer:
    """Administrator's access to an embedded cluster.

    Args:
        server: The API server's address, for example ``https://127.0.0.1:6443``.
        pki: Authority and client certificates.
        client: Whose certificate to show, a key of `storeorch_devcluster.certs.CLIENTS`.

    Attributes:
        server: The API server's address.
        pool: Connections that show the certificate.
    """

    def __init__(self, server: str, pki: Pki, *, client: str = "admin") -> None:
        context = ssl.create_default_context(cafile=str(pki.authority))
        identity = pki.identity(client)
        context.load_cert_chain(identity.certificate, identity.key)
        self.server = server
        self.pool = urllib3.PoolManager(
            ssl_context=context, timeout=TIMEOUT, retries=False, maxsize=16
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.pool.clear()

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Call the API server once.

        Args:
            method: The HTTP method.
            path: Path and query.
            body: An object to send as JSON.

        Returns:
            The HTTP status and the decoded object; status 0 if the server did
            not answer, an empty object if the answer is not JSON.
        """
        try:
            response = self.pool.request(method, self.server + path, json=body)
        except urllib3.exceptions.HTTPError:
            return 0, {}
        if "application/json" not in response.headers.get("content-type", ""):
            return response.status, {}
        try:
            document = response.json()
        except ValueError:
            return response.status, {}
        return response.status, document if isinstance(document, dict) else {}

    def apply(self, path: str, manifest: dict[str, Any]) -> bool:
        """Create an object or bring it in line with a manifest (server-side apply).

        Args:
            path: The object's own path.
            manifest: What it shall be.

        Returns:
            Whether the API server took it.
        """
        try:
            response = self.pool.request(
                "PATCH",
                f"{self.server}{path}?fieldManager=storeorch-dev&force=true",
                body=json.dumps(manifest),
                headers={"Content-Type": "application/apply-patch+yaml"},
            )
        except urllib3.exceptions.HTTPError:
            return False
        return response.status in {200, 201}

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        return self.call("GET", "/readyz")[0] == 200  # noqa: PLR2004

    def exists(self, path: str) -> bool:
        """Whether there is an object at that path."""
        return self.call("GET", path)[0] == 200  # noqa: PLR2004

    def status(self, path: str) -> dict[str, Any]:
        """Return the status of the object at that path, empty if there is none."""
        code, found = self.call("GET", path)
        status = found.get("status") if code == 200 else None  # noqa: PLR2004
        return status if isinstance(status, dict) else {}

    def version(self) -> str | None:
        """Return the server's version, for example ``v1.37.2``, or None."""
        version = self.call("GET", "/version")[1].get("gitVersion")
        return str(version) if version else None

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return the items of a list, empty if it cannot be read."""
        items = self.call("GET", path)[1].get("items")
        return items if isinstance(items, list) else []
