"""Watch any number of stores until all of them are settled, and show how they get there.

This module must not know why a store is followed, nor who works on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from storeorch.cli.progress.live import LiveScreen
from storeorch.cli.progress.plain import PlainScreen
from storeorch.cli.progress.screen import Screen
from storeorch.cli.progress.view import PlannedStep, plan_from, settled
from storeorch.durations import written
from storeorch.errors import UnknownStoreType, WaitTimeout
from storeorch.models import Store

if TYPE_CHECKING:
    from rich.console import Console

    from storeorch.storetype import StoreType


class WatchesStores(Protocol):
    """The part of an orchestrator that is needed to follow stores."""

    def watch(self, name_or_id: str) -> AsyncGenerator[Store]:
        """Yield the store now and after every change; end when it is gone."""
        ...

    def type(self, name: str) -> StoreType:
        """Return the store type of that name or raise ``UnknownStoreType``."""
        ...


def _now() -> datetime:
    return datetime.now(UTC)


async def follow_stores(
    o: WatchesStores,
    names: Sequence[str],
    console: Console,
    timeout: float | None = None,
    *,
    endless: bool = False,
    now: Callable[[], datetime] = _now,
) -> Mapping[str, Store | None]:
    """Show stores side by side until each is ready, degraded, failed or gone.

    On a terminal each store's steps are shown live, with ticks and the seconds
    they took; elsewhere each change of a step or a status is one line.

    Args:
        o: An orchestrator; whether an engine runs inside it does not matter.
        names: Names or ids of the stores.
        console: Where to show them.
        timeout: Seconds to wait at most; None waits for ever.
        endless: Go on after a store is settled, until it is gone.
        now: The time of day, aware; for tests.

    Returns:
        By name or id as given: the store as it settled, or None if it is gone.

    Raises:
        StoreNotFound: There is no such store.
        WaitTimeout: The time is up; nothing was cancelled.
    """
    live = console.is_terminal and not console.is_dumb_terminal
    screen: Screen = LiveScreen(console, now) if live else PlainScreen(console, now)
    with screen:
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await _all(
                    {name: _follow(o, name, screen, endless=endless) for name in names}
                )
        except TimeoutError:
            if not limit.expired():
                raise
            raise WaitTimeout(
                f"The wait timed out after {written(timeout or 0)}; nothing was cancelled."
            ) from None


async def _all(
    work: Mapping[str, Coroutine[object, object, Store | None]],
) -> Mapping[str, Store | None]:
    """Run side by side; the first error ends all. A task group would wrap it into a group."""
    tasks = {name: asyncio.create_task(one) for name, one in work.items()}
    try:
        await asyncio.gather(*tasks.values())
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    return {name: task.result() for name, task in tasks.items()}


async def _follow(o: WatchesStores, name: str, screen: Screen, *, endless: bool) -> Store | None:
    plan: tuple[PlannedStep, ...] | None = None
    async with aclosing(o.watch(name)) as stores:
        async for store in stores:
            if plan is None:
                plan = _plan(o, store)
            screen.update(name, store, plan or plan_from(store))
            if settled(store) and not endless:
                return store
    screen.gone(name)
    return None


def _plan(o: WatchesStores, store: Store) -> tuple[PlannedStep, ...]:
    try:
        store_type = o.type(store.type)
    except UnknownStoreType:
        # Another process, which has the plugin, does the work.
        return ()
    return tuple(PlannedStep(step.name, step.condition) for step in store_type.steps())
