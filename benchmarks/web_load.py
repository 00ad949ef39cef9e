"""The web app under load: event streams that all stay open, and requests beside them.

Opens 200 event streams and makes 50 requests a second for a minute, on SQLite and on
PostgreSQL, on loopback only. Stores are of a type in memory that becomes ready by
itself, so that what is measured is the app, its database and its streams, and no
cluster. One request in 25 declares a store or deletes one, so that every stream
always has something to tell. Runs the app in a process of its own, with the engine
inside.

Prints, for each database: requests and errors, how long answers took, how long a change
took to reach each stream, and the processor time and memory of the app. Exits non-zero
if there was any error, or if a stream missed a change.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.postgresql import PostgresServer

PATIENCE: Final = 60.0
"""Seconds that anything may take at most."""

OK: Final = 200

ALIVE: Final = 8
"""Stores that are there at the same time."""


class StreamRefused(Exception):
    """A stream was not opened."""


@dataclass
class Figures:
    """What one run has measured; times are in seconds."""

    answers: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    declared: dict[str, float] = field(default_factory=dict)
    told: int = 0
    late: float = 0.0


class Load:
    """Streams and requests against one app.

    Args:
        url: Where it is served.
        streams: How many streams stay open.
        rate: Requests a second.
        seconds: For how long.
    """

    def __init__(self, url: str, *, streams: int, rate: float, seconds: float) -> None:
        self.figures = Figures()
        self._streams = streams
        self._rate = rate
        self._seconds = seconds
        self._url = url
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=PATIENCE),
        )
        self._open = 0
        self._all_open = asyncio.Event()
        self._alive: list[str] = []
        self._numbers = itertools.count()

    async def run(self) -> Figures:
        """Open the streams, make the requests, and see that each stream told everything."""
        limit = asyncio.timeout(self._seconds + 4 * PATIENCE)
        async with self._client, limit, asyncio.TaskGroup() as group:
            for _ in range(self._streams):
                group.create_task(self._listen())
            await self._all_open.wait()
            await self._ask()
            # The last declaration ends the streams: whoever is told of it was told of all.
            await self._create("the-last")
        expected = len(self.figures.declared) * self._streams
        if self.figures.told != expected:
            self.figures.errors.append(f"told of {self.figures.told} stores, not of {expected}")
        return self.figures

    async def _listen(self) -> None:
        async for name, reason in self._messages():
            if reason != "Create":
                continue
            self.figures.told += 1
            declared = self.figures.declared.get(name)
            if declared is not None:
                self.figures.delays.append(time.perf_counter() - declared)
            if name == "the-last":
                return

    async def _messages(self) -> AsyncIterator[tuple[str, str]]:
        """Yield the store and the reason of each event; a message ends with an empty line."""
        async with self._client.get(f"{self._url}/api/events/stream") as answer:
            if answer.status != OK:
                raise StreamRefused(f"{answer.status} {await answer.text()}")
            name, data = "", ""
            async for raw in answer.content:
                key, _, value = raw.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    data = value
                elif not key and name == "hello":
                    self._open += 1
                    if self._open == self._streams:
                        self._all_open.set()
                elif not key and name == "change":
                    event = json.loads(data)["event"]
                    if event:
                        yield event["store_name"], event["reason"]
                name = name if key else ""

    async def _ask(self) -> None:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(round(self._rate * self._seconds)):
                due = began + number / self._rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                self.figures.late = max(self.figures.late, time.perf_counter() - due)
                group.create_task(self._request(number))

    async def _request(self, number: int) -> None:
        if number % 50 == 0:
            await self._create(f"load-{next(self._numbers)}")
        elif number % 50 == 25 and len(self._alive) > ALIVE:  # noqa: PLR2004 - in turns
            await self._call("DELETE", f"/api/stores/{self._alive.pop(0)}")
        elif number % 2 and self._alive:
            await self._call("GET", f"/api/stores/{self._alive[-1]}")
        else:
            await self._call("GET", "/api/stores?limit=50")

    async def _create(self, name: str) -> None:
        self.figures.declared[name] = time.perf_counter()
        answer = await self._call("POST", "/api/stores", {"name": name, "type": "instant"})
        if isinstance(answer, dict):
            self._alive.append(answer["data"]["id"])

    async def _call(self, method: str, path: str, body: object | None = None) -> object:
        """Make a request, and return what it answers; None if it was refused."""
        began = time.perf_counter()
        try:
            async with self._client.request(method, self._url + path, json=body) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.figures.errors.append(f"{method} {path}: {type(error).__name__}")
            return None
        self.figures.answers.append(time.perf_counter() - began)
        if not answer.ok:
            self.figures.errors.append(f"{method} {path}: {answer.status} {content[:200]!r}")
            return None
        return json.loads(content)


@contextmanager
def app(database_url: str, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Run the app in a process of its own; yields its address."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STOREORCH_")},
        "DATABASE_URL": database_url,
        "HOST": "127.0.0.1",
        "PORT": "0",
        "STOREORCH_WEB_AUTH": "off",
        "STOREORCH_WEB_RATE_LIMIT": "off",
        "STOREORCH_LOG_FILE": str(folder / "operator.log"),
    }
    code = "from web_load_app import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env={**environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def measure(database: str, url: str, arguments: argparse.Namespace) -> dict[str, object]:
    """Run the load on one database, and return the figures."""
    with tempfile.TemporaryDirectory() as folder, app(url, Path(folder)) as (address, process):
        before = process.cpu_times()
        found = asyncio.run(run(address, arguments))
        after = process.cpu_times()
        memory = process.memory_info().rss
    return {
        "database": database,
        "streams": arguments.streams,
        "requests": len(found.answers),
        "requests_per_second": arguments.rate,
        "seconds": arguments.seconds,
        "errors": len(found.errors),
        "first_errors": found.errors[:5],
        "answer_ms": percentiles(found.answers),
        "change_to_stream_ms": percentiles(found.delays),
        "changes_told": found.told,
        "app_cpu_seconds": round(after.user + after.system - before.user - before.system, 1),
        "app_memory_mb": round(memory / 1e6),
        "load_was_late_by_ms": round(found.late * 1000),
    }


async def run(address: str, arguments: argparse.Namespace) -> Figures:
    """Put the load on the app that is served at an address."""
    load = Load(address, streams=arguments.streams, rate=arguments.rate, seconds=arguments.seconds)
    return await load.run()


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum, in milliseconds."""
    if len(times) < 2:  # noqa: PLR2004 - what quantiles need
        return {}
    cuts = statistics.quantiles(times, n=100)
    found = {"p50": cuts[49], "p99": cuts[98], "max": max(times)}
    return {name: round(value * 1000, 1) for name, value in found.items()}


def main() -> int:
    """Measure both databases and print the figures, one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    failed = False
    for database in arguments.database or ("sqlite", "postgresql"):
        server = PostgresServer() if database == "postgresql" else None
        with tempfile.TemporaryDirectory() as folder:
            try:
                url = f"sqlite:///{folder}/load.db"
                if server is not None:
                    server.start()
                    url = server.create("load")
                found = measure(database, url, arguments)
            finally:
                if server is not None:
                    server.close()
        print(json.dumps(found), flush=True)
        failed = failed or bool(found["errors"])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
