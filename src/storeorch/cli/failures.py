"""Turn whatever a command raises into sentences on standard error and an exit status.

| status | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage |
| 3 | the wait timed out, the work goes on |
| 4 | the environment is not ready |
| 130 | interrupted |

Text of foreign errors is never shown: it goes into the operator's log, under
the error id that is shown. This module must know no command.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from click.exceptions import Exit, NoArgsIsHelpError, UsageError

from storeorch.cli.context import note
from storeorch.errors import InternalError, InvalidDeclaration, StoreorchError
from storeorch.redaction import new_error_id

INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""

operator_log = logging.getLogger("storeorch.operator")


@contextmanager
def failures_shown(command: Callable[[], str]) -> Iterator[None]:
    """Show what goes wrong inside and leave with the right status.

    Args:
        command: Returns what was run, for the operator's log.

    Raises:
        click.exceptions.Exit: Something went wrong; it has been shown.
    """
    try:
        yield
    except (NoArgsIsHelpError, Exit, BrokenPipeError):
        raise
    except UsageError as error:
        # click would put its own three lines around the sentence.
        show_sentences(" ".join(error.format_message().split()), _usage_hint(error), None)
        raise Exit(error.exit_code) from error
    except click.ClickException:
        raise
    except (KeyboardInterrupt, click.Abort) as error:
        note("Interrupted.")
        raise Exit(INTERRUPTED) from error
    except Exception as error:
        cause = _single(error)
        show(cause, command())
        status = cause.exit_code if isinstance(cause, StoreorchError) else 1
        raise Exit(status) from error


def show(error: BaseException, command: str) -> None:
    """Write an error on standard error, and its full detail into the operator's log.

    Args:
        error: What happened.
        command: What was run, for the operator's log.
    """
    if not isinstance(error, StoreorchError):
        unexpected = InternalError("Something unexpected went wrong inside storeorch.")
        show_sentences(unexpected.message, unexpected.hint, _record(error, command))
        return
    # A declaration that is not valid is explained in full by its own sentence.
    foreign = error.__cause__ is not None and not isinstance(error, InvalidDeclaration)
    error_id = _record(error, command) if foreign else None
    show_sentences(error.message, error.hint, error_id)


def show_sentences(message: str, hint: str | None, error_id: str | None) -> None:
    """Write an error's sentences on standard error."""
    note(f"Error: {message}")
    if hint:
        note(f"Hint: {hint}")
    if error_id:
        note(f"Error id: {error_id}")


def _usage_hint(error: UsageError) -> str | None:
    return f"See what is possible with: {error.ctx.command_path} --help" if error.ctx else None


def _record(error: BaseException, command: str) -> str:
    error_id = new_error_id()
    operator_log.error(
        "command failed", exc_info=error, extra={"error_id": error_id, "command": command}
    )
    return error_id


def _single(error: BaseException) -> BaseException:
    """Return the first of a group that consists of our errors only, as task groups raise them."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_single(one) for one in error.exceptions]
    ours = all(isinstance(leaf, StoreorchError) for leaf in leaves)
    return leaves[0] if ours else error
