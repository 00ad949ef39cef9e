"""What holds for every test run, however it was started."""

from __future__ import annotations

import signal

from greenlet import _greenlet  # type: ignore[import-untyped]
from hypothesis import HealthCheck, settings


def pytest_configure() -> None:
    """Take SIGINT as at a terminal, let threads end quickly, and let hypothesis take its time.

    Shells have background jobs, and their children, ignore SIGINT. At the end of each thread
    that SQLAlchemy ran in, greenlet looks through all objects of the process for who may still
    hold something of it; with the many threads and objects of a test run that takes minutes.
    How long an example takes says more of the machine than of the code.
    """
    settings.register_profile(
        "patient",
        settings.get_profile(settings.get_current_profile_name()),
        deadline=None,
        suppress_health_check=(HealthCheck.too_slow,),
    )
    settings.load_profile("patient")
    _greenlet.enable_optional_cleanup(False)  # noqa: FBT003 - it takes no other
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
