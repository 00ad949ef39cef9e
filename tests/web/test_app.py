"""Around the API: settings, tokens on the command line, dashboard, figures."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from tests.web.memory import Memory, until

from storeorch.errors import EnvironmentNotReady
from storeorch_webapp import WebSettings, server
from storeorch_webapp.cli import cli, main
from storeorch_webapp.settings import Auth, EnginePlace, is_loopback
from storeorch_webapp.tokens import Role

# -- settings -----------------------------------------------------------------


def test_defaults() -> None:
    settings = WebSettings.load()
    assert (settings.host, settings.port) == ("127.0.0.1", 3000)
    assert (settings.auth, settings.engine) == (Auth.ON, EnginePlace.INSIDE)
    assert settings.library().domain == "local.test"
    assert settings.library().database_connections == 15


def test_names_that_deployments_share(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DB_HOST": "db.test",
        "DB_PORT": "5433",
        "DB_NAME": "shops",
        "DB_USER": "me@home",
        "DB_PASSWORD": "p/w:@ä%",
        "PORT": "3001",
        "DOMAIN": "shops.test",
        "RECONCILE_INTERVAL": "30000",
        "STOREORCH_DATABASE_CONNECTIONS": "7",
    }.items():
        monkeypatch.setenv(name, value)
    settings = WebSettings.load()
    library = settings.library()
    assert settings.port == 3001
    assert library.database_url == (
        "postgresql://me%40home:p%2Fw%3A%40%C3%A4%25@db.test:5433/shops"
    )
    assert library.domain == "shops.test"
    assert library.resync_interval == 30
    assert library.database_connections == 7
    assert "p/w" not in repr(settings)


def test_the_url_comes_before_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "db.test")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///shops.db")
    assert WebSettings.load().library().database_url == "sqlite:///shops.db"


def test_a_file_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's are read there too; the environment comes first."""
    (tmp_path / ".env").write_text(
        "PORT=4000\nDOMAIN=file.test\nSTOREORCH_HOSTS_FILE=/tmp/hosts\nSTOREORCH_WEB_AUTH=off\n"
    )
    monkeypatch.setenv("PORT", "5000")
    settings = WebSettings.load()
    assert (settings.port, settings.auth) == (5000, Auth.OFF)
    assert settings.library().domain == "file.test"
    assert settings.library().hosts_file == Path("/tmp/hosts")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("STOREORCH_WEB_AUTH", "maybe"),
        ("STOREORCH_WEB_RATE_LIMIT", "many"),
        ("STOREORCH_WEB_CORS_ORIGINS", "*"),
        ("STOREORCH_WEB_CORS_ORIGINS", "http://localhost:5173/"),
        ("RECONCILE_INTERVAL", "0"),
    ],
)
def test_values_that_are_not_possible(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(EnvironmentNotReady) as refused:
        WebSettings.load()
    assert name in refused.value.message


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "shops.test", ""])
def test_nobody_but_this_machine_without_authentication(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("STOREORCH_WEB_AUTH", "off")
    with pytest.raises(EnvironmentNotReady) as refused:
        WebSettings.load(host=host)
    assert "loopback" in refused.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


# -- command line -------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/web.db")


@pytest.mark.usefixtures("database")
def test_tokens() -> None:
    """Made, listed without the secret, revoked."""
    run = CliRunner().invoke
    made = run(cli, ["token", "create", "--role", "operator", "--owner", "alice"])
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert token.startswith("sow_")
    run(cli, ["token", "create", "--role", "viewer", "--owner", "bob", "--days", "1.5"])
    listed = json.loads(run(cli, ["token", "list", "-o", "json"]).stdout)
    assert [(each["role"], each["owner"]) for each in listed] == [
        ("operator", "alice"),
        ("viewer", "bob"),
    ]
    assert listed[0]["expires_at"] is None
    assert listed[1]["expires_at"] is not None
    assert token.split("_")[2] not in json.dumps(listed)
    assert run(cli, ["token", "revoke", listed[0]["id"]]).exit_code == 0
    assert "alice" in run(cli, ["token", "list"]).stdout
    again = run(cli, ["token", "revoke", listed[0]["id"]])
    assert again.exit_code == 1


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "create", "--role", "king", "--owner", "alice"],
        ["token", "create", "--role", "viewer"],
        ["token", "create", "--role", "viewer", "--owner", " "],
        ["token", "create", "--role", "viewer", "--owner", "a\nb"],
        ["token", "create", "--role", "viewer", "--owner", "x" * 201],
        ["token", "create", "--role", "viewer", "--owner", "a", "--days", "0"],
        ["nothing"],
    ],
)
def test_wrong_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["storeorch-web", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_the_sentence_and_the_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOREORCH_WEB_AUTH", "off")
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setattr("sys.argv", ["storeorch-web"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 4
    assert capsys.readouterr().err.splitlines() == [
        "Error: STOREORCH_WEB_AUTH=off is possible on loopback only.",
        "Hint: Unset STOREORCH_WEB_AUTH, or set HOST=127.0.0.1.",
    ]


def test_foreign_text_stays_away_from_users(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("c4n4ry")

    monkeypatch.setattr(WebSettings, "load", fail)
    monkeypatch.setattr("sys.argv", ["storeorch-web"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "c4n4ry" not in shown
    assert "error id e-" in shown


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = WebSettings.load(port=taken.getsockname()[1])
        with pytest.raises(EnvironmentNotReady) as refused:
            server.listen(settings)
    assert "PORT" in (refused.value.hint or "")


def test_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = CliRunner().invoke(cli, ["openapi"])
    document = json.loads(printed.stdout)
    assert "/api/stores/{store_id}/credentials" in document["paths"]
    assert not any(path.startswith("/{") for path in document["paths"])


# -- dashboard ----------------------------------------------------------------


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>storeorch</title>")
    (folder / "assets" / "index-abc123.js").write_text("1")
    return folder


async def test_the_page_is_served_at_every_address_within(memory: Memory, built: Path) -> None:
    async with memory.started(dashboard=built) as app, memory.client(app) as client:
        for path in ("/", "/stores/some-id", "/login"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
            assert answer.headers["content-type"].startswith("text/html")
        script = await client.get("/assets/index-abc123.js")
        assert "immutable" in script.headers["cache-control"]
        for path in ("/assets/none.js", "/assets/none", "/robots.txt", "/%2e%2e/web.db"):
            answer = await client.get(path)
            assert answer.status_code == 404, path
            assert answer.json()["error"]["code"] == "not-found"
        assert (await client.post("/", json={})).status_code == 405


async def test_without_a_dashboard(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storeorch_webapp.dashboard.find", lambda: None)
    async with memory.started() as app, memory.client(app) as client:
        answer = await client.get("/")
        assert answer.status_code == 503
        assert "npm run build" in answer.text


# -- how it is ----------------------------------------------------------------


async def test_ready(client: httpx.AsyncClient, memory: Memory) -> None:
    answer = await client.get("/api/ready")
    assert answer.status_code == 200
    assert [part["name"] for part in answer.json()["data"]["parts"]] == ["database", "engine"]
    memory.repository.database.workers.clear()
    answer = await client.get("/api/ready")
    assert answer.status_code == 503
    assert answer.json()["data"]["parts"][1]["ok"] is False


async def test_figures(app: FastAPI, client: httpx.AsyncClient, memory: Memory) -> None:
    await client.post("/api/stores", json={"name": "my-store", "type": "sample"})
    await until(memory, lambda store: store and store.status == "ready")
    await client.get("/api/stores/4b1f4d1e-0000-4000-8000-000000000000")
    await client.get("/no/such/page")
    async with memory.client(app, await memory.token(app, Role.ADMIN)) as admin:
        lines = (await admin.get("/metrics")).text.splitlines()
    assert 'storeorch_stores{status="ready"} 1.0' in lines
    assert 'storeorch_stores{status="failed"} 0.0' in lines
    assert "storeorch_engines 1.0" in lines
    assert (
        'storeorch_web_requests_total{method="POST",route="/api/stores",status="201"} 1.0' in lines
    )
    assert not any("4b1f4d1e" in line or "no/such" in line for line in lines)


@pytest.mark.parametrize("field", sorted(WebSettings.model_fields))
def test_settings_are_documented(field: str) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/webapp.md").read_text()
    variable = WebSettings.model_fields[field].validation_alias
    assert f"`{variable}`" in page
    assert WebSettings.model_fields[field].description
