"""Where log records go while a command runs.

Records of ``storeorch`` and below are made for users; those of
``storeorch.operator`` carry foreign text and tracebacks. Both go into the
operator's log, a file of JSON lines; on standard error are only the former,
unless ``--verbose`` asks for both. Everything is redacted on its way out.

This module must know no command.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from typing_extensions import override

from storeorch.operatorlog import OPERATOR_LOGGER, ROOT_LOGGER, OperatorLog
from storeorch.redaction import redact

_LINE: Final = ("%(asctime)s %(message)s", "%H:%M:%S")


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
