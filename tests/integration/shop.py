"""A ready store with an object of every kind, and an engine that has nothing to do any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from storeorch import Orchestrator, Status, Store
from storeorch.models import Event

from . import shelf
from .api import PATIENCE
from .workplace import Workplace


@asynccontextmanager
async def shop(workplace: Workplace, **settings: Any) -> AsyncIterator[tuple[Orchestrator, Store]]:
    """Return a ready store, and an engine that has nothing to do any more."""
    plugins = workplace.plugins(shelf)
    async with workplace.orchestrator(plugins=plugins, **settings) as o:
        await o.create("my-store", type="shelf")
        yield o, await ready(o)


async def ready(o: Orchestrator) -> Store:
    store = await o.wait("my-store", timeout=PATIENCE)
    assert store is not None
    assert (store.status, store.fault) == (Status.READY, None)
    return store


async def told(o: Orchestrator, reason: str, says: str) -> Event:
    """Wait until the history has an event with that reason that says so."""
    found: list[Event] = []

    async def look() -> bool:
        found[:] = [
            each
            for each in await o.events("my-store")
            if each.reason == reason and says in each.message
        ]
        return bool(found)

    async with asyncio.timeout(PATIENCE):
        if not await look():
            async for _ in o.watch("my-store"):
                if await look():
                    break
    return found[0]
