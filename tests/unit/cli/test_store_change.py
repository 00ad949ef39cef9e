from __future__ import annotations

import json

import pytest

from storeorch.errors import HelmMissing, InvalidTransition, StoreIsDeleting
from storeorch.models import Status

from .fake import Cli, make_store


@pytest.fixture
def ready(so: Cli) -> Cli:
    so.o.stores["my-store"] = make_store(status=Status.READY, parameters={"disk": {"size": "1Gi"}})
    return so


def test_update_is_accepted(ready: Cli) -> None:
    result = ready("store", "update", "my-store", "--set", "replicas=2")
    assert (result.exit_code, result.stdout) == (0, "store/my-store update accepted\n")
    assert ("update", {"replicas": "2"}) in ready.o.calls


def test_update_of_nothing_is_wrong_usage(ready: Cli) -> None:
    result = ready("store", "update", "my-store")
    assert result.exit_code == 2
    assert "nothing to update" in result.stderr
    assert ready.o.calls == []


@pytest.mark.parametrize("setting", ["replicas=many", "zoo=1", "disk.zoo=1"])
def test_update_checks_parameters_before_the_environment(ready: Cli, setting: str) -> None:
    ready.o.elsewhere = False
    ready.o.raises["require_environment"] = HelmMissing()
    result = ready("store", "update", "my-store", "--set", setting)
    assert result.exit_code == 2
    assert "update" not in ready.o.names_called


def test_update_checks_the_environment_before_it_writes(ready: Cli) -> None:
    ready.o.elsewhere = False
    ready.o.raises["require_environment"] = HelmMissing()
    assert ready("store", "update", "my-store", "--set", "replicas=2").exit_code == 4
    assert "update" not in ready.o.names_called


def test_update_waits(ready: Cli) -> None:
    ready.o.story = [make_store(status=Status.READY, generation=2, observed_generation=2)]
    result = ready("store", "update", "my-store", "--set", "replicas=2", "--wait", "-o", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["observed_generation"] == 2


def test_retry_is_accepted(so: Cli) -> None:
    so.o.stores["my-store"] = make_store(status=Status.FAILED)
    result = so("store", "retry", "my-store")
    assert (result.exit_code, result.stdout) == (0, "store/my-store retry accepted\n")


def test_retry_waits_with_an_engine_inside(so: Cli) -> None:
    so.o.stores["my-store"] = make_store(status=Status.FAILED)
    so.o.elsewhere = False
    so.o.story = [make_store(status=Status.READY, generation=2, observed_generation=2)]
    result = so("store", "retry", "my-store", "--wait")
    assert result.stdout == "store/my-store ready http://my-store.local.test\n"
    assert ("start_engine", ["id-of-my-store"]) in so.o.calls


@pytest.mark.parametrize("error", [InvalidTransition, StoreIsDeleting])
def test_what_cannot_be_retried(so: Cli, error: type[Exception]) -> None:
    so.o.stores["my-store"] = make_store(status=Status.READY)
    so.o.raises["retry"] = error()
    result = so("store", "retry", "my-store")
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize("command", [["update", "x", "--set", "replicas=2"], ["retry", "x"]])
def test_a_store_that_is_not_there(so: Cli, command: list[str]) -> None:
    assert so("store", *command).exit_code == 1
