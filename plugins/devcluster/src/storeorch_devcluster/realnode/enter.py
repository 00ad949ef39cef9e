"""Start a program of a node in its control group and namespaces: ``python -m`` this module.

The process becomes the program: same id, and the program's own command line.
This module must not import anything heavy.
"""

from __future__ import annotations

import os
import sys

from storeorch_devcluster.realnode import cgroups, linux


def command(
    group: str,
    argv: list[str],
    *,
    holder: int | None = None,
    network: bool = False,
    mounts: bool = False,
) -> list[str]:
    """Return the command line that starts a program inside a node.

    Args:
        group: Name of the node's control group.
        argv: Program and arguments; the program is an absolute path.
        holder: The process that holds the node's namespaces, or None to enter none.
        network: Enter the network namespace.
        mounts: Enter the mount namespace.
    """
    kinds = ",".join([*(["network"] if network else []), *(["mounts"] if mounts else [])])
    module = f"{__package__}.enter"
    return [sys.executable, "-I", "-m", module, group, str(holder or 0), kinds or "none", *argv]


def main(arguments: list[str]) -> None:
    """Become the program that the arguments name; see `command`."""
    group, holder, kinds, *argv = arguments
    cgroups.join(group)
    wanted = kinds.split(",")
    if int(holder):
        linux.enter(int(holder), network="network" in wanted, mounts="mounts" in wanted)
    os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
