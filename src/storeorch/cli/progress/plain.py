"""Progress as plain lines, one for each change of a step or a status.

This module must know no store but the views it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

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
    from rich.console import Console

    from storeorch.models import Store


class PlainScreen(Screen):
    """Writes ``my-store  release  done  2.1s  Release my-store revision 1 is deployed.``."""

    def __init__(self, console: Console, now: Callable[[], datetime]) -> None:
        super().__init__(console, now)
        self._shown: dict[str, StoreView] = {}

    @override
    def update(self, key: str, store: Store, plan: Sequence[PlannedStep]) -> None:
        view = view_store(store, plan, self.now())
        before = self._shown.get(key)
        self._shown[key] = view
        old_steps = {step.name: _essence(step) for step in before.steps} if before else {}
        for step in view.steps:
            if step.state is not StepState.PENDING and old_steps.get(step.name) != _essence(step):
                self._line(view.name, step.name, step.state.value, *_details(step))
        if view.fault and (before is None or before.fault != view.fault):
            self._line(view.name, "problem", view.fault.message, view.fault.hint)
        if before is None or before.status != view.status:
            self._status(view)

    @override
    def gone(self, key: str) -> None:
        before = self._shown.get(key)
        if before:
            self._status(view_gone(before))

    def _status(self, view: StoreView) -> None:
        self._line(view.name, "status", view.status, written(view.seconds), view.url)

    def _line(self, *words: str | None) -> None:
        text = "  ".join(word for word in words if word)
        self.console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def _essence(step: StepView) -> tuple[StepState, str]:
    return step.state, step.message


def _details(step: StepView) -> tuple[str | None, str]:
    # How long a step has lasted so far says nothing in a line that stays.
    took = step.seconds if step.state is StepState.DONE else None
    return (None if took is None else written(took)), step.message
