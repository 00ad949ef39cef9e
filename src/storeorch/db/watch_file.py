"""Notice that another process wrote the same SQLite file.

The operating system's file notification tells of it, through watchfiles: no query is
made while nothing happens. This module must not know what was written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

from storeorch.db.changes import Told

_STEP_MS: Final = 20
"""How often the notifier's thread hands on what it gathered, in milliseconds."""


class FileWatch:
    """Tells that the file, or its write-ahead log, was written; a ``changes.Source``.

    Args:
        file: The SQLite file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    async def run(self, told: Told) -> None:
        """Watch until cancelled.

        Raises:
            OSError: The folder cannot be watched.
            RuntimeError: The same, as watchfiles says it.
        """
        names = {self._file.name, f"{self._file.name}-wal"}

        def ours(change: Change, path: str) -> bool:  # noqa: ARG001 - watchfiles' form
            return Path(path).name in names

        async for _ in awatch(
            self._file.parent,
            watch_filter=ours,
            recursive=False,
            step=_STEP_MS,
            debounce=_STEP_MS,
        ):
            await told.look()
