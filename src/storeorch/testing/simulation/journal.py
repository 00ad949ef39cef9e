"""Who works on what, for the doubles to tell and for the promises to judge.

This module must know no double and no promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from typing_extensions import override

from storeorch.models import Claim

_working: ContextVar[Claim | None] = ContextVar("working", default=None)


@contextmanager
def working(claim: Claim) -> Iterator[None]:
    """Let what the body does, and what it starts, be done under a claim."""
    token = _working.set(claim)
    try:
        yield
    finally:
        _working.reset(token)


def present_claim() -> Claim | None:
    """Return the claim under which the present task works, or None."""
    return _working.get()


class Entry(NamedTuple):
    """One line of what happened.

    Attributes:
        at: When, in seconds of virtual time.
        who: The process, or ``world`` for what came from outside.
        what: What it did, passed or met.
    """

    at: float
    who: str
    what: str

    @override
    def __str__(self) -> str:
        """Return the line as it is printed."""
        return f"{self.at:12.6f} {self.who:<12} {self.what}"


class Journal:
    """All that happened, in order, and how often each kind of trouble came.

    Attributes:
        entries: What happened.
        troubles: How often each kind of trouble came that is no strike of a fault plan.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.troubles: Counter[str] = Counter()

    def write(self, at: float, who: str, what: str) -> None:
        """Add a line."""
        self.entries.append(Entry(at, who, what))

    def trouble(self, at: float, kind: str, detail: str = "") -> None:
        """Add a line about trouble, and count it."""
        self.troubles[kind] += 1
        self.write(at, "world", f"{kind} {detail}".rstrip())
