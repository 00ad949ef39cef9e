"""Durations as people write them: ``90s``, ``10m``, ``1h30m``, ``90d``, ``600``.

This module must know no other module of storeorch.
"""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_PLAIN = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_WRITTEN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)


def parse(text: str) -> float | None:
    """Read a duration.

    Args:
        text: For example ``90s``, ``10m``, ``1h30m``, or plain seconds.

    Returns:
        Seconds, or None if it is not a duration.
    """
    text = text.strip().lower()
    if _PLAIN.fullmatch(text):
        return float(text)
    found = _WRITTEN.fullmatch(text)
    if not text or not found:
        return None
    return sum(
        float(part) * unit
        for part, unit in zip(found.groups(), _UNITS.values(), strict=True)
        if part
    )


def written(seconds: float) -> str:
    """Write a duration as people do.

    Args:
        seconds: How long; below ten seconds one decimal is kept.

    Returns:
        For example ``2.1s``, ``42s``, ``10m`` or ``1h30m``.
    """
    if seconds < 10:  # noqa: PLR2004 - explained above
        return f"{seconds:.1f}s"
    rest = round(seconds)
    parts = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
