"""The Gateway API on a real node: its definitions, and the Gateway that is there for stores.

This module must not know how objects are sent to the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from pathlib import Path

GATEWAY: Final = "stores"
GATEWAY_NAMESPACE: Final = "traefik"
"""The Gateway that takes HTTPRoutes of all namespaces, and its namespace."""

GATEWAY_PATH: Final = (
    f"/apis/gateway.networking.k8s.io/v1/namespaces/{GATEWAY_NAMESPACE}/gateways/{GATEWAY}"
)
"""Where the API serves it."""

# Seven hundred kilobytes, for which the parser in Python takes seconds.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def definitions(folder: Path) -> list[dict[str, Any]]:
    """Return the definitions of the Gateway API's kinds.

    Args:
        folder: Where they are kept, see `storeorch_devcluster.paths.GATEWAY_API`.

    Raises:
        OSError: They cannot be read.
    """
    files = sorted(folder.glob("*.yaml"))
    return [yaml.load(path.read_text("utf-8"), Loader=_LOADER) for path in files]  # noqa: S506


def programmed(status: dict[str, Any]) -> bool:
    """Say whether the status of a Gateway tells that it takes routes."""
    conditions = status.get("conditions", [])
    return any(c["type"] == "Programmed" and c["status"] == "True" for c in conditions)
