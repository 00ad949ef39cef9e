"""Reads Server-Sent Events as the specification says, for tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from httpx_sse import EventSource, ServerSentEvent


@dataclass(frozen=True)
class Message:
    """One message of a stream."""

    event: str
    id: str
    data: str

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.data)
        return found


def messages(response: httpx.Response) -> Iterator[Message]:
    """Yield the messages of a blocking stream."""
    for event in EventSource(response).iter_sse():
        if event.data:  # a comment is none
            yield _message(event)


async def read(response: httpx.Response) -> AsyncIterator[Message]:
    """Yield the messages of an asynchronous stream."""
    async for event in EventSource(response).aiter_sse():
        if event.data:  # a comment is none
            yield _message(event)


def _message(event: ServerSentEvent) -> Message:
    return Message(event.event, event.id, event.data)
