"""Connect to a shop by the ingress' address, encrypted where the shop has a certificate.

No name server knows the shops, so the address is given apart from the name.
"""

from __future__ import annotations

import base64
import socket
import ssl
from http.client import HTTPConnection, HTTPSConnection

import trustme

from .objects import Kubectl

ANSWER_SECONDS = 60
"""Longest time for one answer: a node that runs everything at once is slow."""


def connect(address: str, host: str, trusted: ssl.SSLContext | None = None) -> HTTPConnection:
    """Return a connection to a shop, not yet open unless it is encrypted.

    Args:
        address: Where to connect to, as ``host:port``.
        host: The shop's name, for which its certificate has to hold.
        trusted: Whose certificates are taken; None speaks plain HTTP.

    Raises:
        OSError: Nothing answers, or its certificate is not one of those.
    """
    if trusted is None:
        return HTTPConnection(address, timeout=ANSWER_SECONDS)
    encrypted = HTTPSConnection(address, timeout=ANSWER_SECONDS, context=trusted)
    where, _, port = address.rpartition(":")
    plain = socket.create_connection((where, int(port)), timeout=ANSWER_SECONDS)
    try:
        encrypted.sock = trusted.wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
        raise
    return encrypted


def certify(kubectl: Kubectl, secret: str, host: str) -> ssl.SSLContext:
    """Put a certificate for a shop into a Secret of its namespace.

    Returns:
        A context that trusts this certificate and no other.
    """
    authority = trustme.CA()
    issued = authority.issue_cert(host)
    parts = {
        "tls.crt": b"".join(blob.bytes() for blob in issued.cert_chain_pems),
        "tls.key": issued.private_key_pem.bytes(),
    }
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret},
            "type": "kubernetes.io/tls",
            "data": {key: base64.b64encode(value).decode() for key, value in parts.items()},
        }
    )
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusted)
    return trusted
