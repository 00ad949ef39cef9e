"""What requests are carried out with.

This module must know no route.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from fastapi import Request

if TYPE_CHECKING:
    from storeorch import Orchestrator
    from storeorch_webapp.feed import Feed
    from storeorch_webapp.metrics import Metrics
    from storeorch_webapp.rates import RateLimiter
    from storeorch_webapp.settings import WebSettings
    from storeorch_webapp.tokens import TokenStore


@dataclass(frozen=True, slots=True)
class Services:
    """What one app works with, from its start to its end.

    Attributes:
        settings: The app's settings.
        orchestrator: The library.
        tokens: Who may do what.
        rates: Who asks too often.
        feed: What happens to the stores.
        log_streams: How many more may follow the logs of a store.
        metrics: What is counted.
    """

    settings: WebSettings
    orchestrator: Orchestrator
    tokens: TokenStore
    rates: RateLimiter
    feed: Feed
    log_streams: asyncio.Semaphore
    metrics: Metrics


def services_of(request: Request) -> Services:
    """Return what the app works with; a dependency of routes."""
    return cast("Services", request.app.state.services)
