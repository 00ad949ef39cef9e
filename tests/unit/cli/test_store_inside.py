from __future__ import annotations

import json

import click
import pytest

from storeorch.models import AdminLogin, Credentials, Status
from storeorch.ports import LogLine

from .fake import Cli, make_store


def test_how_the_administrator_logs_in(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    so.o.secrets = Credentials(
        store_id="id",
        url="http://my-store.local.test",
        values={"admin-password": "s3cret", "salt": "pepper"},
        admin=AdminLogin(
            username="admin", password="s3cret", url="http://my-store.local.test/admin"
        ),
    )
    shown = so("store", "credentials", "my-store").stdout
    header, row = (line.split() for line in shown.splitlines())
    assert header == ["URL", "USER", "PASSWORD"]
    assert row == ["http://my-store.local.test/admin", "admin", "s3cret"]
    whole = json.loads(so("store", "credentials", "my-store", "-o", "json").stdout)
    assert whole["values"]["salt"] == "pepper"
    assert whole["admin"]["password"] == "s3cret"


def test_a_type_without_an_administrator_shows_what_there_is(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    assert so("store", "credentials", "my-store").stdout.split() == [
        "KEY",
        "VALUE",
        "key",
        "s3cret",
    ]


def test_lines_name_their_pod_and_container(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    so.o.written = [LogLine("web-0", "web", "started"), LogLine("db-0", "db", "\x1b[2Jready")]
    result = so("store", "logs", "my-store", "--follow", "--tail", "5")
    assert result.stdout.splitlines()[0] == "web-0/web: started"
    assert "\x1b" not in result.stdout
    assert ("logs", (True, 5)) in so.o.calls


def test_silence_is_said(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    result = so("store", "logs", "my-store")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "written anything yet" in result.stderr


def test_logs_of_a_store_that_is_not_there(so: Cli) -> None:
    assert so("store", "logs", "my-store").exit_code == 1


def test_a_ready_store_is_opened(so: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def launch(url: str) -> int:
        opened.append(url)
        return 0

    monkeypatch.setattr(click, "launch", launch)
    so.o.stores["my-store"] = make_store(status=Status.READY)
    result = so("store", "open", "my-store")
    assert result.stdout.splitlines() == opened == ["http://my-store.local.test"]
    so("store", "open", "my-store", "--url")
    assert len(opened) == 1


def test_where_no_browser_is_the_address_is_still_told(
    so: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(click, "launch", lambda _url: 3)
    so.o.stores["my-store"] = make_store(status=Status.READY)
    result = so("store", "open", "my-store")
    assert result.stdout == "http://my-store.local.test\n"
    assert "No browser" in result.stderr


def test_a_store_without_an_address_is_not_opened(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    result = so("store", "open", "my-store")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has no address yet" in result.stderr
