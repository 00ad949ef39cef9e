"""What tests of the web app share: the app in memory, in this process, and for real."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.integration.api import Api
from tests.postgresql import PostgresServer
from tests.web.live import LiveApp, environment, live
from tests.web.memory import Memory, served

from storeorch_devcluster import EmbeddedCluster


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the environment of whoever runs the tests, and any ``.env``, out of them."""
    names = {"DATABASE_URL", "HOST", "PORT", "DOMAIN", "RECONCILE_INTERVAL"}
    for name in [*os.environ]:
        ours = name.startswith("STOREORCH_") and name != "STOREORCH_DEV_CACHE"
        if ours or name.startswith("DB_") or name in names:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


# -- in memory ------------------------------------------------------------------


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """Return cluster, Helm and database in memory, and an app on them."""
    return Memory(tmp_path)


@pytest.fixture
async def app(memory: Memory) -> AsyncIterator[FastAPI]:
    """The app with authentication, started."""
    async with memory.started() as app:
        yield app


@pytest.fixture
async def client(app: FastAPI, memory: Memory) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token of an operator who is called alice."""
    async with memory.client(app, await memory.token(app)) as client:
        yield client


@pytest.fixture
def serve(memory: Memory) -> Callable[[FastAPI], AbstractAsyncContextManager[str]]:
    """Serve an app over a real socket, for streams; yields the address."""
    return served


# -- for real -------------------------------------------------------------------


@pytest.fixture(scope="session")
def embedded_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """Start a control plane with simulated nodes."""
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def api(embedded_cluster: EmbeddedCluster) -> Iterator[Api]:
    """The API server, for a person with all rights."""
    made = Api(embedded_cluster.kubeconfig)
    yield made
    made.close()


@pytest.fixture
def live_app(tmp_path: Path, embedded_cluster: EmbeddedCluster, api: Api) -> Iterator[LiveApp]:
    """The real app with its engine, on the embedded API server, without authentication.

    The store type ``probe`` of the integration tests is installed beside the shipped ones.
    """
    environ = environment(tmp_path, embedded_cluster.kubeconfig, STOREORCH_WEB_AUTH="off")
    with live(tmp_path, environ) as app:
        yield app
    _clear(api)


@pytest.fixture
def guarded_app(tmp_path: Path, embedded_cluster: EmbeddedCluster, api: Api) -> Iterator[LiveApp]:
    """The same with authentication; see ``LiveApp.token``."""
    environ = environment(tmp_path, embedded_cluster.kubeconfig)
    with live(tmp_path, environ) as app:
        yield app
    _clear(api)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database."""
    yield postgres.create("web")
    postgres.drop("web")


def _clear(api: Api) -> None:
    """Remove from the cluster what stores of a test have left."""
    selector = "app.kubernetes.io/managed-by%3Dstoreorch"
    for namespace in api.items(f"/api/v1/namespaces?labelSelector={selector}"):
        api.delete(f"/api/v1/namespaces/{namespace['metadata']['name']}")
