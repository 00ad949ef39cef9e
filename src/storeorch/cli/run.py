"""``storeorch run``: an engine in a process of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

import click

from storeorch.cli.context import CliContext, note, pass_context

if TYPE_CHECKING:
    from storeorch.orchestrator import Orchestrator


@click.command("run")
@pass_context
def run_engine(context: CliContext) -> None:
    """Run an engine until it is told to stop.

    Works on all stores of the database and writes a line on standard error for
    each store that changes its status. SIGTERM or Ctrl-C stops it in good
    order; the second one stops it at once, and the next start repairs what was
    left half-done.
    """
    if context.log is not None:
        context.log.show_progress()
    with asyncio.Runner() as runner:
        try:
            runner.run(_main(context.orchestrator()))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def _main(o: Orchestrator) -> None:
    with _Signals() as signals:
        async with o:
            await o.require_environment()
            signals.stop = o.stop
            note("The engine is running. Stop it with Ctrl-C or SIGTERM.")
            await o.run()
    note("The engine has stopped.")


class _Signals:
    """The first signal stops the engine, the second cancels all, the third is the system's."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked = False
        self.stop: Callable[[], None] = self._cancel_all

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._arrived)
        return self

    def __exit__(self, *_error: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)

    def _arrived(self) -> None:
        if not self._asked:
            self._asked = True
            note("Stopping: what is being done is finished first. Once more stops at once.")
            self.stop()
            return
        note("Stopping at once.")
        self._cancel_all()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    def _cancel_all(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
