"""What holds for every test run, however it was started."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take SIGINT as at a terminal: shells have background jobs, and their children, ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
