"""Who may do what, how much of it, and what everyone else is told."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.web.memory import Memory, services

from storeorch_webapp.settings import Auth
from storeorch_webapp.tokens import Role

UNKNOWN = "4b1f4d1e-0000-4000-8000-000000000000"

READING = [
    ("GET", "/api/stores"),
    ("GET", "/api/stores/{id}"),
    ("GET", "/api/stores/{id}/events"),
    ("GET", "/api/types"),
    ("GET", "/api/me"),
]
CHANGING = [
    ("POST", "/api/stores"),
    ("POST", "/api/stores/validate"),
    ("PATCH", "/api/stores/{id}"),
    ("DELETE", "/api/stores/{id}"),
    ("POST", "/api/stores/{id}/retry"),
    ("GET", "/api/stores/{id}/credentials"),
    ("GET", "/api/stores/{id}/logs"),
    ("GET", "/api/stores/{id}/logs?follow=true"),
]
OF_A_STORE = [request for request in [*READING, *CHANGING] if "{id}" in request[1]]


async def ask(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    bodies: dict[tuple[str, str], Any] = {
        ("POST", "/api/stores"): {"name": "another", "type": "sample"},
        ("POST", "/api/stores/validate"): {"name": "another", "type": "sample"},
    }
    body = {"parameters": {"replicas": 2}} if method == "PATCH" else bodies.get((method, path))
    return await client.request(method, path, json=body)


async def store_of(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/stores", json={"name": "my-store", "type": "sample"})
    found: str = answer.json()["data"]["id"]
    return found


BAD_TOKENS = {
    "none": None,
    "empty": "",
    "nonsense": "sow_x_y",
    "foreign": f"sow_{'0' * 12}_{'0' * 64}",
    "not ascii": "sow_\u00e4",
    "long": "a" * 5000,
    "sql": "' OR 1=1 --",
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
async def test_without_a_valid_token(app: FastAPI, memory: Memory, token: str | None) -> None:
    shown = [] if token is None else [(b"Authorization", f"Bearer {token}".encode())]
    async with memory.client(app) as client:
        for method, path in [*READING, *CHANGING, ("GET", "/metrics")]:
            answer = await client.request(method, path.format(id=UNKNOWN), headers=shown)
            if answer.status_code == 429:
                break
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["error"]["code"] == "unauthenticated"
    assert memory.repository.history == []


async def test_a_token_that_was_changed_a_little(app: FastAPI, memory: Memory) -> None:
    token = await memory.token(app)
    async with memory.client(app, token[:-1] + ("0" if token[-1] != "0" else "1")) as client:
        assert (await client.get("/api/stores")).status_code == 401


async def test_a_token_that_has_ended(app: FastAPI, memory: Memory) -> None:
    token = await memory.token(app, lasts=-1)
    async with memory.client(app, token) as client:
        assert (await client.get("/api/stores")).status_code == 401


async def test_a_token_that_was_revoked(app: FastAPI, memory: Memory) -> None:
    token = await memory.token(app)
    async with memory.client(app, token) as client:
        assert (await client.get("/api/stores")).status_code == 200
        assert await services(app).tokens.revoke(token.split("_")[1])
        assert (await client.get("/api/stores")).status_code == 401
    assert not await services(app).tokens.revoke(token.split("_")[1])


async def test_the_token_is_nowhere_in_the_database(app: FastAPI, memory: Memory) -> None:
    token = await memory.token(app)
    files = memory.database.parent.glob(f"{memory.database.name}*")
    content = b"".join(file.read_bytes() for file in files)
    assert token.split("_")[1].encode() in content
    assert token.split("_")[2].encode() not in content


async def test_other_ways_to_show_a_token_do_not_count(app: FastAPI, memory: Memory) -> None:
    """Browsers send cookies and open addresses by themselves, also for foreign pages."""
    token = await memory.token(app)
    async with memory.client(app) as client:
        for path, headers in (
            (f"/api/stores?token={token}&access_token={token}", {}),
            ("/api/stores", {"Cookie": f"token={token}; Authorization=Bearer {token}"}),
            ("/api/stores", {"Authorization": f"Basic {token}"}),
        ):
            assert (await client.get(path, headers=headers)).status_code == 401


@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_viewers_change_nothing(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory, method: str, path: str
) -> None:
    store_id = await store_of(client)
    async with memory.client(app, await memory.token(app, Role.VIEWER)) as viewer:
        answer = await ask(viewer, method, path.format(id=store_id))
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "forbidden"
        for reading, where in READING:
            seen = await ask(viewer, reading, where.format(id=store_id))
            assert seen.status_code == 200, where
    assert {event.reason for event in memory.repository.history if event.kind == "declared"} == {
        "Create"
    }


@pytest.mark.parametrize(("method", "path"), OF_A_STORE)
async def test_stores_of_others_are_not_there(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory, method: str, path: str
) -> None:
    """Their ids are answered as ids that never were; nothing is written."""
    store_id = await store_of(client)
    async with memory.client(app, await memory.token(app, owner="mallory")) as mallory:
        answer = await ask(mallory, method, path.format(id=store_id))
        unknown = await ask(mallory, method, path.format(id=UNKNOWN))
        assert answer.status_code == unknown.status_code == 404
        assert answer.text.replace(store_id, "ID") == unknown.text.replace(UNKNOWN, "ID")
        assert (await mallory.get("/api/stores")).json()["data"] == []
        assert (await mallory.get("/api/stores?search=my")).json()["page"]["total"] == 0
    actors = {e.actor for e in memory.repository.history if e.kind in {"declared", "access"}}
    assert not [actor for actor in actors if actor.startswith("mallory")]


async def test_admins_see_everything(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory
) -> None:
    store_id = await store_of(client)
    async with memory.client(app, await memory.token(app, Role.ADMIN, "root")) as admin:
        assert (await admin.get(f"/api/stores/{store_id}")).json()["data"]["owner"] == "alice"
        assert (await admin.delete(f"/api/stores/{store_id}")).status_code == 200
        assert (await admin.get("/metrics")).status_code == 200
    assert (await client.get("/metrics")).status_code == 403
    deleted = next(event for event in memory.repository.history if event.reason == "Delete")
    assert deleted.actor.startswith("root (token ")


# -- how much -----------------------------------------------------------------


async def test_stores_at_once(memory: Memory) -> None:
    async with memory.started(max_stores=2) as app:
        async with memory.client(app, await memory.token(app)) as client:
            statuses = [
                (await client.post("/api/stores", json={"name": f"s{n}", "type": "sample"}))
                for n in range(3)
            ]
            assert [answer.status_code for answer in statuses] == [201, 201, 403]
            assert statuses[-1].json()["error"]["code"] == "too-many-stores"
        for role, owner in ((Role.OPERATOR, "bob"), (Role.ADMIN, "alice")):
            async with memory.client(app, await memory.token(app, role, owner)) as other:
                body = {"name": f"of-{owner}-{role}", "type": "sample"}
                assert (await other.post("/api/stores", json=body)).status_code == 201


async def test_creations_within_an_hour(memory: Memory) -> None:
    """Deleting does not make room."""
    async with memory.visited(creations_per_hour=1) as client:
        await client.delete(f"/api/stores/{await store_of(client)}")
        answer = await client.post("/api/stores", json={"name": "two", "type": "sample"})
        assert answer.status_code == 429
        assert answer.json()["error"]["code"] == "too-many-creations"
        assert int(answer.headers["retry-after"]) >= 1


async def test_too_many_requests(memory: Memory) -> None:
    """One token has its own count; what says how the app is has none."""
    async with memory.started(rate_limit="3/minute") as app:
        async with memory.client(app, await memory.token(app)) as client:
            statuses = [(await client.get("/api/me")).status_code for _ in range(5)]
            assert statuses == [200, 200, 200, 429, 429]
            answer = await client.get("/api/me")
            assert answer.json()["error"]["code"] == "too-many-requests"
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert (await client.get("/api/health")).status_code == 200
        async with memory.client(app, await memory.token(app, owner="bob")) as bob:
            assert (await bob.get("/api/me")).status_code == 200


async def test_too_many_wrong_tokens(app: FastAPI, memory: Memory) -> None:
    async with memory.client(app, "wrong") as client:
        statuses = [(await client.get("/api/me")).status_code for _ in range(22)]
    assert statuses == [401] * 20 + [429] * 2


# -- without authentication ---------------------------------------------------


async def test_everyone_on_this_machine_is_an_admin(memory: Memory) -> None:
    async with memory.started(auth=Auth.OFF) as app, memory.client(app) as client:
        me = (await client.get("/api/me")).json()["data"]
        assert (me["role"], me["auth"]) == ("admin", "off")
        for host in ("127.0.0.1:3000", "localhost:3000", "[::1]:3000", "localhost"):
            answer = await client.get("/api/stores", headers={"Host": host})
            assert answer.status_code == 200, host
        own = {"Origin": "http://127.0.0.1:3000"}
        assert (await client.get("/api/stores", headers=own)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Host": "evil.test"},
        {"Host": "evil.test:3000"},
        {"Host": "127.0.0.1.evil.test:3000"},
        {"Host": ""},
    ],
)
async def test_foreign_pages_cannot_use_it(memory: Memory, headers: dict[str, str]) -> None:
    """Not by asking across origins, and not under a name that was made to point here."""
    async with memory.started(auth=Auth.OFF) as app, memory.client(app) as client:
        body = {"name": "evil", "type": "sample"}
        answer = await client.post("/api/stores", json=body, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "loopback-only"
    assert memory.repository.history == []


async def test_other_machines_cannot_use_it(memory: Memory) -> None:
    async with memory.started(auth=Auth.OFF) as app:
        transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/api/stores")).status_code == 403


async def test_a_form_of_a_foreign_page_writes_nothing(memory: Memory) -> None:
    """Bodies that a page can send without being asked about are not read as JSON."""
    async with memory.started(auth=Auth.OFF) as app, memory.client(app) as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded", None):
            headers = {"Content-Type": kind} if kind else {}
            content = b'{"name": "evil", "type": "sample"}'
            answer = await client.post("/api/stores", content=content, headers=headers)
            assert answer.status_code == 422, kind
    assert memory.repository.history == []
