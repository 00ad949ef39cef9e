"""Free ports on the loopback interface."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from storeorch_devcluster.errors import ClusterStartFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

LOOPBACK: Final = "127.0.0.1"

RANGE: Final = range(20_000, 32_000)
"""Below the ports that systems hand out to clients.

While a server is down, a client that calls its port again and again could be
given that very port for its own end, and would then talk to itself.
"""


def choose_ports(purposes: Iterable[str], remembered: dict[str, int]) -> dict[str, int]:
    """Choose a free port for each purpose.

    Args:
        purposes: What ports are needed for.
        remembered: Ports of an earlier start, taken again where they are free.

    Returns:
        Ports by purpose. They are free at this moment; another program can
        still be faster, so that the caller has to be ready to choose again.

    Raises:
        ClusterStartFailed: No port is free.
    """
    chosen: dict[str, int] = {}
    # All stay bound until the last is chosen, so that none is chosen twice.
    with ExitStack() as bound:
        for purpose in purposes:
            candidates = random.sample(RANGE, k=200)
            if purpose in remembered:
                candidates.insert(0, remembered[purpose])
            chosen[purpose] = next((port for port in candidates if _bind(port, bound)), 0)
            if not chosen[purpose]:
                raise ClusterStartFailed("No free port was found on the loopback interface.")
    return chosen


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on that port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _bind(port: int, bound: ExitStack) -> bool:
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As the servers do: connections of an earlier start may still be fading.
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        candidate.bind((LOOPBACK, port))
    except OSError:
        candidate.close()
        return False
    bound.callback(candidate.close)
    return True
