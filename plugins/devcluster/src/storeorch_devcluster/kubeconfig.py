"""Kubeconfig files that the development cluster writes.

Every file holds exactly one context, certificates embedded, so that it can be
copied and read without its neighbours; only the owner can read it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import yaml

from storeorch_devcluster.certs import Pki, write_private

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = "storeorch-dev"
"""Name of context, cluster and user in the embedded cluster's kubeconfig."""


def write_kubeconfig(path: Path, *, server: str, pki: Pki, client: str) -> None:
    """Write a kubeconfig for one client of the embedded cluster.

    Args:
        path: The file to write; replaced atomically, mode 0600.
        server: The API server's address, for example ``https://127.0.0.1:6443``.
        pki: Where authority and client certificate are.
        client: A key of `storeorch_devcluster.certs.CLIENTS`.

    Raises:
        OSError: A certificate cannot be read or the file cannot be written.
    """
    identity = pki.identity(client)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {"server": server, "certificate-authority-data": _data(pki.authority)},
            }
        ],
        "users": [
            {
                "name": CONTEXT,
                "user": {
                    "client-certificate-data": _data(identity.certificate),
                    "client-key-data": _data(identity.key),
                },
            }
        ],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
    }
    write_private(path, yaml.safe_dump(document, sort_keys=False).encode())


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
