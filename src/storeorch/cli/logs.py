"""Where log records go while a command runs.

Records of ``storeorch`` and below are made for users; those of
``storeorch.operator`` carry foreign text and tracebacks. Both go into the
operator's log, a file of JSON lines; on standard error are only the former,
unless ``--verbose`` asks for both. Everything is redacted on its way out.

This module must know no command.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import click
from typing_extensions import override

from storeorch.redaction import redact

ROOT_LOGGER: Final = "storeorch"
OPERATOR_LOGGER: Final = "storeorch.operator"

MAX_BYTES: Final = 10_000_000
"""Size at which the operator's log is rotated, in bytes."""

BACKUPS: Final = 3
"""How many rotated files are kept."""

_LINE: Final = ("%(asctime)s %(message)s", "%H:%M:%S")

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Writes a record as one redacted JSON object."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": redact(record.getMessage()),
        }
        for key, value in vars(record).items():
            if key not in _STANDARD:
                entry[key] = value if _is_number(value) else redact(str(value))
        if record.exc_info:
            entry["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


class PrivateFile(RotatingFileHandler):
    """A rotated file in a folder of its own that only its owner may read."""

    @override
    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Created with its mode from the start: an opened file cannot be made secret again.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return super()._open()


class OperatorLog(logging.Handler):
    """The operator's log; opened by the first record, and never in a command's way.

    Args:
        path: Returns the file's path, or None for no log; called by the first record.
        warn: Told once if the log cannot be written.
    """

    def __init__(self, path: Callable[[], Path | None], warn: Callable[[str], object]) -> None:
        super().__init__()
        self._path = path
        self._warn = warn
        self._file: PrivateFile | None = None
        self._given_up = False

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if self._given_up:
            return
        try:
            if self._file is None:
                self._file = self._make()
            if self._file is not None:
                self._file.emit(record)
        except Exception:  # noqa: BLE001 - a log that cannot be written breaks no command
            self._given_up = True
            self._warn(
                "Warning: The operator's log cannot be written; check STOREORCH_LOG_FILE "
                "(see: storeorch settings list)."
            )

    @override
    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    def _make(self) -> PrivateFile | None:
        path = self._path()
        if path is None:
            self._given_up = True
            return None
        file = _Raising(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8", delay=True)
        file.setFormatter(JsonLines())
        return file


class _Raising(PrivateFile):
    """Leaves failures to the `OperatorLog` around it."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        raise  # noqa: PLE0704 - logging calls this while the failure is being handled


class _WithoutTraceback(logging.Formatter):
    """Leaves what an error was caused by to the operator's log."""

    @override
    def formatException(self, ei: object) -> str:
        return ""


class StandardError(logging.Handler):
    """Shows warnings made for users as lines on standard error, and more where told so."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._verbose = False
        self.setFormatter(_WithoutTraceback(*_LINE))

    def show_progress(self) -> None:
        """Show what is of interest to users although nothing is wrong."""
        self.setLevel(min(self.level, logging.INFO))

    def show_everything(self) -> None:
        """Show what is made for operators too, down to the finest detail."""
        self._verbose = True
        self.setFormatter(logging.Formatter(*_LINE))
        self.setLevel(logging.DEBUG)
        logging.getLogger(ROOT_LOGGER).setLevel(logging.DEBUG)

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return (self._verbose or record.name != OPERATOR_LOGGER) and bool(super().filter(record))

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            click.echo(redact(self.format(record)), err=True)
        except OSError:
            # Nobody reads standard error any more; there is nowhere left to say so.
            self.setLevel(logging.CRITICAL + 1)


@contextmanager
def logs(path: Callable[[], Path | None]) -> Iterator[StandardError]:
    """Send log records where they belong while a command runs.

    Args:
        path: Returns the path of the operator's log, or None.

    Yields:
        The handler for standard error, for a command that shows more than warnings.
    """
    logger = logging.getLogger(ROOT_LOGGER)
    before = logger.level
    shown = StandardError()
    handlers = (OperatorLog(path, lambda text: click.echo(text, err=True)), shown)
    logger.setLevel(logging.INFO)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield shown
    finally:
        logger.setLevel(before)
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)
