"""The real app with its engine on a real API server, as its users have it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.integration.api import Api
from tests.web.live import LiveApp, command, environment, live, until_gone, until_ready
from tests.web.sse import messages

from storeorch_devcluster import EmbeddedCluster


@pytest.mark.parametrize("type_", ["woocommerce", "medusa"])
def test_the_life_of_a_store(guarded_app: LiveApp, api: Api, type_: str) -> None:
    token = guarded_app.token("operator", "alice")
    with guarded_app.client(token) as client:
        created = client.post("/api/stores", json={"name": "my-store", "type": type_})
        assert created.status_code == 201, created.text
        store = until_ready(client, created.json()["data"]["id"])
        assert store["url"] == "http://my-store.local.test"
        assert store["progress"] == 1
        assert all(condition["status"] for condition in store["conditions"])
        assert api.namespace(store["namespace"]) is not None
        access = client.get(f"/api/stores/{store['id']}/credentials").json()["data"]
        shown = access["values"]
        assert shown
        assert access["admin"]["password"] in shown.values()
        assert access["admin"]["url"].startswith(store["url"])
        for follow, status in (("false", 502), ("true", 200)):
            logs = client.get(f"/api/stores/{store['id']}/logs", params={"follow": follow})
            assert logs.status_code == status
            assert "pods on simulated nodes write nothing" in logs.text
        assert all(len(secret) >= 16 for secret in shown.values())
        history = client.get(f"/api/stores/{store['id']}/events").json()["data"]
        assert [e["actor"] for e in history if e["kind"] in {"declared", "access"}] == [
            f"alice (token {token.split('_')[1]})"
        ] * 2
        assert client.delete(f"/api/stores/{store['id']}").status_code == 200
        until_gone(client, store["id"])
        assert api.namespace(store["namespace"]) is None
    log = (guarded_app.folder / "private" / "operator.log").read_text()
    assert not any(secret in log for secret in [*shown.values(), token])


def test_what_failed_is_told_and_mended(live_app: LiveApp) -> None:
    """A failed store says why in words for users; new parameters and a retry mend it."""
    with live_app.client() as client:
        body = {"name": "probe", "type": "probe", "parameters": {"simulate": "missing"}}
        store_id = client.post("/api/stores", json=body).json()["data"]["id"]
        with client.stream("GET", f"/api/events/stream?store={store_id}") as answer:
            store = client.get(f"/api/stores/{store_id}").json()["data"]
            for message in messages(answer):
                store = message.json().get("store") or store
                if store["status"] == "failed":
                    break
        assert store["fault"]["code"] == "workload-failed"
        assert store["error_message"]
        assert client.post(f"/api/stores/{store_id}/retry").json()["data"]["status"] == (
            "provisioning"
        )
        mended = client.patch(f"/api/stores/{store_id}", json={"parameters": {"simulate": ""}})
        assert mended.status_code == 200, mended.text
        assert until_ready(client, store_id)["fault"] is None


def test_it_ends_when_told_and_loses_nothing_when_killed(
    tmp_path: Path, embedded_cluster: EmbeddedCluster, live_app: LiveApp
) -> None:
    """Streams do not hold it up; what was acknowledged is done by the next start."""
    with live_app.client() as client:
        body = {"name": "my-store", "type": "probe"}
        store_id = client.post("/api/stores", json=body).json()["data"]["id"]
        live_app.kill()
    with live(live_app.folder, live_app.environ) as again, again.client() as client:
        assert until_ready(client, store_id)["status"] == "ready"
        with client.stream("GET", "/api/events/stream") as answer:
            told = messages(answer)
            assert next(told).event == "hello"
            assert again.stop() == 0
            assert list(told) == []


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shared.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


def test_several_processes_share_one_database(
    tmp_path: Path, embedded_cluster: EmbeddedCluster, api: Api, database: str
) -> None:
    """One works, all answer: what one accepts all see, and each one's streams tell of it."""
    given = {"DATABASE_URL": database}
    environ = environment(tmp_path, embedded_cluster.kubeconfig, **given)
    beside = {**environ, "STOREORCH_WEB_ENGINE": "outside"}
    token = command(environ, "token", "create", "--role", "operator", "--owner", "alice")
    with (
        live(tmp_path / "a", environ) as first,
        live(tmp_path / "b", beside) as second,
        first.client(token) as to_first,
        second.client(token) as to_second,
    ):
        assert to_second.get("/api/ready").status_code == 200, "the other's engine is alive"
        with to_first.stream("GET", "/api/events/stream") as answer:
            told = messages(answer)
            assert next(told).event == "hello"
            made = to_second.post("/api/stores", json={"name": "my-store", "type": "probe"})
            store_id = made.json()["data"]["id"]
            assert next(told).json()["store"]["id"] == store_id
        until_ready(to_second, store_id)
        assert to_first.get(f"/api/stores/{store_id}").json()["data"]["status"] == "ready"

        def create(client: int) -> int:
            to = (to_first, to_second)[client % 2]
            body = {"name": "wanted", "type": "probe"}
            return to.post("/api/stores", json=body).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(create, range(8))) == [201] + [409] * 7
        for store in to_first.get("/api/stores").json()["data"]:
            to_second.delete(f"/api/stores/{store['id']}")
            until_gone(to_first, store["id"])
