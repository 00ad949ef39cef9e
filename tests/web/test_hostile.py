"""Hostile input is refused with the right status; nothing is written, nothing is rendered."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.web.memory import Memory, services, until

from storeorch.errors import InternalError
from storeorch_webapp.guards import SECURITY_HEADERS

CANARY = "c4n4ry-pa55word"


def refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["success"] is False
    found: dict[str, Any] = body["error"]
    return found


# -- bodies -------------------------------------------------------------------


async def test_a_body_of_ten_megabytes(client: httpx.AsyncClient, memory: Memory) -> None:
    body = json.dumps({"name": "shop", "type": "sample", "parameters": {"title": "x" * 10_000_000}})
    headers = {"Content-Type": "application/json"}
    refusal(await client.post("/api/stores", content=body, headers=headers), 413)

    async def chunks() -> Any:
        """Without saying beforehand how long it is."""
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536].encode()

    error = refusal(await client.post("/api/stores", content=chunks(), headers=headers), 413)
    assert error["code"] == "body-too-large"
    assert memory.repository.history == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe\x00", 400),
        (b"[]", 422),
        (b'"shop"', 422),
        (b"null", 422),
        (b"NaN", 422),
        (b"[" * 100_000, 400),
        (b'{"name": "shop", "type": "sample", "owner": "bob"}', 422),
        (b'{"name": "shop", "type": "sample", "parameters": []}', 422),
        (b'{"name": "shop", "type": "sample", "parameters": "x"}', 422),
        (b'{"name": "shop", "type": "sample", "parameters": {"replicas": 1e999}}', 400),
        (b'{"name": "shop", "type": "sample", "parameters": {"title": null}}', 400),
        (b'{"name": "shop", "type": "sample", "parameters": {"title": "\\ud800"}}', 400),
        (b'{"name": "shop", "type": "sample", "parameters": {"__proto__": {}}}', 400),
    ],
)
async def test_bodies_that_are_none(
    client: httpx.AsyncClient, memory: Memory, content: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    refusal(await client.post("/api/stores", content=content, headers=headers), status)
    assert memory.repository.history == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=1001",
        "limit=many",
        "status=sold",
        "sort=random",
        f"search={'x' * 100}",
        f"cursor={'x' * 600}",
    ],
)
async def test_queries_that_are_not_possible(client: httpx.AsyncClient, query: str) -> None:
    error = refusal(await client.get(f"/api/stores?{query}"), 422)
    assert error["fields"][0]["field"][0] == query.partition("=")[0]


@pytest.mark.parametrize("cursor", ["x", "e30=", "W10=", "bnVsbA==", "\u00e4", "WzEsMl0"])
async def test_cursors_that_were_not_given_out(client: httpx.AsyncClient, cursor: str) -> None:
    refusal(await client.get("/api/stores", params={"cursor": cursor}), 400)


@pytest.mark.parametrize("search", ["\0", "%", "_", "'; DROP TABLE stores; --", "<b>"])
async def test_searches_find_nothing(client: httpx.AsyncClient, search: str) -> None:
    answer = await client.get("/api/stores", params={"search": search})
    assert answer.status_code == (400 if search == "\0" else 200)
    if answer.status_code == 200:
        assert answer.json()["data"] == []


@pytest.mark.parametrize("key", ["", "x" * 256, "with blank", "\u00e4"])
async def test_keys_that_are_not_possible(
    client: httpx.AsyncClient, memory: Memory, key: str
) -> None:
    headers = {b"Idempotency-Key": key.encode()}
    body = {"name": "shop", "type": "sample"}
    refusal(await client.post("/api/stores", json=body, headers=headers), 422)
    assert memory.repository.history == []


# -- addresses ----------------------------------------------------------------


async def test_wrong_addresses_and_methods(client: httpx.AsyncClient) -> None:
    for path in ("/api", "/api/", "/api/nothing", "/api/stores/", "/api/%2e%2e/%2e%2e/etc/passwd"):
        refusal(await client.get(path), 404)
    for method, path in (
        ("PUT", "/api/stores"),
        ("DELETE", "/api/stores"),
        ("POST", "/api/health"),
        ("GET", "/api/stores/4b1f4d1e-0000-4000-8000-000000000000/retry"),
        ("TRACE", "/api/stores"),
    ):
        refusal(await client.request(method, path), 405)


# -- markup -------------------------------------------------------------------


async def test_markup_is_data(client: httpx.AsyncClient, memory: Memory) -> None:
    """What users gave comes back as JSON only, which no browser takes for a page."""
    markup = "<img src=x onerror=alert(1)>"
    body = {"name": "shop", "type": "sample", "parameters": {"title": markup}}
    store = (await client.post("/api/stores", json=body)).json()["data"]
    assert store["parameters"]["title"] == markup
    bad = {"name": markup, "type": markup}
    for answer in (
        await client.get("/api/stores"),
        await client.get(f"/api/stores/{store['id']}/events"),
        await client.post("/api/stores", json=bad),
        await client.get(f"/api/stores/{markup}"),
        await client.get("/api/stores", params={"sort": markup}),
    ):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_headers_on_every_answer(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/api/health"),
        ("GET", "/api/nothing"),
        ("PUT", "/api/stores"),
        ("GET", "/"),
        ("GET", "/some/page"),
    ):
        answer = await client.request(method, path)
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value, path
        assert "server" not in answer.headers
    assert "unsafe-eval" not in SECURITY_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in SECURITY_HEADERS["Content-Security-Policy"]


# -- foreign text -------------------------------------------------------------


async def test_a_defect_is_one_sentence(
    app: FastAPI,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its text is in the operator's log, under the id that the user is shown."""

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"password={CANARY} in /srv/secret.py")

    monkeypatch.setattr(services(app).orchestrator, "list", fail)
    with caplog.at_level(logging.ERROR, logger="storeorch.operator"):
        answer = await client.get("/api/stores")
    error = refusal(answer, 500)
    assert error["code"] == "internal-error"
    assert CANARY not in answer.text
    assert "secret.py" not in answer.text
    (record,) = [r for r in caplog.records if getattr(r, "error_id", None) == error["error_id"]]
    assert record.exc_info is not None
    assert CANARY in str(record.exc_info[1])


async def test_a_defect_of_the_library(
    app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise InternalError(f"about {CANARY}")

    monkeypatch.setattr(services(app).orchestrator, "list", fail)
    answer = await client.get("/api/stores")
    assert refusal(answer, 500)["error_id"]
    assert CANARY not in answer.text


async def test_a_database_that_is_away(client: httpx.AsyncClient, memory: Memory) -> None:
    memory.repository.unavailable = True
    error = refusal(await client.get("/api/stores"), 503)
    assert error["code"] == "database-unavailable"
    answer = await client.get("/api/ready")
    assert answer.status_code == 503
    assert answer.json()["data"]["ready"] is False
    assert (await client.get("/api/health")).status_code == 200
    memory.repository.unavailable = False
    await until(memory, lambda store: store is None)
    assert (await client.get("/api/stores")).status_code == 200
