"""The points at which a double can be interrupted.

A double awaits its checkpoint between any two effects, so that other tasks run
there, and so that a ``FaultPlan`` can strike there.

This module must know no double.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Checkpoint = Callable[[str], Awaitable[None]]
"""Awaited with the name of the point; may raise, cancel or take its time."""


async def pass_by(point: str) -> None:  # noqa: ARG001 - the form of a checkpoint
    """Let other tasks run, and nothing else."""
    await asyncio.sleep(0)


class Interruptible:
    """Base of the doubles: named checkpoints, and errors that a test asks for.

    Args:
        port: The first part of the points' names.
        checkpoint: Awaited at each point.

    Attributes:
        errors: What a method raises when it is called, by its name, until the
            entry is dropped; for example ``cluster.errors["apply"] = ClusterRefused``.
        calls: How often each method was called.
    """

    def __init__(self, port: str, checkpoint: Checkpoint) -> None:
        self.errors: dict[str, Callable[[], BaseException]] = {}
        self.calls: dict[str, int] = {}
        self._port = port
        self._checkpoint = checkpoint

    async def _enter(self, method: str) -> None:
        self.calls[method] = self.calls.get(method, 0) + 1
        await self._checkpoint(f"{self._port}.{method}:begin")
        if error := self.errors.get(method):
            raise error()

    async def _point(self, method: str, moment: str) -> None:
        await self._checkpoint(f"{self._port}.{method}:{moment}")
