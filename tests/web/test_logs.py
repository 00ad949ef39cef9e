"""What the containers of a store write: at once, and as they go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.web.memory import PATIENCE, Memory, served, services, until
from tests.web.sse import Message, read

from storeorch import LogLine
from storeorch.errors import ClusterRefused
from storeorch_webapp.tokens import Role

HOSTILE = "\x1b[31m<img src=x onerror=alert(1)>\x1b[0m\r\n\ndata: forged\u2028</script>\0"


class Containers:
    """What the cluster has them write."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.error: Exception | None = None
        self.going_on = False
        self.reading = 0
        self.more = asyncio.Event()

    async def logs(
        self, _: str, *, follow: bool = False, tail: int = 100
    ) -> AsyncIterator[LogLine]:
        self.reading += 1
        try:
            for text in self.texts[-tail:]:
                yield LogLine("web-0", "web", text)
            while follow and self.going_on:
                await self.more.wait()
                self.more.clear()
                yield LogLine("web-0", "web", "more")
            if self.error is not None:
                raise self.error
        finally:
            self.reading -= 1


@pytest.fixture
def containers(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Containers]:
    found = Containers()
    monkeypatch.setattr(memory.cluster, "logs", found.logs)
    yield found
    assert found.reading == 0, "somebody still reads"


async def logs_of(client: httpx.AsyncClient) -> str:
    """Create a store; return where its logs are."""
    answer = await client.post("/api/stores", json={"name": "my-store", "type": "sample"})
    return f"/api/stores/{answer.json()['data']['id']}/logs"


def texts(message: Message) -> list[str]:
    assert message.event == "lines"
    return [line["text"] for line in json.loads(message.data)]


async def told(client: httpx.AsyncClient, path: str) -> list[Message]:
    """Follow logs to their end."""
    async with (
        asyncio.timeout(PATIENCE),
        client.stream("GET", path, params={"follow": "true"}) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [message async for message in read(answer)]


@asynccontextmanager
async def following(
    app: FastAPI, memory: Memory, path: str, token: str | None = None
) -> AsyncIterator[AsyncIterator[Message]]:
    """Follow logs over a real connection; the ``hello`` is read already."""
    headers = {"Authorization": f"Bearer {token or await memory.token(app)}"}
    async with (
        asyncio.timeout(PATIENCE),
        served(app) as url,
        httpx.AsyncClient(base_url=url, headers=headers) as http,
        http.stream("GET", path, params={"follow": "true"}) as answer,
    ):
        messages = read(answer)
        assert (await anext(messages)).event == "hello"
        yield messages


async def test_the_last_lines_of_each_container(client: httpx.AsyncClient, memory: Memory) -> None:
    path = await logs_of(client)
    await until(memory, lambda found: found and found.status == "ready")
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    everything = answer.json()
    assert everything["success"] is True
    assert everything["page"] == {"more": False}
    assert all(set(line) == {"pod", "container", "text"} for line in everything["data"])
    containers = {line["container"] for line in everything["data"]}
    assert len(everything["data"]) == 2 * len(containers)
    shorter = (await client.get(path, params={"tail": 1})).json()["data"]
    assert len(shorter) == len(containers)
    assert (await client.get(path, params={"tail": 0})).json()["data"] == []
    hello, *several, end = await told(client, path)
    assert (hello.event, end.event) == ("hello", "end")
    assert sorted(each for message in several for each in texts(message)) == sorted(
        line["text"] for line in everything["data"]
    )


async def test_a_store_without_containers(client: httpx.AsyncClient, containers: Any) -> None:
    path = await logs_of(client)
    assert (await client.get(path)).json()["data"] == []
    assert [message.event for message in await told(client, path)] == ["hello", "end"]


@pytest.mark.parametrize("tail", ["-1", "1001", "many", ""])
async def test_tails_that_are_not_possible(client: httpx.AsyncClient, tail: str) -> None:
    answer = await client.get(await logs_of(client), params={"tail": tail})
    assert answer.status_code == 422


async def test_one_answer_holds_so_many_lines(
    client: httpx.AsyncClient, containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await logs_of(client)
    containers.texts = ["x" * 10] * 5
    for name, most, lines in (("LINES_AT_MOST", 3, 3), ("TEXT_AT_MOST", 15, 2)):
        with monkeypatch.context() as patch:
            patch.setattr(f"storeorch_webapp.routes.logs.{name}", most)
            answer = (await client.get(path)).json()
        assert len(answer["data"]) == lines
        assert answer["page"] == {"more": True}
    assert (await client.get(path)).json()["page"] == {"more": False}


async def test_lines_are_data(client: httpx.AsyncClient, containers: Containers) -> None:
    """Whatever a shop writes is a text in JSON; it begins no message and no page."""
    path = await logs_of(client)
    containers.texts = [HOSTILE]
    answer = await client.get(path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    line = {"pod": "web-0", "container": "web", "text": HOSTILE}
    assert answer.json()["data"] == [line]
    hello, lines, end = await told(client, path)
    assert (hello.event, lines.event, end.event) == ("hello", "lines", "end")
    assert json.loads(lines.data) == [line]


async def test_who_looks_is_not_kept(client: httpx.AsyncClient, memory: Memory) -> None:
    path = await logs_of(client)
    await client.get(path)
    assert not [event for event in memory.repository.history if event.kind == "access"]


async def test_a_cluster_that_is_away(client: httpx.AsyncClient, memory: Memory) -> None:
    path = await logs_of(client)
    memory.cluster.unavailable = True
    answer = await client.get(path)
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert (error["code"], error["error_id"][:2]) == ("cluster-unavailable", "e-")
    hello, last = await told(client, path)
    assert (hello.event, last.event) == ("hello", "error")
    assert {**last.json(), "error_id": ""} == {**error, "error_id": ""}


async def test_nodes_that_hand_out_no_logs(
    client: httpx.AsyncClient, containers: Containers
) -> None:
    """What was read before is told, and then why there is no more."""
    path = await logs_of(client)
    containers.texts = ["first"]
    containers.error = ClusterRefused("The logs of the pod db-0 cannot be read.", hint="Its node.")
    answer = await client.get(path)
    assert answer.status_code == 502
    assert answer.json()["error"]["message"] == "The logs of the pod db-0 cannot be read."
    _, lines, last = await told(client, path)
    assert texts(lines) == ["first"]
    assert last.json()["hint"] == "Its node."


async def test_a_defect_is_one_sentence(client: httpx.AsyncClient, containers: Containers) -> None:
    path = await logs_of(client)
    containers.error = RuntimeError("password=c4n4ry")
    *_, last = await told(client, path)
    assert last.json()["code"] == "internal-error"
    assert "c4n4ry" not in last.data


async def test_containers_that_never_end_their_answer(
    client: httpx.AsyncClient, containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await logs_of(client)
    monkeypatch.setattr("storeorch_webapp.routes.logs._ANSWER_SECONDS", 0)
    containers.texts = ["x"] * 100
    answer = await client.get(path)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "cluster-unavailable"


# -- following ----------------------------------------------------------------


async def test_lines_come_as_they_are_written(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory, containers: Containers
) -> None:
    path = await logs_of(client)
    containers.going_on = True
    containers.texts = ["before"]
    async with following(app, memory, path) as messages:
        assert texts(await anext(messages)) == ["before"]
        containers.going_on = False
        containers.more.set()
        assert texts(await anext(messages)) == ["more"]
        assert (await anext(messages)).event == "end"
    assert services(app).feed.listeners == 0


async def test_who_left_is_not_read_for(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory, containers: Containers
) -> None:
    path = await logs_of(client)
    containers.going_on = True
    async with following(app, memory, path):
        assert services(app).feed.listeners == 1
    async with asyncio.timeout(PATIENCE):
        while containers.reading or services(app).feed.listeners:  # noqa: ASYNC110 - untold
            await asyncio.sleep(0)


async def test_too_many_followers(memory: Memory, containers: Containers) -> None:
    containers.going_on = True
    async with (
        memory.started(max_log_streams=1) as app,
        memory.client(app, await memory.token(app)) as client,
    ):
        path = await logs_of(client)
        async with following(app, memory, path):
            refused = await client.get(path, params={"follow": "true"})
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "too-many-streams"
            assert refused.headers["retry-after"] == "5"
            assert (await client.get(path)).status_code == 200
        containers.going_on = False
        async with asyncio.timeout(PATIENCE):
            while containers.reading:  # noqa: ASYNC110 - untold
                await asyncio.sleep(0)
        assert [message.event for message in await told(client, path)] == ["hello", "end"]


async def test_following_ends_with_the_app(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory, containers: Containers
) -> None:
    path = await logs_of(client)
    containers.going_on = True
    async with following(app, memory, path) as messages:
        services(app).feed.close()
        assert [message async for message in messages] == []


@pytest.mark.parametrize("busy", [False, True])
async def test_following_ends_with_the_token(
    app: FastAPI,
    memory: Memory,
    containers: Containers,
    monkeypatch: pytest.MonkeyPatch,
    busy: bool,
) -> None:
    """Also where containers write without a pause."""
    monkeypatch.setattr("storeorch_webapp.routes.stream._RECHECK_SECONDS", 0.01)
    token = await memory.token(app, Role.OPERATOR)
    async with memory.client(app, token) as client:
        path = await logs_of(client)
    containers.going_on = True
    if busy:
        monkeypatch.setattr(containers.more, "clear", lambda: None)
        monkeypatch.setattr("storeorch_webapp.routes.logs._PAUSE_SECONDS", 0)
        containers.more.set()
    async with following(app, memory, path, token) as messages:
        await services(app).tokens.revoke(token.split("_")[1])
        rest = [message.event async for message in messages]
        assert set(rest) <= {"lines"}
