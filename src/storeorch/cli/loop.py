"""Run a command's coroutine, and end it in good order when a signal comes.

This module must know no command.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end.

    SIGINT and SIGTERM cancel it, so that what it holds is given back.

    Raises:
        KeyboardInterrupt: It was interrupted.
    """
    with asyncio.Runner() as runner:
        try:
            return runner.run(_cancelled_by_sigterm(main))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def _cancelled_by_sigterm(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        return await main
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await main
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
