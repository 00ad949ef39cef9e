"""The control group of a node: who belongs to it, and ending all of them.

Everything that a node starts, containers included, is below one control group
that is named after the state folder. So its processes are known however they
were started, and a stranger is never among them. Both layouts of control
groups are understood: one hierarchy (version 2), or one for each controller
(version 1) and, where systemd runs, a ``unified`` one beside them.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
"""Where control groups are mounted."""

PREFIX: Final = "storeorch-dev-"
"""How the control groups of all nodes begin."""

SYSTEM: Final = "system"
"""Group of the node's own programs, beside that of the pods."""

PATIENCE: Final = 10.0
"""Seconds in which processes that were killed must be gone."""

POLL: Final = 0.02
"""Seconds between two looks at what is ending."""


def name_of(state_dir: Path) -> str:
    """Return the name of the control group of the node with that state folder."""
    return PREFIX + hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:10]


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Return the folder of each hierarchy, one for version 2."""
    if (root / "cgroup.controllers").exists():
        return [root]
    try:
        children = sorted(root.iterdir())
    except OSError:
        return []
    return [path for path in children if (path / "cgroup.procs").exists() and not path.is_symlink()]


def join(name: str, root: Path = ROOT) -> None:
    """Move this process into the group of a node's programs, which is created if need be.

    Raises:
        OSError: The kernel refused.
    """
    for hierarchy in hierarchies(root):
        parent, group = hierarchy / name, hierarchy / name / SYSTEM
        for folder in (parent, group):
            folder.mkdir(exist_ok=True)
            _inherit_cpuset(folder)
        (group / "cgroup.procs").write_text("0")


def members(name: str, root: Path = ROOT) -> set[int]:
    """Return the ids of all processes below a control group."""
    found: set[int] = set()
    for hierarchy in hierarchies(root):
        for folder in _folders(hierarchy / name):
            with suppress(OSError):
                found.update(int(line) for line in (folder / "cgroup.procs").read_text().split())
    return found - {0}


def groups(root: Path = ROOT) -> set[str]:
    """Return the names of the control groups of all nodes on this machine."""
    return {
        path.name
        for hierarchy in hierarchies(root)
        for path in hierarchy.glob(f"{PREFIX}*")
        if path.is_dir()
    }


def remove(name: str, root: Path = ROOT) -> bool:
    """End every process below a control group by force, and remove the group.

    Returns:
        Whether nothing of it is left.
    """
    deadline = time.monotonic() + PATIENCE
    while running := members(name, root):
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    for hierarchy in hierarchies(root):
        while not _remove_empty(hierarchy / name):
            # A process may be dead and its group still be busy for an instant.
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
    return True


def _remove_empty(top: Path) -> bool:
    for folder in reversed(_folders(top)):
        with suppress(OSError):
            folder.rmdir()
    return not top.exists()


def _folders(top: Path) -> list[Path]:
    """Return a group and all below it, parents first."""
    return [Path(folder) for folder, _, _ in os.walk(top)]


def _inherit_cpuset(folder: Path) -> None:
    """Fill what a new group of version 1's cpuset begins without, and needs."""
    for setting in ("cpuset.cpus", "cpuset.mems"):
        own, above = folder / setting, folder.parent / setting
        if own.exists() and above.exists() and not own.read_text().strip():
            own.write_text(above.read_text())
