"""Where the progress of stores is shown.

This module must not know how it is drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console

    from storeorch.cli.progress.view import PlannedStep
    from storeorch.models import Store


class Screen(ABC):
    """Shows stores between entering and leaving.

    Args:
        console: Where to write.
        now: The time of day, aware.
    """

    def __init__(self, console: Console, now: Callable[[], datetime]) -> None:
        self.console = console
        self.now = now

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        return None

    @abstractmethod
    def update(self, key: str, store: Store, plan: Sequence[PlannedStep]) -> None:
        """Show a store as it is now."""

    @abstractmethod
    def gone(self, key: str) -> None:
        """Show that a store is gone."""
