"""Puts the app together.

Everything that talks to the outside is opened when the app starts and closed when it
ends, so making one costs nothing and touches nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

import storeorch
from storeorch import Orchestrator, StoreorchError
from storeorch_webapp import dashboard, failures, guards
from storeorch_webapp.feed import Feed
from storeorch_webapp.metrics import Measured, Metrics
from storeorch_webapp.rates import RateLimiter
from storeorch_webapp.routes import logs, state, stores, stream, types
from storeorch_webapp.services import Services
from storeorch_webapp.settings import Auth, EnginePlace, WebSettings
from storeorch_webapp.tokens import TokenStore

_DESCRIPTION = """Create, watch, change and delete e-commerce stores on Kubernetes.

Answers are `{"success": true, "data": …}`; refusals are `{"success": false, "error":
{"code", "message", "hint", "error_id"}}`. Times are ISO 8601 in UTC."""

OpenTokens = Callable[[str], AbstractAsyncContextManager[TokenStore]]


def create_app(
    settings: WebSettings | None = None,
    *,
    orchestrator: Callable[[], Orchestrator] | None = None,
    open_tokens: OpenTokens = TokenStore.open,
) -> FastAPI:
    """Make the ASGI application.

    Args:
        settings: The app's settings; None reads them from the environment.
        orchestrator: Makes the library's front door; None does as the settings say.
        open_tokens: Opens the tokens of the database at a URL; for tests.

    Raises:
        EnvironmentNotReady: A setting has a value that is not possible.
    """
    settings = settings or WebSettings.load()
    settings.check_exposure()
    metrics = Metrics()
    make = orchestrator or (lambda: from_settings(settings))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push(_remember(app))
            o = make()
            await Orchestrator.upgrade_database(o.settings)
            tokens = await stack.enter_async_context(open_tokens(o.settings.database_url))
            await stack.enter_async_context(o)
            feed = Feed(o)
            await stack.enter_async_context(feed.running())
            app.state.services = Services(
                settings,
                o,
                tokens,
                RateLimiter(settings.rate_limit),
                feed,
                asyncio.Semaphore(settings.max_log_streams),
                metrics,
            )
            yield

    app = FastAPI(
        title="storeorch",
        version=storeorch.__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    failures.install(app)
    for routes in (stores, logs, types, stream, state):
        app.include_router(routes.router)
    dashboard.install(app, settings.dashboard)
    _protect(app, settings, metrics)
    return app


def _remember(app: FastAPI) -> Callable[..., None]:
    """Return an exit that keeps why the app could not start, for whoever serves it."""

    def leave(_kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, StoreorchError):
            app.state.failure = error

    return leave


def from_settings(settings: WebSettings) -> Orchestrator:
    """Make the library's front door as the app's settings say."""
    inside = settings.engine is EnginePlace.INSIDE
    return Orchestrator.from_settings(settings.library(), engine=inside)


def _protect(app: FastAPI, settings: WebSettings, metrics: Metrics) -> None:
    """Put around the app what holds for all of it; what is added last is outermost."""
    origins = settings.cors_origins.split()
    app.add_middleware(guards.BodyLimit, most=settings.max_body)
    app.add_middleware(Measured, metrics=metrics)
    if settings.auth is Auth.OFF:
        app.add_middleware(guards.LoopbackOnly, origins=origins)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
        expose_headers=["Location", "Retry-After"],
        max_age=600,
    )
    app.add_middleware(guards.SecurityHeaders)
    app.add_middleware(failures.LastResort)
