"""``/api/stores/{id}/logs``: what the containers of a store write, once or as they go on.

Followed, it is a stream of Server-Sent Events, without ids because a log has no place to
resume from:

- ``hello``: the first one; the last lines of each container come next, also after a return.
- ``lines``: several ``LogLineOut``, in the order in which they were read.
- ``end``: all containers have ended, or none was started yet.
- ``error``: an ``ErrorBody``, why no more comes.

After the last two there is nothing to come back for. What waits is sent in one piece, a
few times a second, so containers that write a lot wait rather than hold up everyone else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse

from storeorch import LogLine, Store, errors
from storeorch_webapp.access import Operator
from storeorch_webapp.failures import documented, told_of
from storeorch_webapp.models import LogLineOut, LogList, LogPage
from storeorch_webapp.routes.stores import REFUSALS, With, seen
from storeorch_webapp.routes.stream import (
    DOCUMENTED,
    HEADERS,
    Watchman,
    listening,
    message,
    too_many,
)

TAIL_AT_MOST: Final = 1000
"""Lines of one container that are asked for."""

LINES_AT_MOST: Final = 10_000
"""Lines in one answer."""

TEXT_AT_MOST: Final = 4 * 1024 * 1024
"""Characters after which an answer takes no more lines."""

_ANSWER_SECONDS: Final = 30.0
"""How long all containers together may take to hand out what they have written."""

_WAITING: Final = 500
"""Lines that may wait for a slow client."""

_PAUSE_SECONDS: Final = 0.1
"""Shortest time between two messages."""

router = APIRouter(prefix="/api/stores", tags=["stores"], responses=REFUSALS)


class Following:
    """Logs that are being followed.

    Args:
        watchman: Knows whether that may go on.

    Attributes:
        last: The message to end with, once there is an end.
    """

    def __init__(self, watchman: Watchman) -> None:
        self.last = b""
        self._watchman = watchman
        self._send, self._receive = anyio.create_memory_object_stream[LogLine](_WAITING)

    async def read(self, lines: AsyncIterator[LogLine], path: str) -> None:
        """Read until the end, which is told in the place of an answer to ``path``."""
        with self._send:
            try:
                async for line in lines:
                    await self._send.send(line)
                self.last = message("end", {})
            except Exception as error:  # noqa: BLE001 - the answer has begun, so it is told there
                self.last = message("error", told_of(error, path).model_dump(mode="json"))

    async def batches(self) -> AsyncIterator[Sequence[LogLine]]:
        """Yield what was read, as it comes; nothing from time to time where nothing comes.

        Ends when the reading does, or when the token holds no more.
        """
        while await self._watchman.admits():
            several: list[LogLine] = []
            try:
                async with asyncio.timeout_at(self._watchman.due):
                    several.append(await self._receive.receive())
                while len(several) < _WAITING:
                    several.append(self._receive.receive_nowait())
            except anyio.EndOfStream:
                if not several:
                    return
            except (anyio.WouldBlock, TimeoutError):
                pass  # That is all for now.
            yield several
            await asyncio.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """Let go of what nobody reads any more."""
        self._send.close()
        self._receive.close()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, and may be seen.

    Attributes:
        store: The store.
        tail: How many of the last lines of each container.
        following: What is read on; None where all is read at once.
    """

    store: Store
    tail: int
    following: Following | None


async def wanted(
    request: Request,
    store_id: str,
    who: Operator,
    services: With,
    *,
    follow: Annotated[
        bool, Query(description="Go on as they write, as Server-Sent Events, until all have ended.")
    ] = False,
    tail: Annotated[
        int,
        Query(
            ge=0,
            le=TAIL_AT_MOST,
            description="How many of the last lines of each container to begin with.",
        ),
    ] = 100,
) -> AsyncIterator[Wanted]:
    """Check what was asked for, and read on while the stream runs if it is followed.

    Raises:
        StoreNotFound: There is no such store, or it belongs to someone else.
        Refused: Too many logs are followed, or there are too many streams.
    """
    store = await seen(store_id, who, services)
    if not follow:
        yield Wanted(store, tail, None)
        return
    if services.log_streams.locked():
        raise too_many("Too many logs are followed.", "ask without follow")
    async with services.log_streams, listening(services, lambda _: False) as listener:
        following = Following(Watchman(request, services))
        lines = services.orchestrator.logs(store.id, follow=True, tail=tail)
        reading = asyncio.create_task(following.read(lines, request.url.path))
        ending = asyncio.create_task(listener.next())
        ending.add_done_callback(lambda _: reading.cancel())
        try:
            yield Wanted(store, tail, following)
        finally:
            ending.cancel()
            reading.cancel()
            await asyncio.gather(ending, reading, return_exceptions=True)
            following.close()


@router.get(
    "/{store_id}/logs",
    response_model=LogList,
    responses={
        200: {**DOCUMENTED[200], "description": "The last lines; followed, a stream of them."},
        **documented(404, 502),
    },
)
async def get_logs(
    wanted: Annotated[Wanted, Depends(wanted)], services: With
) -> LogList | EventSourceResponse:
    """Return what the containers of a store have written, or tell it as they go on.

    At most 10000 lines, and about 4 MiB of text, are in an answer; a line has at most
    16384 characters.
    """
    if wanted.following is not None:
        return EventSourceResponse(_chunks(wanted.following), headers=HEADERS)
    lines = services.orchestrator.logs(wanted.store.id, tail=wanted.tail)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS), aclosing(lines):
            return await _list_of(lines)
    except TimeoutError as error:
        raise errors.ClusterUnavailable("The cluster does not hand out the logs.") from error


async def _list_of(lines: AsyncIterator[LogLine]) -> LogList:
    found: list[LogLineOut] = []
    length = 0
    async for line in lines:
        if len(found) == LINES_AT_MOST or length > TEXT_AT_MOST:
            return LogList(data=tuple(found), page=LogPage(more=True))
        found.append(LogLineOut.of(line))
        length += len(line.text)
    return LogList(data=tuple(found), page=LogPage(more=False))


async def _chunks(following: Following) -> AsyncIterator[bytes]:
    yield message("hello", {})
    async for several in following.batches():
        shown = [LogLineOut.of(line).model_dump() for line in several]
        yield message("lines", shown) if shown else KEEPALIVE_COMMENT
    if following.last:
        yield following.last
