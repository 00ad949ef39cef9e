"""The operator's log: a file of JSON lines that only its owner may read.

It holds the full detail of every error, tracebacks and foreign text included, under the
error id that users were shown. Everything is redacted on its way out. Programs that use
the library open it with ``operator_log``; the command line does so by itself.

This module must know no command and no module that logs.
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

from typing_extensions import override

from storeorch.redaction import new_error_id, redact

ROOT_LOGGER: Final = "storeorch"
OPERATOR_LOGGER: Final = "storeorch.operator"

MAX_BYTES: Final = 10_000_000
"""Size at which the operator's log is rotated, in bytes."""

BACKUPS: Final = 3
"""How many rotated files are kept."""

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


@contextmanager
def operator_log(path: Path | None, warn: Callable[[str], object] | None = None) -> Iterator[None]:
    """Keep the operator's log while the body runs.

    Args:
        path: The file, as ``Settings.log_file`` names it; None keeps none.
        warn: Told once, in one sentence, if the log cannot be written.
    """
    logger = logging.getLogger(ROOT_LOGGER)
    before = logger.level
    handler = OperatorLog(lambda: path, warn or (lambda _sentence: None))
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
        handler.close()


def report_error(what: str, error: BaseException, **extra: object) -> str:
    """Write an error with all its causes into the operator's log.

    Args:
        what: What could not be done, without foreign text.
        error: The error.
        **extra: What else an operator may want to know.

    Returns:
        The error id that it stands under, to be shown to the user.
    """
    error_id = new_error_id()
    logging.getLogger(OPERATOR_LOGGER).error(
        what, exc_info=error, extra={**extra, "error_id": error_id}
    )
    return error_id


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)
