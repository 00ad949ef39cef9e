"""What the API offers beyond the contract."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.web.memory import Memory, until

from storeorch_webapp.tokens import Role


async def create(client: httpx.AsyncClient, name: str = "my-store", **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/stores", json={"name": name, "type": "sample", **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def error(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["success"] is False
    assert set(body["error"]) == {"code", "message", "hint", "error_id", "fields"}
    found: dict[str, Any] = body["error"]
    return found


# -- creating -----------------------------------------------------------------


async def test_parameters(client: httpx.AsyncClient) -> None:
    store = await create(client, parameters={"replicas": 2})
    assert store["parameters"] == {"replicas": 2}
    again = (await client.get(f"/api/stores/{store['id']}")).json()["data"]
    assert again["parameters"] == {"replicas": 2}


@pytest.mark.parametrize("parameters", [{"replicas": 0}, {"colour": "red"}, {"replicas": "many"}])
async def test_parameters_that_do_not_fit(
    client: httpx.AsyncClient, memory: Memory, parameters: dict[str, Any]
) -> None:
    body = {"name": "my-store", "type": "sample", "parameters": parameters}
    refused = await error(await client.post("/api/stores", json=body), 400)
    assert refused["code"] == "invalid-parameters"
    assert memory.repository.rows == {}


async def test_where_the_store_is_found(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/stores", json={"name": "my-store", "type": "sample"})
    assert answer.headers["location"] == f"/api/stores/{answer.json()['data']['id']}"
    assert (await client.get(answer.headers["location"])).status_code == 200


async def test_a_key_makes_one_store(client: httpx.AsyncClient, memory: Memory) -> None:
    """However often it is said, and however many say it at once."""
    body = {"name": "my-store", "type": "sample"}
    headers = {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(
        *(client.post("/api/stores", json=body, headers=headers) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1
    assert len(memory.repository.rows) == 1


async def test_a_key_of_another_declaration(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k-1"}
    body = {"name": "my-store", "type": "sample"}
    assert (await client.post("/api/stores", json=body, headers=headers)).status_code == 201
    other = {**body, "name": "other"}
    refused = await error(await client.post("/api/stores", json=other, headers=headers), 409)
    assert refused["code"] == "key-reused"


async def test_keys_of_others_have_nothing_to_do_with_it(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    await client.post("/api/stores", json={"name": "mine", "type": "sample"}, headers=headers)
    async with memory.client(app, await memory.token(app, owner="bob")) as bob:
        body = {"name": "his", "type": "sample"}
        assert (await bob.post("/api/stores", json=body, headers=headers)).status_code == 201


async def test_trying_a_declaration(client: httpx.AsyncClient, memory: Memory) -> None:
    """Every field that is wrong is named, as it would be refused; nothing is written."""
    await create(client, "taken")
    before = len(memory.repository.history)
    body = {"name": "taken", "type": "sample", "parameters": {"replicas": 99, "colour": "red"}}
    answer = (await client.post("/api/stores/validate", json=body)).json()["data"]
    assert answer["valid"] is False
    assert {tuple(problem["field"]) for problem in answer["problems"]} == {
        ("name",),
        ("parameters", "replicas"),
        ("parameters", "colour"),
    }
    good = {"name": "free", "type": "sample", "parameters": {"replicas": 2}}
    answer = (await client.post("/api/stores/validate", json=good)).json()["data"]
    assert answer == {"valid": True, "problems": []}
    for name, type_, code in (("Bad", "sample", "invalid-name"), ("ok", "no", "unknown-type")):
        tried = {"name": name, "type": type_}
        answer = (await client.post("/api/stores/validate", json=tried)).json()["data"]
        assert [problem["code"] for problem in answer["problems"]] == [code]
    assert len([e for e in memory.repository.history if e.reason == "Create"]) == 1
    assert before >= 1


# -- looking ------------------------------------------------------------------


async def test_filters_and_counts(memory: Memory) -> None:
    async with memory.visited(engine=False) as client:
        for name in ("red-shirts", "blue-shirts", "coffee"):
            await create(client, name)
        await client.delete(f"/api/stores/{(await create(client, 'old'))['id']}")
        for query, names in (
            ("", ["old", "coffee", "blue-shirts", "red-shirts"]),
            ("search=shirts", ["blue-shirts", "red-shirts"]),
            ("search=%25", []),
            ("status=deleting", ["old"]),
            ("status=deleting&status=provisioning&sort=name", None),
            ("type=sample&search=coffee", ["coffee"]),
            ("type=other", []),
            ("sort=oldest&limit=2", ["red-shirts", "blue-shirts"]),
            ("sort=name", ["blue-shirts", "coffee", "old", "red-shirts"]),
        ):
            answer = (await client.get(f"/api/stores?{query}")).json()
            found = [store["name"] for store in answer["data"]]
            assert found == names or (names is None and len(found) == 4), query
        counts = (await client.get("/api/stores")).json()["page"]
        assert counts["total"] == 4
        assert counts["counts"] == {"provisioning": 3, "deleting": 1}


@pytest.mark.parametrize("sort", ["newest", "oldest", "name", "updated"])
async def test_pages_hold_everything_once(memory: Memory, sort: str) -> None:
    async with memory.visited(engine=False) as client:
        names = {(await create(client, f"shop-{n}"))["name"] for n in range(5)}
        found: list[str] = []
        cursor = ""
        while True:
            query = f"/api/stores?limit=2&sort={sort}{cursor}"
            answer = (await client.get(query)).json()
            found += [store["name"] for store in answer["data"]]
            if answer["page"]["next_cursor"] is None:
                break
            cursor = f"&cursor={answer['page']['next_cursor']}"
        assert len(found) == 5
        assert set(found) == names


async def test_history(client: httpx.AsyncClient, memory: Memory) -> None:
    store = await create(client)
    await until(memory, lambda found: found and found.status == "ready")
    page = (await client.get(f"/api/stores/{store['id']}/events?limit=1")).json()
    assert [event["reason"] for event in page["data"]] == ["Create"]
    assert page["data"][0]["actor"].startswith("alice (token ")
    assert page["page"]["more"] is True
    path = f"/api/stores/{store['id']}/events?after={page['page']['next_after']}"
    rest = (await client.get(path)).json()
    assert rest["data"][-1]["status"] == "ready"
    assert rest["page"]["more"] is False
    assert any(event["kind"] == "step" and event["duration"] is not None for event in rest["data"])


async def test_history_outlives_the_store(client: httpx.AsyncClient, memory: Memory) -> None:
    store = await create(client)
    await client.delete(f"/api/stores/{store['id']}")
    await until(memory, lambda found: found is None)
    assert (await client.get(f"/api/stores/{store['id']}")).status_code == 404
    events = (await client.get(f"/api/stores/{store['id']}/events")).json()["data"]
    assert events[-1]["kind"] == "deleted"


async def test_types(client: httpx.AsyncClient) -> None:
    (sample,) = (await client.get("/api/types")).json()["data"]
    assert (sample["name"], sample["title"]) == ("sample", "Sample")
    assert sample["schema"]["properties"]["replicas"]["maximum"] == 9
    assert [step["condition"] for step in sample["steps"]][-1] == "StorefrontReady"


async def test_who_am_i(app: FastAPI, client: httpx.AsyncClient, memory: Memory) -> None:
    me = (await client.get("/api/me")).json()["data"]
    assert (me["owner"], me["role"], me["auth"]) == ("alice", "operator", "on")
    assert me["max_stores"] == 20
    async with memory.client(app, await memory.token(app, Role.ADMIN, "root")) as admin:
        me = (await admin.get("/api/me")).json()["data"]
        assert (me["owner"], me["max_stores"]) == (None, None)


# -- changing -----------------------------------------------------------------


async def test_update(client: httpx.AsyncClient, memory: Memory) -> None:
    store = await create(client, parameters={"title": "Shirts", "replicas": 2})
    path = f"/api/stores/{store['id']}"
    updated = (await client.patch(path, json={"parameters": {"replicas": 3}})).json()["data"]
    assert updated["parameters"] == {"title": "Shirts", "replicas": 3}
    assert updated["generation"] == 2
    await error(await client.patch(path, json={"parameters": {"replicas": 0}}), 400)
    await error(await client.patch(path, json={"parameters": []}), 422)
    await error(await client.patch(path, json={"name": "other"}), 422)
    assert memory.repository.rows[store["id"]].store.generation == 2


async def test_retry(client: httpx.AsyncClient, memory: Memory) -> None:
    store = await create(client)
    await until(memory, lambda found: found and found.status == "ready")
    refused = await error(await client.post(f"/api/stores/{store['id']}/retry"), 409)
    assert refused["code"] == "invalid-transition"


async def test_nothing_but_deletion_of_a_store_that_is_deleted(memory: Memory) -> None:
    async with memory.visited(engine=False) as client:
        store = await create(client)
        path = f"/api/stores/{store['id']}"
        for _ in range(2):
            assert (await client.delete(path)).status_code == 200
        await error(await client.patch(path, json={"parameters": {}}), 409)
        await error(await client.post(f"{path}/retry"), 409)
        body = {"name": "my-store", "type": "sample"}
        refused = await error(await client.post("/api/stores", json=body), 409)
        assert refused["code"] == "store-is-deleting"


async def test_credentials(client: httpx.AsyncClient, memory: Memory) -> None:
    """They are shown to who asks, and that is kept; the history and the row have none."""
    store = await create(client)
    await until(memory, lambda found: found and found.status == "ready")
    answer = await client.get(f"/api/stores/{store['id']}/credentials")
    shown = answer.json()["data"]
    assert set(shown["values"]) == {"admin-password", "database-password"}
    assert shown["url"] == "http://my-store.local.test"
    assert shown["admin"] is None, "its type has none"
    assert answer.headers["cache-control"] == "no-store"
    last = memory.repository.history[-1]
    assert (last.kind, last.reason) == ("access", "CredentialsShown")
    assert last.actor.startswith("alice (token ")
    everything = (await client.get(f"/api/stores/{store['id']}/events")).text
    everything += (await client.get("/api/stores")).text
    assert not any(secret in everything for secret in shown["values"].values())


async def test_credentials_that_are_not_there_yet(memory: Memory) -> None:
    async with memory.visited(engine=False) as client:
        store = await create(client)
        answer = await client.get(f"/api/stores/{store['id']}/credentials")
        assert (await error(answer, 409))["code"] == "credentials-not-ready"


async def test_credentials_without_a_cluster(client: httpx.AsyncClient, memory: Memory) -> None:
    store = await create(client)
    memory.cluster.unavailable = True
    refused = await error(await client.get(f"/api/stores/{store['id']}/credentials"), 503)
    assert refused["code"] == "cluster-unavailable"
    assert refused["error_id"].startswith("e-")
