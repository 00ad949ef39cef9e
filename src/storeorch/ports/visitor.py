"""A store's pages, as a customer sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of asking for a page.

    Attributes:
        status: HTTP status; None where nothing answered.
        body: The beginning of the answer.
        trouble: Where nothing answered: why, one sentence for users.
    """

    status: int | None
    body: bytes = b""
    trouble: str = ""


class Visitor(Protocol):
    """Asks for pages of stores through the ingress, as customers do."""

    async def visit(self, url: str) -> Visit:
        """Ask for one page.

        Args:
            url: The page; redirects within the store are followed.

        Returns:
            What came of it; an address at which nothing answers is no error.
        """
        ...
