"""A watch that silently dies on a real API server is noticed, and goes on without a loss.

Between client and server is a proxy that can stop forwarding without closing
anything, as a firewall that forgot a connection, or a server that lost its power.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from typing_extensions import override

from storeorch.kube import KubeCluster
from storeorch.kube.connection import Connection
from storeorch.kube.informer import Timing
from storeorch.kube.resources import Call, Json, Verb
from storeorch.ports import NamespacePhase
from storeorch_devcluster import EmbeddedCluster

pytestmark = pytest.mark.cluster

TIMING = Timing(idle=1.0, backoff_base=0.05, backoff_cap=0.2)
"""The server's bookmarks come once a minute: here every quiet watch counts as dead."""

PATIENCE = 60
"""Seconds after which a change that is not told of fails the test."""

READ_TIMEOUT = 1.0
"""Seconds until a call on a connection that died counts as failed."""


class Proxy:
    """Forwards bytes to the API server until it is told to fall silent."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: list[asyncio.Event] = []
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listener.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def fall_silent(self) -> int:
        """Forward nothing more on what is open, and close none; return how many those are."""
        stopped = [forwards for forwards in self._open if forwards.is_set()]
        for forwards in stopped:
            forwards.clear()
        return len(stopped)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        forwards = asyncio.Event()
        forwards.set()
        self._open.append(forwards)
        assert self._server.hostname is not None
        there = await asyncio.open_connection(self._server.hostname, self._server.port)
        for task in (
            asyncio.create_task(self._forward(reader, there[1], forwards)),
            asyncio.create_task(self._forward(there[0], writer, forwards)),
        ):
            self._tasks.add(task)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, forwards: asyncio.Event
    ) -> None:
        try:
            while data := await reader.read(65536):
                await forwards.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()


class Recorded(Connection):
    """Notes what is listed and watched."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(kubeconfig=kubeconfig, environ={}, read_timeout=READ_TIMEOUT)
        self.lists: list[str] = []
        self.watched: list[str] = []

    @override
    async def request(self, call: Call) -> Json:
        if call.verb is Verb.LIST:
            self.lists.append(call.resource.plural)
        return await super().request(call)

    @asynccontextmanager
    @override
    async def stream(self, call: Call, **limits: Any) -> AsyncIterator[AsyncIterator[Any]]:
        async with super().stream(call, **limits) as events:
            self.watched.append(call.resource.plural)
            yield events


@pytest.fixture
async def proxy(embedded_cluster: EmbeddedCluster) -> AsyncIterator[Proxy]:
    assert embedded_cluster.server is not None
    async with Proxy(embedded_cluster.server).running() as made:
        yield made


@pytest.fixture
async def recorded(
    proxy: Proxy, kubeconfig_content: dict[str, Any], tmp_path: Path
) -> AsyncIterator[Recorded]:
    path = tmp_path / "through-the-proxy"
    kubeconfig_content["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
    path.write_text(yaml.safe_dump(kubeconfig_content))
    made = Recorded(path)
    yield made
    await made.close()


async def told(changes: AsyncIterator[str], store_id: str) -> None:
    async with asyncio.timeout(PATIENCE):
        async for each in changes:
            if each == store_id:
                return


async def test_a_change_that_a_dead_watch_did_not_tell_is_told_by_the_next(
    proxy: Proxy, recorded: Recorded, shop: Any, clock: Any
) -> None:
    beyond = KubeCluster(recorded, clock=clock, timing=TIMING)
    async with beyond.watch() as changes:
        await shop.cluster.create_namespace(shop.namespace, shop.owner)
        await told(changes, shop.owner.store_id)
        before = list(recorded.lists)
        seen = len(recorded.watched)

        assert proxy.fall_silent() >= len(before), "each kind was to have a connection of its own"
        await shop.cluster.delete_namespace(shop.namespace, shop.owner)
        await told(changes, shop.owner.store_id)
        state = await beyond.namespace(shop.namespace)
        assert state.phase is not NamespacePhase.ACTIVE
        assert "namespaces" in recorded.watched[seen:]
        assert recorded.lists == before, "watches were to go on, not to begin anew"
    await beyond.close()
