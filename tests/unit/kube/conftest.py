"""A small API server on the loopback interface that says what a test wants it to say."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from storeorch.kube.connection import Connection

TOKEN = "letter-and-seal"


@dataclass
class Sent:
    """What a client has sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Stream:
    """One watch that a client has opened; the test plays the server's part."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, type_: str, obj: dict[str, Any]) -> None:
        self._lines.put_nowait(json.dumps({"type": type_, "object": obj}).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        self._lines.put_nowait(data)

    def end(self) -> None:
        """End the answer as the server does when its timeout is over."""
        self._lines.put_nowait(None)

    async def play(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while (line := await self._lines.get()) is not None:
            await response.write(line)
        return response


Answer = tuple[int, Any] | Callable[[Sent], Awaitable[web.StreamResponse]]


@dataclass
class Api:
    """The server: answers by method and path, and the list of what was sent.

    Several answers for one call are given in turn, the last one for ever.
    """

    sent: list[Sent] = field(default_factory=list)
    streams: asyncio.Queue[Stream] = field(default_factory=asyncio.Queue)
    url: str = ""
    token: str | None = TOKEN
    _answers: dict[tuple[str, str], deque[Answer]] = field(
        default_factory=lambda: defaultdict(deque)
    )

    def on(self, method: str, path: str, status: int = 200, body: Any = None) -> None:
        """Add an answer."""
        self._answers[method, path].append((status, {} if body is None else body))

    def play(
        self, method: str, path: str, answer: Callable[[Sent], Awaitable[web.StreamResponse]]
    ) -> None:
        """Add an answer that is made from what was sent."""
        self._answers[method, path].append(answer)

    def calls(self, method: str | None = None) -> list[str]:
        """Return what was sent, as ``METHOD path``."""
        return [f"{s.method} {s.path}" for s in self.sent if method in {None, s.method}]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        sent = Sent(
            request.method,
            request.path,
            dict(request.query),
            {key.lower(): value for key, value in request.headers.items()},
            json.loads(text) if text else None,
        )
        self.sent.append(sent)
        if self.token and sent.headers.get("authorization") != f"Bearer {self.token}":
            return web.json_response({"kind": "Status", "code": 401}, status=401)
        if "watch" in sent.query and not self._answers["WATCH", sent.path]:
            stream = Stream(sent)
            self.streams.put_nowait(stream)
            return await stream.play(request)
        method = "WATCH" if "watch" in sent.query else sent.method
        answers = self._answers[method, sent.path]
        if not answers:
            return web.json_response({"kind": "Status", "message": "nothing here"}, status=404)
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if callable(answer):
            return await answer(sent)
        status, body = answer
        if isinstance(body, bytes):
            return web.Response(status=status, body=body)
        return web.json_response(body, status=status)


class ManualClock:
    """Time that passes only when somebody sleeps; sleeping takes none for the test."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def write_kubeconfig(
    path: Path, url: str, *, token: str = TOKEN, context: str | None = "here", **user: str
) -> Path:
    credentials = user or {"token": token}
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": credentials}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    if context is not None:
        content["current-context"] = context
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    fake = Api()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    server = TestServer(app)
    await server.start_server()
    fake.url = str(server.make_url("/")).rstrip("/")
    yield fake
    await server.close()


@pytest.fixture
def kubeconfig(api: Api, tmp_path: Path) -> Path:
    return write_kubeconfig(tmp_path / "kubeconfig", api.url)


@pytest.fixture
def make_kubeconfig() -> Callable[..., Path]:
    return write_kubeconfig


@pytest.fixture
async def connection(kubeconfig: Path) -> AsyncIterator[Connection]:
    made = Connection(kubeconfig=kubeconfig, environ={})
    yield made
    await made.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Let other tasks run until something holds."""

    async def wait(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0)

    return wait
