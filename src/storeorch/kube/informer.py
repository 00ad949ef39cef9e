"""Keep an index true to the cluster: list once, then watch for ever.

- Every change that was made while this runs is seen, late but never lost: a
  watch goes on from the version the last one had reached, and a version that
  the server no longer keeps leads to a new list, compared with what was known.
- A watch that silently died is noticed within ``Timing.idle`` seconds.
- What fails is tried again for ever, with exponential backoff and jitter; the
  first failure and the recovery are logged, and ``error`` tells meanwhile.
- A kind that the cluster may do without is looked for now and then, quietly.

It must not know what summaries mean, nor who is told of changes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from storeorch.errors import ClusterRefused, StoreorchError
from storeorch.kube.connection import Connection
from storeorch.kube.errors import ApiStatus, Gone
from storeorch.kube.index import Index
from storeorch.kube.resources import METADATA_ONLY, Call, Json, Resource, Verb
from storeorch.ports import Clock

S = TypeVar("S")

_log = logging.getLogger(__name__)

_PATIENCE: Final = 3
"""Failures in a row after which going on is given up and all is listed anew."""

_ABSENT: Final = frozenset({403, 404})
"""What the server answers for a kind that it does not know, or that the role does not name."""

_SHORT: Final = 1.0
"""Seconds; a watch that ends sooner without an event counts as failed."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds.

    Attributes:
        server: Range from which the length of a watch is drawn; client-go draws
            from 300 to 600.
        grace: How much later than the server the client ends a watch.
        idle: Without a byte for so long a watch counts as dead. The API server
            sends a bookmark every minute to those who ask for them.
        backoff_base: Longest wait after the first failure; doubles each time.
        backoff_cap: Longest wait between attempts.
        absent: Wait before an optional kind is looked for again.
    """

    server: tuple[float, float] = (240, 300)
    grace: float = 15
    idle: float = 100
    backoff_base: float = 0.5
    backoff_cap: float = 30
    absent: float = 120


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """What is watched, and what is kept of it.

    Attributes:
        resource: The kind of object.
        summarise: Makes the summary; None means that the object is not kept.
        params: Selectors.
        metadata_only: Leave everything but the metadata in the cluster.
        limit: How many summaries are kept for one namespace.
        bookmarks: Whether the server sends them; it does not for events, which
            it does not keep in its watch cache.
        optional: The cluster may not have the kind, or not let it be seen.
    """

    resource: Resource
    summarise: Callable[[Json], S | None]
    params: Mapping[str, str] = field(default_factory=dict)
    metadata_only: bool = False
    limit: int | None = None
    bookmarks: bool = True
    optional: bool = False


class Informer(Generic[S]):
    """Keeps an index of one kind true to the cluster while ``run`` runs.

    Args:
        kind: What to watch.
        connection: To the cluster.
        wanted: Whether objects of a namespace are kept.
        changed: Told of each namespace in which a summary changed, after it did,
            with the summary before.
        clock: Time.
        timing: How long things may take.
        rng: Source of jitter.

    Attributes:
        index: The summaries.
        looked: Set after the first attempt to list, whether it succeeded or not.
        error: Why the cluster is not being watched right now, or None.
    """

    def __init__(
        self,
        kind: Kind[S],
        connection: Connection,
        *,
        wanted: Callable[[str], bool],
        changed: Callable[[str, S | None], None],
        clock: Clock,
        timing: Timing,
        rng: random.Random,
    ) -> None:
        self.kind = kind
        self.index: Index[S] = Index(kind.limit)
        self.looked = asyncio.Event()
        self.error: StoreorchError | None = None
        self._connection = connection
        self._wanted = wanted
        self._changed = changed
        self._clock = clock
        self._timing = timing
        self._rng = rng
        self._version: str | None = None
        self._synced = False
        self._just_listed = False
        self._failures = 0

    @property
    def usable(self) -> bool:
        """Whether the index may be read instead of the cluster."""
        return self._version is not None and self.error is None

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                if self._version is None:
                    await self._list()
                await self._watch()
            except Gone:
                self._version = None
                # The list comes at once, but for one that is out of date already: something is
                # amiss then.
                if self._just_listed:
                    self._failures += 1
                    await self._back_off()
            except StoreorchError as error:
                await self._failed(error)
            except Exception as error:  # noqa: BLE001 (one kind must not stop the others)
                await self._failed(self._unexpected(error))

    async def _list(self) -> None:
        fresh: Index[S] = Index(self.kind.limit)
        version = ""
        async for page in self._connection.pages(
            self.kind.resource, params=self.kind.params, metadata_only=self.kind.metadata_only
        ):
            version = page["metadata"]["resourceVersion"]
            for obj in page.get("items") or ():
                self._take(fresh, obj)
        first = not self._synced
        differing = self.index.replace(fresh)
        self._version = version
        self._synced = self._just_listed = True
        self._recovered()
        if not first:
            for namespace, before in differing.items():
                self._changed(namespace, before)

    async def _watch(self) -> None:
        low, high = self._timing.server
        if not self.kind.bookmarks:
            # Only the end of the watch is a sign of life, so it has to come sooner.
            low, high = low / 3, high / 3
        seconds = self._rng.uniform(low, high)
        total = seconds + self._timing.grace
        call = Call(
            Verb.WATCH,
            self.kind.resource,
            params={
                **self.kind.params,
                "watch": "1",
                "allowWatchBookmarks": "true",
                "resourceVersion": self._version or "",
                "timeoutSeconds": str(max(1, round(seconds))),
            },
            accept=METADATA_ONLY if self.kind.metadata_only else "application/json",
        )
        idle = self._timing.idle if self.kind.bookmarks else total
        began, events = self._clock.monotonic(), 0
        async with self._connection.stream(call, idle=idle, total=total) as stream:
            if self.error is not None:
                self._recovered()
            async for event in stream:
                self._handle(event)
                self._failures = 0
                self._just_listed = False
                events += 1
        if not events and self._clock.monotonic() - began < _SHORT:
            raise ClusterRefused("The cluster ends watches at once.")
        self._failures = 0
        self._just_listed = False

    def _handle(self, event: Json) -> None:
        obj = event["object"]
        namespace, name = _key(obj["metadata"])
        if event["type"] != "BOOKMARK" and self._wanted(namespace):
            before = self.index.get(namespace, name)
            if event["type"] == "DELETED":
                self.index.drop(namespace, name)
            else:
                self._take(self.index, obj)
            if self.index.get(namespace, name) != before:
                self._changed(namespace, before)
        self._version = obj["metadata"]["resourceVersion"]

    def _take(self, index: Index[S], obj: Json) -> None:
        namespace, name = _key(obj["metadata"])
        if not self._wanted(namespace):
            return
        try:
            summary = self.kind.summarise(obj)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # One object of a strange shape must not hide all the others.
            plural = self.kind.resource.plural
            _log.error("cannot read %s %s/%s", plural, namespace, name, exc_info=error)
            summary = None
        if summary is None:
            index.drop(namespace, name)
        else:
            index.put(namespace, name, summary)

    async def _failed(self, error: StoreorchError) -> None:
        answer = error.__cause__
        absent = isinstance(answer, ApiStatus) and answer.status in _ABSENT and self.kind.optional
        if self.error is None and absent:
            _log.debug("%s are not offered by the cluster", self.kind.resource.plural)
        elif self.error is None:
            _log.warning("watching %s failed", self.kind.resource.plural, exc_info=error)
        self.error = error
        self._just_listed = False
        self.looked.set()
        if absent:
            self._version = None
            await self._clock.sleep(self._timing.absent)
            return
        self._failures += 1
        if self._failures >= _PATIENCE and isinstance(error.__cause__, ApiStatus):
            # The server answers, but not to this: its memory may have been set back.
            self._version = None
        await self._back_off()

    def _recovered(self) -> None:
        if self.error is not None:
            _log.warning("watching %s again", self.kind.resource.plural)
        self.error = None
        self.looked.set()

    async def _back_off(self) -> None:
        longest = self._timing.backoff_base * 2 ** min(self._failures - 1, 16)
        longest = min(longest, self._timing.backoff_cap)
        await self._clock.sleep(longest * self._rng.uniform(0.5, 1))

    def _unexpected(self, error: Exception) -> StoreorchError:
        translated = ClusterRefused(f"The cluster refuses to watch {self.kind.resource.plural}.")
        translated.__cause__ = error
        return translated


def _key(metadata: Mapping[str, Any]) -> tuple[str, str]:
    # A namespace is its own namespace, and a bookmark has no name at all.
    name: str = metadata.get("name", "")
    return metadata.get("namespace") or name, name
