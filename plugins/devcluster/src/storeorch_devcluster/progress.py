"""What a long operation says about itself while it runs.

This module must not know how progress is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of progress.

    Attributes:
        message: What is being done, one short phrase; it changes only when
            the next piece of work begins.
        detail: How far it has come, or empty at the beginning of the piece.
    """

    message: str
    detail: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.message}: {self.detail}" if self.detail else self.message


Report = Callable[[Progress], object]
"""Receives reports of progress; ``print`` is one."""


def silent(_progress: Progress, /) -> None:
    """Report nothing."""
