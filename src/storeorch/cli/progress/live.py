"""Progress as a picture that is drawn anew while it changes, for terminals.

This module must know no store but the views it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text
from typing_extensions import override

from storeorch.cli.progress.screen import Screen
from storeorch.cli.progress.view import (
    PlannedStep,
    StepState,
    StepView,
    StoreView,
    view_gone,
    view_store,
)
from storeorch.durations import written

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

    from storeorch.models import Store

_FRAMES_PER_SECOND: Final = 8

STATUS_STYLES: Final = {
    "provisioning": "cyan",
    "ready": "green",
    "updating": "cyan",
    "degraded": "yellow",
    "failed": "red",
    "deleting": "magenta",
    "deleted": "green",
}
"""Colour by status."""

_SYMBOLS: Final = {
    StepState.PENDING: ("·", ".", "dim"),
    StepState.CURRENT: ("…", ">", "cyan"),
    StepState.DONE: ("✓", "+", "green"),
    StepState.RETRYING: ("!", "!", "yellow"),
    StepState.FAILED: ("✗", "x", "red"),
}


class LiveScreen(Screen):
    """Draws each store with its steps; one line a store where the terminal is too low."""

    def __init__(self, console: Console, now: Callable[[], datetime]) -> None:
        super().__init__(console, now)
        self._views: dict[str, Callable[[], StoreView]] = {}
        self._spinner = Spinner("dots")
        self._live = Live(self, console=console, refresh_per_second=_FRAMES_PER_SECOND)

    @override
    def __enter__(self) -> Self:
        self._live.start()
        return self

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    @override
    def update(self, key: str, store: Store, plan: Sequence[PlannedStep]) -> None:
        self._views[key] = lambda: view_store(store, plan, self.now())

    @override
    def gone(self, key: str) -> None:
        before = self._views.get(key)
        if before:
            last = view_gone(before())
            self._views[key] = lambda: last

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Draw all stores; called for every frame, from the thread that draws."""
        views = [view() for view in tuple(self._views.values())]
        width = max((len(view.name) for view in views), default=0)
        pictures = [list(self._draw(view, width, ascii_only=options.ascii_only)) for view in views]
        if sum(map(len, pictures)) > console.height - 1:
            pictures = [picture[:1] for picture in pictures]
        for picture in pictures:
            for line in picture:
                line.truncate(options.max_width, overflow="ellipsis")
                yield line

    def _draw(self, view: StoreView, width: int, *, ascii_only: bool) -> Iterator[Text]:
        head = Text(view.name.ljust(width), style="bold")
        head.append(f"  {view.status:<12}", STATUS_STYLES.get(view.status, ""))
        head.append(f"  {view.done}/{len(view.steps)}  {written(view.seconds)}", "dim")
        current = view.current
        if view.url and current is None:
            head.append(f"  {view.url}", "underline")
        elif current:
            head.append(f"  {current.name}", "dim")
        yield head
        step_width = max((len(step.name) for step in view.steps), default=0)
        for step in view.steps:
            yield self._draw_step(step, step_width, ascii_only=ascii_only)
        if view.fault:
            yield Text(f"  {view.fault.message}", STATUS_STYLES.get(view.status, ""))
            if view.fault.hint:
                yield Text(f"  {view.fault.hint}", "dim")

    def _draw_step(self, step: StepView, width: int, *, ascii_only: bool) -> Text:
        symbol, plain_symbol, style = _SYMBOLS[step.state]
        line = Text("  ")
        if step.state is StepState.CURRENT and not ascii_only:
            frame = self._spinner.render(self.console.get_time())
            line.append(str(frame), style)
        else:
            line.append(plain_symbol if ascii_only else symbol, style)
        line.append(f" {step.name.ljust(width)}", "dim" if step.state is StepState.PENDING else "")
        line.append(f"  {'' if step.seconds is None else written(step.seconds):>6}", "dim")
        line.append(f"  {step.message}")
        return line
