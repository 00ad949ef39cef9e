"""The few system calls of Linux that a node needs and Python 3.11 does not offer.

This module must not import anything heavy: it is loaded in the instant between
the start of a daemon and its own program.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWNET: Final = 0x40000000
"""Kinds of namespaces, as in ``linux/sched.h``."""

MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
"""Flags of a mount, as in ``linux/mount.h``."""

LISTENING: Final = "0A"
"""State of a listening socket in ``/proc/PID/net/tcp``."""


def unshare(flags: int) -> None:
    """Give this process new namespaces of these kinds.

    Raises:
        OSError: The kernel refused.
    """
    _checked(_libc().unshare(flags), "unshare")


def enter(pid: int, *, network: bool, mounts: bool) -> None:
    """Move this process into namespaces of another one.

    Args:
        pid: The other process.
        network: Enter its network namespace.
        mounts: Enter its mount namespace.

    Raises:
        OSError: The process is gone or the kernel refused.
    """
    kinds = [*(["net"] if network else []), *(["mnt"] if mounts else [])]
    # All are opened first: in the other mount namespace /proc may be another one.
    descriptors = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in kinds]
    for descriptor in descriptors:
        _checked(_libc().setns(descriptor, 0), "setns")
        os.close(descriptor)


def make_private() -> None:
    """Keep every later mount of this mount namespace from showing in any other.

    Raises:
        OSError: The kernel refused.
    """
    _mount("none", "/", MS_REC | MS_PRIVATE)


def bind(source: str, target: str) -> None:
    """Show a file or folder at another place too.

    Args:
        source: The file or folder.
        target: An existing file or folder, of the same kind.

    Raises:
        OSError: The kernel refused.
    """
    _mount(source, target, MS_BIND | MS_REC)


def listens(pid: int, port: int) -> bool:
    """Whether anybody listens on that TCP port in the network namespace of a process.

    Args:
        pid: The process; if it is gone, nobody listens.
        port: The port, of any address.
    """
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:  # noqa: PTH123
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue
        if any(row[1].endswith(f":{port:04X}") and row[3] == LISTENING for row in rows):
            return True
    return False


def _mount(source: str, target: str, flags: int) -> None:
    result = _libc().mount(os.fsencode(source), os.fsencode(target), None, flags, None)
    _checked(result, target)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
