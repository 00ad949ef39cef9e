"""Addresses inside a real node's network, beside those that certificates hold for.

All of them exist only in the node's network namespace, so they may be in use outside.
"""

from __future__ import annotations

from typing import Final

POD_RANGE: Final = "10.244.0.0/16"
"""Addresses of pods."""

DNS_ADDRESS: Final = "10.96.0.10"
INGRESS_ADDRESS: Final = "10.96.0.80"
"""Addresses of the services of the DNS server and of the ingress controller."""
