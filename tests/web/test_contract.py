"""A client that was written against the contract alone works, with each way to authenticate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from tests.web.memory import Memory, until

from storeorch_webapp.settings import Auth


class ContractClient:
    """Knows five requests, and which fields their answers have; it ignores all else."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def stores(self) -> list[dict[str, Any]]:
        answer = await self._http.get("/api/stores")
        assert answer.status_code == 200
        assert answer.json()["success"] is True
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    async def create(self, name: str, type_: str) -> dict[str, Any]:
        answer = await self._http.post("/api/stores", json={"name": name, "type": type_})
        assert answer.status_code == 201
        assert answer.json()["success"] is True
        found: dict[str, Any] = answer.json()["data"]
        return found

    async def refused(self, body: object) -> int:
        answer = await self._http.post("/api/stores", json=body)
        assert answer.json()["success"] is False
        return answer.status_code

    async def delete(self, store_id: str) -> httpx.Response:
        return await self._http.delete(f"/api/stores/{store_id}")

    async def healthy(self) -> bool:
        return (await self._http.get("/api/health")).status_code == 200


@pytest.fixture(params=["token", "off"])
async def contract(memory: Memory, request: pytest.FixtureRequest) -> AsyncIterator[ContractClient]:
    async with memory.started(auth=Auth.OFF if request.param == "off" else Auth.ON) as app:
        token = await memory.token(app) if request.param == "token" else None
        async with memory.client(app, token) as http:
            yield ContractClient(http)


async def test_the_life_of_a_store(contract: ContractClient, memory: Memory) -> None:
    assert await contract.healthy()
    assert await contract.stores() == []
    created = await contract.create("my-store", "sample")
    assert (created["name"], created["type"]) == ("my-store", "sample")
    assert created["status"] == "provisioning"
    assert created["namespace"].startswith("store-my-store-")
    assert created["url"] is None
    assert datetime.fromisoformat(created["created_at"]).tzinfo is not None
    await until(memory, lambda store: store and store.status == "ready")
    (store,) = await contract.stores()
    assert store["status"] == "ready"
    assert store["url"] == "http://my-store.local.test"
    deleted = await contract.delete(store["id"])
    assert deleted.status_code == 200
    assert deleted.json() == {"success": True, "message": "Store deletion initiated"}
    await until(memory, lambda store: store is None)
    assert await contract.stores() == []
    assert (await contract.delete(store["id"])).status_code == 404


async def test_the_newest_store_comes_first(contract: ContractClient) -> None:
    for name in ("first", "second", "third"):
        await contract.create(name, "sample")
    assert [store["name"] for store in await contract.stores()] == ["third", "second", "first"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "type": "sample"},
        {"name": "My Store", "type": "sample"},
        {"name": "a" * 41, "type": "sample"},
        {"name": "-a", "type": "sample"},
        {"name": "a;rm -rf", "type": "sample"},
        {"name": "<script>alert(1)</script>", "type": "sample"},
        {"name": "shop\u0000", "type": "sample"},
        {"name": "lädchen", "type": "sample"},
        {"name": 5, "type": "sample"},
        {"name": None, "type": "sample"},
        {"name": ["shop"], "type": "sample"},
        {"type": "sample"},
        {"name": "shop"},
        {"name": "shop", "type": "nothing"},
        {"name": "shop", "type": ""},
        {"name": "shop", "type": {"$ne": 1}},
    ],
)
async def test_a_bad_name_or_type_is_a_400(
    contract: ContractClient, memory: Memory, body: object
) -> None:
    assert await contract.refused(body) == 400
    assert memory.repository.history == []


async def test_a_taken_name_is_a_409(contract: ContractClient) -> None:
    await contract.create("my-store", "sample")
    assert await contract.refused({"name": "my-store", "type": "sample"}) == 409


async def test_an_unknown_store_is_a_404(contract: ContractClient) -> None:
    for unknown in ("4b1f4d1e-0000-4000-8000-000000000000", "nothing", "%00", "..%2f..%2fetc"):
        assert (await contract.delete(unknown)).status_code == 404


async def test_pages_of_the_dashboard_s_origin_may_ask(memory: Memory) -> None:
    async with memory.started() as app, memory.client(app) as http:
        asked = {
            "Origin": "http://localhost:5173",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = await http.options("/api/stores", headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
        foreign = await http.options("/api/stores", headers={**asked, "Origin": "http://evil.test"})
        assert "access-control-allow-origin" not in foreign.headers
