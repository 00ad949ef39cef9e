"""What happens is told at once, to whom it concerns, and nothing is missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from tests.web.memory import PATIENCE, Memory, served, services, until
from tests.web.sse import Message, read

from storeorch_webapp import feed as feeds
from storeorch_webapp.tokens import Role

Listen = Callable[..., AbstractAsyncContextManager[AsyncIterator[Message]]]


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with served(app) as url:
        yield url


@pytest.fixture
async def listen(app: FastAPI, memory: Memory, url: str) -> Listen:
    """Open a stream as alice, over a real connection; the ``hello`` is read already."""

    @asynccontextmanager
    async def opened(
        *, role: Role = Role.VIEWER, owner: str = "alice", query: str = "", **headers: str
    ) -> AsyncIterator[AsyncIterator[Message]]:
        headers["Authorization"] = f"Bearer {await memory.token(app, role, owner)}"
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client,
            client.stream("GET", f"/api/events/stream{query}", headers=headers) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            messages = read(answer)
            assert (await anext(messages)).event == "hello"
            yield messages

    return opened


async def create(client: httpx.AsyncClient, name: str = "my-store") -> str:
    answer = await client.post("/api/stores", json={"name": name, "type": "sample"})
    assert answer.status_code == 201
    found: str = answer.json()["data"]["id"]
    return found


async def reasons_until(messages: AsyncIterator[Message], last: str) -> list[str]:
    """Return the reasons of the events that come, up to one."""
    found = []
    async for message in messages:
        event = message.json().get("event")
        if event is not None:
            found.append(event["reason"])
            if event["reason"] == last:
                return found
    raise AssertionError(f"the stream ended after {found}")


async def test_the_life_of_a_store(client: httpx.AsyncClient, listen: Listen) -> None:
    """Each change comes with the store as it is; the last one says that it is gone."""
    async with listen() as messages:
        store_id = await create(client)
        first = await anext(messages)
        assert first.event == "change"
        assert first.json()["event"]["reason"] == "Create"
        assert first.json()["store"]["id"] == store_id
        async for message in messages:
            store = message.json()["store"]
            if store["status"] == "ready" and message.json()["event"]:
                break
        await client.delete(f"/api/stores/{store_id}")
        async for message in messages:
            if message.json()["store"] is None:
                assert message.json()["event"]["store_id"] == store_id
                if message.json()["event"]["kind"] == "deleted":
                    break


async def test_ids_grow(client: httpx.AsyncClient, listen: Listen) -> None:
    async with listen() as messages:
        await create(client)
        ids: list[int] = []
        async for message in messages:
            data = message.json()
            if data["event"]:
                assert int(message.id) == data["event"]["id"]
                ids.append(data["event"]["id"])
                if data["event"]["status"] == "ready":
                    break
    assert ids == sorted(set(ids))


async def test_stores_of_others_are_not_told_of(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory, listen: Listen
) -> None:
    async with (
        memory.client(app, await memory.token(app, owner="bob")) as bob,
        listen() as hers,
        listen(owner="bob") as his,
        listen(role=Role.ADMIN, owner="root") as everything,
    ):
        await create(client, "hers")
        await create(bob, "his")
        assert (await anext(hers)).json()["store"]["name"] == "hers"
        assert (await anext(his)).json()["store"]["name"] == "his"
        seen: set[str] = set()
        async for message in everything:
            seen.add(message.json()["event"]["store_name"] if message.json()["event"] else "")
            if {"hers", "his"} <= seen:
                break


async def test_only_one_store(client: httpx.AsyncClient, listen: Listen) -> None:
    first = await create(client, "first")
    async with listen(query=f"?store={first}") as messages:
        await create(client, "second")
        await client.delete(f"/api/stores/{first}")
        async for message in messages:
            assert message.json()["event"] is None or message.json()["event"]["store_id"] == first
            if message.json()["store"] is None:
                return


async def test_what_was_missed_is_told_first(
    client: httpx.AsyncClient, memory: Memory, listen: Listen
) -> None:
    async with listen() as messages:
        await create(client)
        place = (await anext(messages)).id
    await until(memory, lambda store: store and store.status == "ready")
    missed = [event.reason for event in memory.repository.history if event.id > int(place)]
    async with listen(**{"Last-Event-ID": place}) as messages:
        assert await reasons_until(messages, missed[-1]) == missed
        # From there on it goes on as it comes.
        await create(client, "another")
        assert (await reasons_until(messages, "Create"))[-1] == "Create"


async def test_what_others_did_is_not_told_by_resuming(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory, listen: Listen
) -> None:
    """A foreign id of an event is only a place in time."""
    await create(client, "hers")
    await until(memory, lambda store: store and store.status == "ready")
    async with (
        memory.client(app, await memory.token(app, owner="bob")) as bob,
        listen(owner="bob", **{"Last-Event-ID": "1"}) as his,
    ):
        await create(bob, "his")
        assert (await anext(his)).json()["event"]["store_name"] == "his"


@pytest.mark.parametrize(
    "forged",
    ["-1", "1e3", "0x1", "abc", "1; DROP TABLE events", "9" * 400, "99999999", "\u0661", "7 7"],
)
async def test_a_forged_place(app: FastAPI, memory: Memory, forged: str) -> None:
    async with memory.client(app, await memory.token(app)) as client:
        headers = {b"Last-Event-ID": forged.encode()}
        answer = await client.get("/api/events/stream", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid-cursor"
    assert services(app).feed.listeners == 0


async def test_who_missed_too_much_begins_anew(
    client: httpx.AsyncClient,
    memory: Memory,
    url: str,
    app: FastAPI,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("storeorch_webapp.routes.stream.REPLAYED_AT_MOST", 2)
    await create(client)
    await until(memory, lambda store: store and store.status == "ready")
    headers = {"Authorization": f"Bearer {await memory.token(app)}", "Last-Event-ID": "1"}
    async with (
        asyncio.timeout(PATIENCE),
        httpx.AsyncClient(base_url=url) as http,
        http.stream("GET", "/api/events/stream", headers=headers) as answer,
    ):
        messages = read(answer)
        reset, hello = await anext(messages), await anext(messages)
        assert (reset.event, hello.event) == ("reset", "hello")
        assert hello.json()["cursor"] == memory.repository.history[-1].id


async def test_who_does_not_keep_up_is_told_so() -> None:
    listener = feeds.Listener(lambda told: True)
    told = feeds.Told(1, "store", None, "{}")
    for _ in range(5000):
        listener.tell(told)
    assert listener.lost
    assert listener.ended
    assert len(await listener.next()) == 1000
    assert await listener.next() == [], "the end stays the end"


async def test_too_many_streams(memory: Memory) -> None:
    async with memory.started(max_streams=1) as app, served(app) as url:
        token = await memory.token(app)
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(base_url=url, headers=headers) as http,
            http.stream("GET", "/api/events/stream") as first,
        ):
            messages = read(first)
            await anext(messages)
            second = await http.get("/api/events/stream")
            assert second.status_code == 503
            assert second.json()["error"]["code"] == "too-many-streams"


async def test_a_stream_ends_with_its_token(
    app: FastAPI, memory: Memory, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storeorch_webapp.routes.stream._RECHECK_SECONDS", 0.01)
    token = await memory.token(app)
    async with (
        asyncio.timeout(PATIENCE),
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}) as http,
        http.stream("GET", "/api/events/stream") as answer,
    ):
        messages = read(answer)
        assert (await anext(messages)).event == "hello"
        await services(app).tokens.revoke(token.split("_")[1])
        assert [message async for message in messages] == []


async def test_streams_end_with_the_app(app: FastAPI, listen: Listen) -> None:
    async with listen() as messages:
        services(app).feed.close()
        assert [message async for message in messages] == []
    async with listen() as messages:
        assert [message async for message in messages] == []


async def test_listeners_who_left_are_forgotten(app: FastAPI, listen: Listen) -> None:
    async with listen():
        assert services(app).feed.listeners == 1
    async with asyncio.timeout(PATIENCE):
        while services(app).feed.listeners:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


async def test_the_feed_outlives_the_database(
    app: FastAPI,
    client: httpx.AsyncClient,
    memory: Memory,
    listen: Listen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was committed by others meanwhile is told once it is back."""
    monkeypatch.setattr(feeds, "_AGAIN_SECONDS", 0)
    async with listen() as messages:
        memory.repository.unavailable = True
        services(app)
        memory.repository.database.tell(memory.repository._flags, "any", work=False)
        refused = await client.post("/api/stores", json={"name": "x", "type": "sample"})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "5"
        memory.repository.unavailable = False
        await create(client)
        assert (await reasons_until(messages, "Create"))[-1] == "Create"
