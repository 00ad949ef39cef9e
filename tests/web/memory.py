"""The app on a cluster, a Helm and a database in memory, with the engine inside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import httpx
import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from storeorch import Orchestrator, Settings, Store, StoreType, hookimpl
from storeorch.clock import SystemClock
from storeorch.plugins import Plugins
from storeorch.testing import (
    MemoryCluster,
    MemoryHosts,
    MemoryReleases,
    MemoryRepository,
    SampleShop,
)
from storeorch.wiring import Adapters
from storeorch_webapp import WebSettings, create_app
from storeorch_webapp.services import Services
from storeorch_webapp.tokens import Role

PATIENCE: Final = 60.0
"""Seconds after which something that does not come true fails the test."""


class Memory:
    """All that the app talks to, and the app.

    Args:
        folder: Where the app's own tables go.

    Attributes:
        database: File of the app's own tables.
        cluster: The cluster.
        repository: The database of the stores.
        settings: The library's settings.
    """

    def __init__(self, folder: Path) -> None:
        self.database = folder / "web.db"
        clock = SystemClock()
        self.cluster = MemoryCluster(clock, ready_lag=0, terminating_lag=0)
        self.releases = MemoryReleases(self.cluster, max_processes=4)
        self.repository = MemoryRepository(clock)
        self.clock = clock
        self.settings = Settings(
            _env_prefix="STOREORCH_TESTS_ONLY_",
            database_url=f"sqlite:///{self.database}",
            actor="tester",
            log_file=None,
        )

    def orchestrator(self, *, engine: bool = True) -> Orchestrator:
        """Return the library's front door, over a connection of its own."""
        return Orchestrator(
            self.settings,
            offering(SampleShop()),
            engine=engine,
            adapters=self._adapters,
            repository=self.repository.connect(),
            clock=self.clock,
        )

    def app(self, *, engine: bool = True, **settings: Any) -> FastAPI:
        """Return an app that has not started."""
        given = {"rate_limit": "off", **settings}
        return create_app(
            WebSettings(**given), orchestrator=lambda: self.orchestrator(engine=engine)
        )

    @asynccontextmanager
    async def started(self, *, engine: bool = True, **settings: Any) -> AsyncIterator[FastAPI]:
        """Start an app, and end it."""
        app = self.app(engine=engine, **settings)
        async with app.router.lifespan_context(app):
            yield app

    @asynccontextmanager
    async def visited(
        self, *, engine: bool = True, **settings: Any
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Start an app, and be a client with the token of the operator alice."""
        async with (
            self.started(engine=engine, **settings) as app,
            self.client(app, await self.token(app)) as client,
        ):
            yield client

    def client(self, app: FastAPI, token: str | None = None, **headers: str) -> httpx.AsyncClient:
        """Return a client of a started app, without a network in between."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 40000))
        return httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:3000", headers=headers
        )

    async def token(
        self,
        app: FastAPI,
        role: Role = Role.OPERATOR,
        owner: str = "alice",
        *,
        lasts: float | None = None,
    ) -> str:
        """Make a token."""
        return await services(app).tokens.create(role=role, owner=owner, lasts=lasts)

    def _adapters(self) -> Adapters:
        async def close() -> None:
            pass

        return Adapters(self.cluster, self.releases, MemoryHosts(), close)


def services(app: FastAPI) -> Services:
    """Return what a started app works with."""
    found = app.state.services
    assert isinstance(found, Services)
    return found


def offering(*types: StoreType) -> Plugins:
    """Return plugins that offer just these types."""
    hook: Callable[[], Sequence[StoreType]] = lambda: types  # noqa: E731
    plugins = Plugins([])
    plugins.register(SimpleNamespace(storeorch_store_types=hookimpl(hook)), "tests")
    return plugins


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app over a socket on loopback, in this process; yields the address."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await server.up.wait()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """Says when it is up, and leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @override
    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @override
    def capture_signals(self) -> AbstractAsyncContextManager[None]:  # type: ignore[override]
        from contextlib import nullcontext

        return nullcontext()


async def until(memory: Memory, holds: Callable[[Store | None], object]) -> None:
    """Wait until the only store, or None once there is none, is as wanted."""
    async with memory.repository.changes() as changes, asyncio.timeout(PATIENCE):
        while True:
            rows = [row.store for row in memory.repository.rows.values()]
            if holds(rows[0] if rows else None):
                return
            await changes.wait()
