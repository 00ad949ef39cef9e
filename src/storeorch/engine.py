"""The running loop: wake-ups, claims, bounded concurrency, leases, shutdown.

Nothing here polls. The loop sleeps until the database says that something was
committed, the cluster's watch names a store, a running pass ends, or the first
store falls due.

Leases: a lease lasts ``lease_duration`` L by the database's clock. The engine
renews all leases in one statement every L/3. Each pass has a timer of its own that
cancels it once its lease was not confirmed for 2L/3 by our monotonic clock,
counted from before the statement was sent, whether or not the database answers.
So a worker stops at least L/3 before another may start. Where the timer could not
run in time, since the whole process stood still, adapters refuse to change
anything for that pass (``fencing``).

A newer declaration ends a pass that is under way for an older one: it is noticed
when the lease is renewed, and that is done at once where a pass lasts long.

This module must not know steps, adapters, nor what a pass does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from storeorch.errors import LeaseLost, StoreorchError
from storeorch.fencing import Lease, held
from storeorch.models import Claim, Status, StoreFilter
from storeorch.ports import Changes, Clock, Repository
from storeorch.redaction import new_error_id
from storeorch.settings import Settings
from storeorch.workqueue import WorkQueue

log = logging.getLogger("storeorch")
operator_log = logging.getLogger("storeorch.operator")

BEAT_SECONDS: Final = 5.0
"""How often an engine gives a sign of life."""

_FIRST_LOOK_SECONDS: Final = 5.0
"""How long claims wait for the cluster's first full look; it may be out of reach."""

_RECONNECT_SECONDS: Final = 1.0
"""Pause before a loop that failed (database or cluster away) tries again."""

_CONTENDED_SECONDS: Final = (0.01, 0.5)
"""First and longest pause while a store that is due is locked by another transaction."""

_LONG_SECONDS: Final = 1.0
"""A pass that lasts longer is told of a newer declaration at once, not at the next renewal."""

_PRUNE_SECONDS: Final = 3600.0
"""How often events that need not be kept any longer are dropped."""

_PAGE: Final = 500
"""Stores that are read at once when all are looked at."""

_AWAKE: Final = StoreFilter(statuses=frozenset(Status) - {Status.FAILED})
"""Stores that may have something to do; one that failed waits for a person."""

Watch = Callable[[], AbstractAsyncContextManager[AsyncIterator[str]]]


@dataclass(slots=True)
class _Running:
    """A pass under way."""

    claim: Claim
    lease: Lease
    began: float
    task: asyncio.Task[None]
    timer: asyncio.TimerHandle


class Engine:
    """Brings stores to their declarations, as many at once as allowed.

    Args:
        repository: Where work is claimed.
        reconcile: Runs one pass and gives the lease back.
        watch: The cluster's watch; yields ids of stores whose objects changed.
        clock: Time.
        settings: Concurrency, lease and shutdown settings.
        worker: Name of this engine, unique among all that share the database.
        only: If given, no other store is worked on.
    """

    def __init__(
        self,
        *,
        repository: Repository,
        reconcile: Callable[[Claim], Awaitable[None]],
        watch: Watch,
        clock: Clock,
        settings: Settings,
        worker: str,
        only: Sequence[str] | None = None,
    ) -> None:
        self._repository = repository
        self._reconcile = reconcile
        self._watch = watch
        self._clock = clock
        self._settings = settings
        self._worker = worker
        self._only = list(only) if only is not None else None
        self._queue: WorkQueue[str] = WorkQueue()
        self._running: dict[str, _Running] = {}
        self._stopping = asyncio.Event()
        self._freed = asyncio.Event()
        self._looked = asyncio.Event()
        self._declared = asyncio.Event()
        self._contended = 0.0

    @property
    def worker(self) -> str:
        """The engine's name."""
        return self._worker

    def include(self, store_id: str) -> None:
        """Work on this store too, in an engine that was restricted to some."""
        if self._only is not None and store_id not in self._only:
            self._only.append(store_id)
        self._queue.add(store_id)

    def stop(self) -> None:
        """Take no new work; ``run`` returns when the running passes have ended."""
        self._stopping.set()
        self._looked.set()

    async def run(self) -> None:
        """Work until ``stop`` is called or the task is cancelled.

        Running passes may take ``shutdown_grace`` seconds to end, then they are
        cancelled and their leases given back at once.
        """
        async with AsyncExitStack() as stack:
            work = await self._subscribe(stack)
            if work is None:
                return
            loops = [
                asyncio.create_task(self._guard(loop), name=f"engine-{name}")
                for name, loop in (
                    ("beat", self._beat),
                    ("renew", self._renew),
                    ("cluster", self._follow_cluster),
                    ("prune", self._prune),
                    ("dispatch", lambda: self._dispatch(work)),
                )
            ]
            try:
                await self._stopping.wait()
                # A claim that is cut short would hold its leases until they expire.
                await asyncio.wait([loops[-1]], timeout=self._settings.shutdown_grace)
                await self._drain(self._settings.shutdown_grace)
            finally:
                for loop in loops:
                    loop.cancel()
                await self._drain(0)
                await asyncio.gather(*loops, return_exceptions=True)
                await self._farewell()

    async def _subscribe(self, stack: AsyncExitStack) -> Changes | None:
        """Ask to be told of work, also from a database that has just gone; None once stopped."""
        while not self._stopping.is_set():
            try:
                return await stack.enter_async_context(self._repository.work())
            except StoreorchError as error:
                self._report(error, "work is not told of")
                await self._clock.sleep(_RECONNECT_SECONDS)
        return None

    # -- loops ----------------------------------------------------------------

    async def _guard(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Run a loop again after every failure: a missing database or cluster comes back."""
        while not self._stopping.is_set():
            try:
                await loop()
            except Exception as error:  # noqa: BLE001 - the engine outlives what it depends on
                self._report(error, "engine loop failed")
                await self._clock.sleep(_RECONNECT_SECONDS)

    async def _beat(self) -> None:
        """Give signs of life; an engine restricted to some stores is none that others may trust."""
        while True:
            if self._only is None:
                await self._repository.beat(self._worker)
            await self._clock.sleep(BEAT_SECONDS)

    async def _prune(self) -> None:
        """Drop old events from time to time; any engine may, and it costs little if all do."""
        retention = self._settings.event_retention
        while self._only is None and retention > 0:
            await self._repository.prune_events(older_than=retention)
            await self._clock.sleep(_PRUNE_SECONDS)
        await self._stopping.wait()

    async def _follow_cluster(self) -> None:
        async with self._watch() as store_ids:
            await self._look_at_all()
            self._looked.set()
            async for store_id in store_ids:
                if self._only is None or store_id in self._only:
                    self._queue.add(store_id)

    async def _look_at_all(self) -> None:
        """Look at every store once: what changed while nobody watched was told to nobody."""
        cursor: str | None = None
        while True:
            page = await self._repository.list(_AWAKE, limit=_PAGE, cursor=cursor)
            for store in page.items:
                if self._only is None or store.id in self._only:
                    self._queue.add(store.id)
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _dispatch(self, work: Changes) -> None:
        try:
            async with asyncio.timeout(_FIRST_LOOK_SECONDS):
                await self._looked.wait()
        except TimeoutError:
            log.warning("the cluster does not answer yet; going on without its watch")
        while not self._stopping.is_set():
            self._freed.clear()
            free = self._settings.max_passes - len(self._running)
            next_due = await self._claim(free) if free > 0 else None
            await self._wait_for_work(work, next_due)

    async def _claim(self, free: int) -> float | None:
        """Claim what is due or wanted, start the passes, say when the next is due."""
        wanted = self._queue.take(free)
        asked_at = self._clock.monotonic()
        try:
            batch = await self._repository.claim(
                self._worker,
                limit=free,
                lease=self._settings.lease_duration,
                wanted=wanted,
                only=self._only,
            )
        except BaseException:
            for store_id in wanted:
                self._queue.done(store_id)
                self._queue.add(store_id)
            raise
        claimed = {claim.store.id for claim in batch.claims}
        for store_id in wanted:
            if store_id not in claimed:
                self._queue.done(store_id)
                if len(claimed) == free:
                    self._queue.add(store_id)
        for claim in batch.claims:
            if self._stopping.is_set():
                await self._give_back(claim, due_in=0)
                continue
            if claim.store.id in self._running:
                # Our own lease ran out while a cancelled pass still winds up: not before it has.
                await self._give_back(claim, due_in=_RECONNECT_SECONDS)
                continue
            self._queue.begin(claim.store.id)
            lease = Lease(self._until(asked_at), self._clock.monotonic)
            task = asyncio.create_task(self._pass(claim, lease), name=f"pass-{claim.store.name}")
            timer = _cancel_at_end(task, lease)
            self._running[claim.store.id] = _Running(claim, lease, asked_at, task, timer)
        if batch.claims or batch.next_due != 0:
            self._contended = 0.0
            return batch.next_due
        first, longest = _CONTENDED_SECONDS
        self._contended = min(2 * self._contended or first, longest)
        return self._contended

    async def _wait_for_work(self, work: Changes, next_due: float | None) -> None:
        waits: list[Coroutine[Any, Any, object]] = [
            work.wait(),
            self._freed.wait(),
            self._stopping.wait(),
        ]
        if len(self._running) < self._settings.max_passes:
            waits.append(self._queue.wait())
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, timeout=next_due, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                # What failed would fail again at once: the loop pauses before the next try.
                tasks[0].result()
                long_ago = self._clock.monotonic() - _LONG_SECONDS
                if any(run.began < long_ago for run in self._running.values()):
                    self._declared.set()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self) -> None:
        lease = self._settings.lease_duration
        while True:
            await self._pause(lease / 3)
            held = {store_id: run.claim.epoch for store_id, run in self._running.items()}
            if not held:
                continue
            asked_at = self._clock.monotonic()
            try:
                async with asyncio.timeout(lease / 3):
                    kept = await self._repository.renew(self._worker, held, lease=lease)
            except (StoreorchError, TimeoutError) as error:
                self._report(error, "leases not renewed")
                continue
            for store_id, epoch in held.items():
                run = self._running.get(store_id)
                if run is None or run.claim.epoch != epoch:
                    continue
                if kept.get(store_id) == run.claim.store.generation:
                    run.timer.cancel()
                    run.lease.until = self._until(asked_at)
                    run.timer = _cancel_at_end(run.task, run.lease)
                else:
                    run.task.cancel()

    async def _pause(self, seconds: float) -> None:
        """Wait, but less if a store was declared anew and a pass under way may be for it."""
        pause = asyncio.ensure_future(self._clock.sleep(seconds))
        declared = asyncio.ensure_future(self._declared.wait())
        try:
            await asyncio.wait((pause, declared), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pause, declared):
                task.cancel()
            await asyncio.gather(pause, declared, return_exceptions=True)
            self._declared.clear()

    def _until(self, asked_at: float) -> float:
        """Return when a pass must have ended whose lease was asked for at that moment."""
        return asked_at + self._settings.lease_duration * 2 / 3

    # -- passes ---------------------------------------------------------------

    async def _pass(self, claim: Claim, lease: Lease) -> None:
        store_id = claim.store.id
        try:
            with held(lease):
                await self._reconcile(claim)
        except LeaseLost:
            log.info("store %s: taken over by another worker", claim.store.name)
        except asyncio.CancelledError:
            await self._give_back(claim, due_in=0)
            raise
        except Exception as error:  # noqa: BLE001 - one pass must not end the engine
            self._report(error, "pass not concluded", claim)
            await self._give_back(claim, due_in=self._settings.backoff_base)
        finally:
            self._running.pop(store_id).timer.cancel()
            self._queue.done(store_id)
            self._freed.set()

    async def _give_back(self, claim: Claim, *, due_in: float) -> None:
        """Give a lease back early; if that fails it ends by itself."""
        try:
            await asyncio.shield(self._repository.give_back(claim, due_in=due_in))
        except StoreorchError as error:
            self._report(error, "lease not given back", claim)

    async def _drain(self, grace: float) -> None:
        tasks = [run.task for run in self._running.values()]
        if not tasks:
            return
        _, pending = await asyncio.wait(tasks, timeout=grace)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _farewell(self) -> None:
        if self._only is not None:
            return
        try:
            await self._repository.beat(self._worker, alive=False)
        except StoreorchError as error:
            self._report(error, "engine not signed off")

    def _report(self, error: BaseException, what: str, claim: Claim | None = None) -> None:
        error_id = new_error_id()
        sentence = error.message if isinstance(error, StoreorchError) else "Something unexpected."
        log.warning("%s: %s (error id %s)", what, sentence, error_id)
        operator_log.error(
            what,
            exc_info=error,
            extra={
                "error_id": error_id,
                "store_id": claim.store.id if claim else None,
                "store_name": claim.store.name if claim else None,
            },
        )


def _cancel_at_end(task: asyncio.Task[None], lease: Lease) -> asyncio.TimerHandle:
    """Cancel a pass when its lease has run out, unless this is undone."""
    return asyncio.get_running_loop().call_later(max(lease.left, 0), task.cancel)


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[Engine]:
    """Run an engine beside the body, and stop it at the end."""
    task = asyncio.create_task(engine.run(), name=f"engine-{engine.worker}")
    try:
        yield engine
    finally:
        engine.stop()
        await task
