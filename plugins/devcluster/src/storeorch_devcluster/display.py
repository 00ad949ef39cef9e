"""How progress and status look in a terminal, and in a log without one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from types import TracebackType

    from rich.status import Status as Spinner

    from storeorch_devcluster.progress import Progress
    from storeorch_devcluster.status import Status

PLAIN_INTERVAL: Final = 15.0
"""Seconds between two lines about the same piece of work where there is no terminal."""


class Display:
    """Shows reports of progress on standard error.

    With a terminal the present piece of work is a line with a spinner, and
    each finished one a line with its duration in seconds. Without one every
    piece of work is a plain line.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._spinner: Spinner | None = None
        self._message = ""
        self._since = self._spoken = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._spinner = self._console.status("")
            self._spinner.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._finish()
        if self._spinner is not None:
            self._spinner.stop()

    def report(self, progress: Progress) -> None:
        """Show one report."""
        now = time.monotonic()
        if not progress.detail:
            self._finish()
            self._message, self._since, self._spoken = progress.message, now, now
            if self._spinner is None:
                self._console.print(f"{progress.message} …", markup=False)
        elapsed = now - self._since
        if self._spinner is not None:
            detail = f" ({progress.detail}, {elapsed:.0f} s)" if progress.detail else ""
            self._spinner.update(f"{self._message}{detail}")
        elif progress.detail and now - self._spoken >= PLAIN_INTERVAL:
            self._spoken = now
            self._console.print(f"  {progress.detail}, {elapsed:.0f} s", markup=False)

    def _finish(self) -> None:
        if self._message and self._spinner is not None:
            elapsed = time.monotonic() - self._since
            self._console.print(f"✓ {self._message} ({elapsed:.1f} s)", markup=False)
        self._message = ""


def print_status(status: Status) -> None:
    """Print a status on standard output, for people."""
    console = Console(highlight=False, soft_wrap=True)
    if status.provider is None:
        console.print("There is no development cluster.")
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    nodes = "simulated: pods do not run" if status.simulated else "real"
    rows = {
        "up": "yes" if status.up else "no",
        "provider": status.provider,
        "context": status.context,
        "server": status.server,
        "version": status.version,
        "nodes": nodes,
        "kubeconfig": status.kubeconfig,
        "ingress": status.ingress,
        "ingress (TLS)": status.ingress_tls,
        "gateway": status.gateway,
        "logs": status.logs,
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    for process in status.processes:
        table.add_row(process.name, f"pid {process.pid}" if process.pid else "not running")
    for node in status.nodes:
        runtime = f", {node.runtime}" if node.runtime else ""
        table.add_row(f"node {node.name}", ("ready" if node.ready else "not ready") + runtime)
    console.print(table)
