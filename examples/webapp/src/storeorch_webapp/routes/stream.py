"""``/api/events/stream``: everything that happens, as Server-Sent Events.

Messages, of which only those of history have an id:

- ``hello``: the first one. ``id`` is the place from which to resume.
- ``change``: a ``Change``: what was written into a history, and the store as it is now.
- ``reset``: too much was missed; what is known has to be read anew.

A message is encoded once for all streams, and what waits for one is sent in one piece:
two hundred streams that are told of a change hold up nothing else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from storeorch.errors import DatabaseUnavailable
from storeorch_webapp.access import Principal, Viewer, still_welcome
from storeorch_webapp.failures import Refused, documented
from storeorch_webapp.feed import REPLAYED_AT_MOST, Listener, Told, Wanted
from storeorch_webapp.routes.stores import With
from storeorch_webapp.services import Services

router = APIRouter(
    prefix="/api/events", tags=["events"], responses=documented(400, 401, 403, 422, 429, 500, 503)
)

_RETRY_MS: Final = 1000
"""How long browsers wait before they come back, in milliseconds."""

_RECHECK_SECONDS: Final = 10.0
"""How often a stream looks whether its token still holds; a quiet one then shows that it lives."""

HEADERS: Final = {"X-Accel-Buffering": "no"}
"""Proxies must not collect what is told."""

DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Messages, until the client leaves.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class Watchman:
    """Looks from time to time whether the token of a stream still holds.

    Args:
        request: What the stream was asked for with.
        services: What the app works with.

    Attributes:
        due: When it has to look again, in the event loop's time.
    """

    def __init__(self, request: Request, services: Services) -> None:
        self._request = request
        self._services = services
        self.due = asyncio.get_running_loop().time() + _RECHECK_SECONDS

    async def admits(self) -> bool:
        """Return whether the stream may go on; a database that is away ends none."""
        now = asyncio.get_running_loop().time()
        if now < self.due:
            return True
        self.due = now + _RECHECK_SECONDS
        try:
            return await still_welcome(self._request, self._services)
        except DatabaseUnavailable:
            return True


@asynccontextmanager
async def listening(services: Services, wanted: Wanted) -> AsyncIterator[Listener]:
    """Hold one of the streams that may be open at once; its listener is told when the app ends.

    Raises:
        Refused: All of them are open.
    """
    if services.feed.listeners >= services.settings.max_streams:
        raise too_many("Too many event streams are open.", "poll GET /api/stores")
    async with services.feed.listening(wanted) as listener:
        yield listener


def too_many(message: str, instead: str) -> Refused:
    """Return the refusal of one more stream."""
    return Refused(
        503,
        "too-many-streams",
        message,
        hint=f"Try again later, or {instead}.",
        headers={"Retry-After": "5"},
    )


@dataclass(frozen=True, slots=True)
class Subscription:
    """One stream that is about to begin.

    Attributes:
        request: The request.
        services: What the app works with.
        who: Who listens.
        listener: Told everything from the beginning on.
        after: The last event that was told before; None begins now.
        now: The newest event when the listener was there.
    """

    request: Request
    services: Services
    who: Principal
    listener: Listener
    after: int | None
    now: int


async def subscribe(
    request: Request,
    who: Viewer,
    services: With,
    *,
    store: Annotated[str | None, Query(max_length=36, description="Only of this store.")] = None,
    last_event_id: Annotated[
        str | None, Header(description="Resume after this one; browsers send it by themselves.")
    ] = None,
) -> AsyncIterator[Subscription]:
    """Check what was asked for, and hold a listener while the stream runs.

    Raises:
        Refused: The place to resume from is not one, or there are too many streams.
    """

    def wanted(told: Told) -> bool:
        return who.may_see(told.owner) and store in {None, told.store_id}

    async with listening(services, wanted) as listener:
        now = await services.orchestrator.last_event()
        yield Subscription(request, services, who, listener, _place(last_event_id, now), now)


@router.get("/stream", response_model=None, responses=DOCUMENTED)
async def stream(
    subscription: Annotated[Subscription, Depends(subscribe)],
) -> EventSourceResponse:
    """Tell of everything that happens to the stores, as it comes."""
    return EventSourceResponse(_chunks(subscription), headers=HEADERS)


async def _chunks(subscription: Subscription) -> AsyncIterator[bytes]:
    now = subscription.now
    after = now if subscription.after is None else subscription.after
    if now - after > REPLAYED_AT_MOST:
        yield _reset(now)
        after = now
    yield message("hello", {"cursor": after}, after)
    async for told in _missed(subscription, after):
        yield _change(told)
    async for several in _live(subscription):
        chunk = b"".join(_change(told) for told in several if told.id is None or told.id > now)
        yield chunk or KEEPALIVE_COMMENT
    if subscription.listener.lost:
        yield _reset(None)


async def _missed(subscription: Subscription, after: int) -> AsyncIterator[Told]:
    feed, who = subscription.services.feed, subscription.who
    async for told in feed.missed(after, subscription.now, owner=who.owner):
        if subscription.listener.wants(told):
            yield told


async def _live(subscription: Subscription) -> AsyncIterator[list[Told]]:
    """Yield changes until the app ends, the listener is lost, or its token holds no more.

    Nothing is yielded from time to time where nothing happens.
    """
    watchman = Watchman(subscription.request, subscription.services)
    while await watchman.admits():
        several: list[Told] = []
        with suppress(TimeoutError):
            async with asyncio.timeout_at(watchman.due):
                several = await subscription.listener.next()
        yield several
        if subscription.listener.ended:
            return


def _place(last_event_id: str | None, now: int) -> int | None:
    """Return where to resume.

    Raises:
        Refused: It is no place that this database gave out.
    """
    if not last_event_id:
        return None
    is_number = last_event_id.isascii() and last_event_id.isdigit()
    if not is_number or len(last_event_id) > len(str(now)) or int(last_event_id) > now:
        raise Refused(
            400,
            "invalid-cursor",
            "Last-Event-ID is not one that was given out here.",
            hint="Read the stores anew, and begin the stream without it.",
        )
    return int(last_event_id)


@lru_cache(maxsize=4096)
def _change(told: Told) -> bytes:
    return format_sse_event(
        event="change", id=None if told.id is None else str(told.id), data_str=told.data
    )


def message(name: str, content: object, place: int | None = None) -> bytes:
    """Encode a message of a stream; ``place`` is where to resume after it."""
    return format_sse_event(
        event=name,
        id=None if place is None else str(place),
        data_str=json.dumps(content),
        retry=_RETRY_MS,
    )


def _reset(place: int | None) -> bytes:
    return message("reset", {}, place)
