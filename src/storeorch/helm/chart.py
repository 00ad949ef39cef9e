"""Identify a chart by its content.

This module must know neither Helm nor a cluster.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from storeorch.errors import ReleaseFailed

Fingerprint = tuple[tuple[str, int, int], ...]
"""Relative path, time of change in nanoseconds and size in bytes of each file."""


class ChartDigests:
    """Digests of charts, computed anew only where a file's time or size has changed."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Fingerprint, str]] = {}

    def digest(self, chart: Path) -> str:
        """Return the SHA-256 over the sorted relative paths and contents, in hexadecimal.

        Args:
            chart: Folder or archive of the chart.

        Raises:
            ReleaseFailed: The chart is missing or cannot be read.
        """
        try:
            files = _files(chart)
            fingerprint = tuple(
                (name, (stat := path.stat()).st_mtime_ns, stat.st_size) for name, path in files
            )
            known = self._known.get(chart)
            if known is None or known[0] != fingerprint:
                known = self._known[chart] = (fingerprint, _hash(files))
        except OSError as error:
            raise ReleaseFailed(
                "The chart of the store type is missing or cannot be read.",
                hint="Install the plugin that brings the store type anew.",
            ) from error
        return known[1]


def _files(chart: Path) -> list[tuple[str, Path]]:
    if not chart.is_dir():
        return [("", chart)]
    found = [(p.relative_to(chart).as_posix(), p) for p in chart.rglob("*") if p.is_file()]
    if not found:
        raise FileNotFoundError(chart)
    return sorted(found)


def _hash(files: list[tuple[str, Path]]) -> str:
    total = hashlib.sha256()
    for name, path in files:
        content = path.read_bytes()
        # The lengths keep apart what would read the same when strung together.
        total.update(f"{len(name.encode())} {len(content)} {name}".encode())
        total.update(content)
    return total.hexdigest()
