from __future__ import annotations

import json

import pytest

from storeorch.errors import ClusterUnavailable
from storeorch.models import Status

from .fake import FAULT, Cli, make_store


def test_watch_shows_every_change_until_the_store_is_gone(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    so.o.story = [make_store(status=Status.READY), make_store(status=Status.DELETING), None]
    result = so("store", "watch", "my-store")
    assert result.exit_code == 0
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    statuses = [words[2] for words in lines if words[1] == "status"]
    assert statuses == ["provisioning", "ready", "deleting", "deleted"]


def test_watch_as_json_is_one_object_a_line(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    so.o.story = [make_store(status=Status.READY), None]
    result = so("store", "watch", "my-store", "-o", "json")
    statuses = [json.loads(line)["status"] for line in result.stdout.splitlines()]
    assert statuses == ["provisioning", "ready"]


@pytest.mark.parametrize(
    ("status", "elsewhere", "noted"),
    [
        (Status.PROVISIONING, False, True),
        (Status.PROVISIONING, True, False),
        (Status.READY, False, False),
    ],
)
def test_watch_says_if_nobody_works(
    so: Cli, *, status: Status, elsewhere: bool, noted: bool
) -> None:
    so.o.stores["my-store"] = make_store(status=status)
    so.o.story = [None]
    so.o.elsewhere = elsewhere
    result = so("store", "watch", "my-store")
    assert ("No engine is running" in result.stderr) is noted
    assert "start_engine" not in so.o.names_called


@pytest.mark.parametrize("command", ["watch", "wait"])
def test_a_store_that_is_not_there(so: Cli, command: str) -> None:
    result = so("store", command, "my-store")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no store 'my-store'." in result.stderr


def test_wait_for_a_settled_store_needs_no_engine(so: Cli) -> None:
    so.o.stores["my-store"] = make_store(status=Status.READY)
    so.o.elsewhere = False
    result = so("store", "wait", "my-store")
    assert (result.exit_code, result.stdout) == (
        0,
        "store/my-store ready http://my-store.local.test\n",
    )
    assert "start_engine" not in so.o.names_called


def test_a_status_of_an_older_declaration_is_not_the_end(so: Cli) -> None:
    so.o.stores["my-store"] = make_store(status=Status.DEGRADED, generation=2)
    so.o.story = [make_store(status=Status.READY, generation=2, observed_generation=2)]
    assert so("store", "wait", "my-store").exit_code == 0


def test_wait_runs_an_engine_where_none_runs(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    so.o.story = [make_store(status=Status.READY)]
    so.o.elsewhere = False
    assert so("store", "wait", "my-store").exit_code == 0
    assert ("start_engine", ["id-of-my-store"]) in so.o.calls


def test_wait_needs_an_environment_where_no_engine_runs(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    so.o.elsewhere = False
    so.o.raises["require_environment"] = ClusterUnavailable()
    assert so("store", "wait", "my-store").exit_code == 4
    assert "start_engine" not in so.o.names_called


def test_wait_for_a_store_that_has_failed(so: Cli) -> None:
    so.o.stores["my-store"] = make_store(status=Status.FAILED, fault=FAULT)
    result = so("store", "wait", "my-store")
    assert result.exit_code == 1
    assert "Error: The image cannot be pulled." in result.stderr


def test_wait_for_a_store_that_is_being_deleted(so: Cli) -> None:
    so.o.stores["my-store"] = make_store(status=Status.DELETING)
    so.o.story = [None]
    result = so("store", "wait", "my-store")
    assert (result.exit_code, result.stdout) == (0, "store/my-store deleted\n")


def test_wait_times_out(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    so.o.hangs = True
    assert so("store", "wait", "my-store", "--timeout", "0").exit_code == 3
