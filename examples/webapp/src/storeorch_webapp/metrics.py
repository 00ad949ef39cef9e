"""What is counted, for Prometheus.

This module must know no route.
"""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storeorch import Orchestrator, Status

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_ELSEWHERE: Final = "other"
"""Label of requests that no route took: their paths are anyone's invention."""


class Metrics:
    """The app's own registry; several apps of one process do not meet in it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "storeorch_web_requests",
            "Requests that were answered",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "storeorch_web_request_seconds",
            "Seconds until the answer began",
            ("method", "route"),
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self.streams = Gauge(
            "storeorch_web_streams", "Event streams that are open", registry=self.registry
        )
        self.stores = Gauge(
            "storeorch_stores", "Stores by status", ("status",), registry=self.registry
        )
        self.engines = Gauge(
            "storeorch_engines",
            "Engines that gave a sign of life lately",
            registry=self.registry,
        )

    async def render(self, orchestrator: Orchestrator, *, streams: int) -> bytes:
        """Return all figures in Prometheus' text format.

        Args:
            orchestrator: Asked for what the database knows.
            streams: How many event streams are open.
        """
        counts = await orchestrator.count()
        for status in Status:
            self.stores.labels(status.value).set(counts.get(status, 0))
        self.engines.set(len(await orchestrator.engines()))
        self.streams.set(streams)
        return generate_latest(self.registry)


class Measured:
    """Counts requests and how long their answers took to begin.

    Args:
        app: What answers.
        metrics: Where it is counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", _ELSEWHERE)
                method = scope["method"] if route != _ELSEWHERE else _ELSEWHERE
                self._metrics.requests.labels(method, route, str(message["status"])).inc()
                self._metrics.seconds.labels(method, route).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, watch)
