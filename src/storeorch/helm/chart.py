"""Identify a chart by its content.

This module must know neither Helm nor a cluster.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storeorch.errors import ReleaseFailed
from storeorch.ports import Clock

LOOK_AGAIN: Final = 1.0
"""Seconds for which a chart is taken to be unchanged, so that a wave of stores costs one look."""

_IGNORED_FOLDER: Final = re.compile(r"([\w.-]+)/")

Fingerprint = tuple[tuple[str, int, int, int, int], ...]
"""Of each file: relative path, inode, size in bytes, times of change of content and of inode
in nanoseconds. The last one moves also where somebody sets the other back."""


@dataclass(slots=True)
class _Known:
    """What was found of a chart, and when somebody last looked."""

    fingerprint: Fingerprint
    digest: str
    looked: float


class ChartDigests:
    """Digests of charts.

    - A chart is looked at once in ``LOOK_AGAIN`` seconds at most.
    - Folders that its ``.helmignore`` names are no part of it: Helm leaves them out too.
    - Its files are read anew only where their list, times or sizes have changed.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Path, _Known] = {}

    def digest(self, chart: Path) -> str:
        """Return the SHA-256 over the sorted relative paths and contents, in hexadecimal.

        Args:
            chart: Folder or archive of the chart.

        Raises:
            ReleaseFailed: The chart is missing or cannot be read.
        """
        now = self._clock.monotonic()
        known = self._known.get(chart)
        if known is not None and now - known.looked < LOOK_AGAIN:
            return known.digest
        try:
            # Before the content: a file that changes in between is then read once more.
            fingerprint = _fingerprint(chart)
            if known is None or known.fingerprint != fingerprint:
                known = _Known(fingerprint, _hash(chart, fingerprint), now)
                self._known[chart] = known
        except OSError as error:
            raise ReleaseFailed(
                "The chart of the store type is missing or cannot be read.",
                hint="Install the plugin that brings the store type anew.",
            ) from error
        known.looked = now
        return known.digest


def _fingerprint(chart: Path) -> Fingerprint:
    top = os.stat(chart)  # noqa: PTH116 - as scandir's entries have it
    if not chart.is_dir():
        return (_row("", top),)
    above = frozenset({(top.st_dev, top.st_ino)})
    found = tuple(sorted(_walk(chart, "", above, _ignored_folders(chart))))
    if not found:
        raise FileNotFoundError(chart)
    return found


def _ignored_folders(chart: Path) -> frozenset[str]:
    """Return the names in ``.helmignore`` that mean a folder, at any depth.

    Patterns are left alone: what they match is then part of the digest, and a
    change there installs a chart anew that is the same for Helm.
    """
    try:
        lines = (chart / ".helmignore").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    return frozenset(match[1] for line in lines if (match := _IGNORED_FOLDER.fullmatch(line)))


def _walk(
    folder: str | Path, prefix: str, above: frozenset[tuple[int, int]], ignored: frozenset[str]
) -> Iterator[tuple[str, int, int, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_file():
                yield _row(name, entry.stat())
            elif entry.is_dir() and entry.name not in ignored:
                stat = entry.stat()
                # Helm follows links to folders, and so must we, but not in a circle.
                if (here := (stat.st_dev, stat.st_ino)) not in above:
                    yield from _walk(entry.path, f"{name}/", above | {here}, ignored)


def _row(name: str, stat: os.stat_result) -> tuple[str, int, int, int, int]:
    return name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _hash(chart: Path, fingerprint: Fingerprint) -> str:
    total = hashlib.sha256()
    for name, *_ in fingerprint:
        content = (chart / name).read_bytes() if name else chart.read_bytes()
        # The lengths keep apart what would read the same when strung together.
        encoded = os.fsencode(name)
        total.update(b"%d %d %b" % (len(encoded), len(content), encoded))
        total.update(content)
    return total.hexdigest()
