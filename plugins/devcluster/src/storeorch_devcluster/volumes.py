"""Folders that the controller manager creates for volumes.

Its host-path provisioner puts each volume below a fixed folder of the machine
and removes it with its claim. A cluster that is removed with claims in it
would leave those behind, so they are looked up in etcd's files: every volume
has a random id, and what these files name was created by this cluster.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

VOLUMES: Final = Path("/tmp/hostpath_pv")  # noqa: S108 - fixed in kube-controller-manager
"""Where the provisioner creates volumes."""

OVERLAP: Final = 256
"""Bytes read again with the next block, so that no path is cut in two."""

BLOCK: Final = 4 * 1024 * 1024
"""Bytes read at once."""


def volume_folders(data: Path, *, volumes: Path = VOLUMES) -> set[Path]:
    """Return the folders of all volumes that etcd's files name and that still exist.

    Args:
        data: etcd's data folder.
        volumes: Where the provisioner creates volumes.
    """
    pattern = re.compile(
        re.escape(str(volumes)).encode() + rb"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    )
    names: set[bytes] = set()
    for file in data.rglob("*"):
        if file.is_file():
            names.update(_matches(file, pattern))
    folders = {volumes / name.decode() for name in names}
    return {folder for folder in folders if folder.is_dir() and not folder.is_symlink()}


def remove_volumes(folders: Iterable[Path], *, volumes: Path = VOLUMES) -> None:
    """Remove the folders of volumes, and the folder above if nothing is left in it.

    Args:
        folders: What `volume_folders` returned.
        volumes: Where the provisioner creates volumes.
    """
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        volumes.rmdir()


def _matches(file: Path, pattern: re.Pattern[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    tail = b""
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            found.update(pattern.findall(tail + block))
            tail = block[-OVERLAP:]
    return found
