from __future__ import annotations

import pytest

from storeorch.errors import HelmMissing
from storeorch.models import Status

from .fake import FAULT, Cli, make_store


@pytest.fixture
def ready(so: Cli) -> Cli:
    so.o.stores["my-store"] = make_store(status=Status.READY)
    return so


def test_without_a_terminal_and_without_yes_it_refuses(ready: Cli) -> None:
    result = ready("store", "delete", "my-store", typed="my-store\n")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert ready.o.calls == []


def test_it_asks_for_the_name(ready: Cli) -> None:
    ready.terminal = True
    result = ready("store", "delete", "my-store", typed="my-store\n")
    assert (result.exit_code, result.stdout) == (0, "store/my-store deletion accepted\n")
    assert "with all its data" in result.stderr
    assert "delete" in ready.o.names_called


@pytest.mark.parametrize("answer", ["", "y", "yes", "my-stor", "My-Store"])
def test_another_answer_deletes_nothing(ready: Cli, answer: str) -> None:
    ready.terminal = True
    result = ready("store", "delete", "my-store", typed=f"{answer}\n")
    assert result.exit_code == 1
    assert "nothing was deleted" in result.stderr
    assert "delete" not in ready.o.names_called


def test_no_answer_deletes_nothing(ready: Cli) -> None:
    ready.terminal = True
    assert ready("store", "delete", "my-store", typed="").exit_code == 130
    assert "delete" not in ready.o.names_called


def test_a_store_that_is_not_there_is_told_before_asking(so: Cli) -> None:
    so.terminal = True
    result = so("store", "delete", "my-store", typed="my-store\n")
    assert result.exit_code == 1
    assert "There is no store 'my-store'." in result.stderr
    assert "Type its name" not in result.stderr


def test_it_waits_until_the_store_is_gone(ready: Cli) -> None:
    ready.o.story = [None]
    result = ready("store", "delete", "my-store", "--yes", "--wait")
    assert (result.exit_code, result.stdout) == (0, "store/my-store deleted\n")
    assert "my-store  status  deleted" in result.stderr


def test_without_an_engine_one_runs_inside(ready: Cli) -> None:
    ready.o.elsewhere = False
    ready.o.story = [None]
    assert ready("store", "delete", "my-store", "--yes", "--wait").exit_code == 0
    assert ("start_engine", ["id-of-my-store"]) in ready.o.calls


def test_the_environment_is_checked_before_it_writes(ready: Cli) -> None:
    ready.o.elsewhere = False
    ready.o.raises["require_environment"] = HelmMissing()
    assert ready("store", "delete", "my-store", "--yes", "--wait").exit_code == 4
    assert "delete" not in ready.o.names_called


def test_a_deletion_that_fails_is_shown_and_goes_on(ready: Cli) -> None:
    stuck = make_store(status=Status.DELETING, generation=2, fault=FAULT)
    ready.o.story = [stuck]
    ready.o.hangs = True
    result = ready("store", "delete", "my-store", "--yes", "--wait", "--timeout", "0.05")
    assert result.exit_code == 3
    assert "my-store  problem  The image cannot be pulled." in result.stderr
    assert result.stdout == ""
