from __future__ import annotations

import json

import pytest
import yaml

from storeorch.errors import (
    DatabaseUnavailable,
    HelmMissing,
    NameTaken,
)
from storeorch.models import Status

from .fake import FAULT, Cli, make_store

CREATE = ("store", "create", "my-store", "--type", "toy")


def test_it_returns_when_the_store_is_accepted(so: Cli) -> None:
    result = so(*CREATE, "--set", "replicas=3", "--set", "disk.size=1Gi")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "store/my-store accepted\n", "")
    parameters = {"replicas": "3", "disk": {"size": "1Gi"}}
    assert ("create", ("my-store", "toy", parameters)) in so.o.calls
    assert "watch" not in so.o.names_called
    assert so.o.names_called[-1] == "close"


def test_with_an_engine_elsewhere_the_environment_here_does_not_matter(so: Cli) -> None:
    so.o.raises["require_environment"] = HelmMissing()
    assert so(*CREATE).exit_code == 0


def test_without_an_engine_it_says_how_to_start_one(so: Cli) -> None:
    so.o.elsewhere = False
    result = so(*CREATE)
    assert (result.exit_code, result.stdout) == (0, "store/my-store accepted\n")
    assert "storeorch run" in result.stderr
    assert "start_engine" not in so.o.names_called


@pytest.mark.parametrize("more", [[], ["--wait"]])
def test_without_an_engine_the_environment_is_checked_before_anything_is_written(
    so: Cli, more: list[str]
) -> None:
    so.o.elsewhere = False
    so.o.raises["require_environment"] = HelmMissing()
    result = so(*CREATE, *more)
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: The helm command was not found.\nHint: Install Helm")
    assert "create" not in so.o.names_called


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["", "--type", "toy"], "The store name is empty."),
        (["a" * 41, "--type", "toy"], "41 characters"),
        (["My-Store", "--type", "toy"], "not a lower-case DNS label"),
        (["a.b", "--type", "toy"], "not a lower-case DNS label"),
        (["a;rm -rf", "--type", "toy"], "not a lower-case DNS label"),
        (["café", "--type", "toy"], "not a lower-case DNS label"),
        (["--type", "toy", "--", "-a"], "not a lower-case DNS label"),
        (["a", "--type", "zoo"], "There is no store type 'zoo'."),
        (["a", "--type", "toy", "--set", "zoo=1"], "has no parameter 'zoo'"),
        (["a", "--type", "toy", "--set", "replicas=many"], "replicas of the type toy is not"),
        (["a", "--type", "toy", "--set", "replicas=0"], "replicas of the type toy is not valid"),
        (["a", "--type", "toy", "--set", "replicas"], "no '='"),
        (["a", "--type", "toy", "--set", "disk=1", "--set", "disk.size=1"], "contradicts"),
        (["a", "--type", "toy", "--timeout", "soon"], "is not a duration"),
        (["a", "--type", "toy", "-o", "xml"], "'xml' is not one of"),
        (["a"], "Missing option '-t' / '--type'"),
    ],
)
def test_what_cannot_be_is_wrong_usage_whatever_the_environment(
    so: Cli, arguments: list[str], sentence: str
) -> None:
    so.o.elsewhere = False
    so.o.raises["require_environment"] = HelmMissing()
    so.o.raises["open"] = DatabaseUnavailable()
    result = so("store", "create", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert sentence in " ".join(result.stderr.split())
    assert so.o.calls == []


def test_a_name_that_is_taken(so: Cli) -> None:
    so.o.raises["create"] = NameTaken()
    result = so(*CREATE)
    assert result.exit_code == 1
    assert "Error: A store of this name exists already." in result.stderr


def test_formats(so: Cli) -> None:
    as_json = json.loads(so(*CREATE, "-o", "json").stdout)
    assert (as_json["name"], as_json["status"]) == ("my-store", "provisioning")
    assert yaml.safe_load(so(*CREATE, "-o", "yaml").stdout) == as_json
    assert so(*CREATE, "-o", "name").stdout == "my-store\n"


def test_waiting_with_an_engine_elsewhere(so: Cli) -> None:
    so.o.story = [make_store(), make_store(status=Status.READY)]
    result = so(*CREATE, "--wait")
    assert result.exit_code == 0
    assert result.stdout == "store/my-store ready http://my-store.local.test\n"
    assert "my-store  status  provisioning" in result.stderr
    assert "my-store  status  ready" in result.stderr
    assert "start_engine" not in so.o.names_called


def test_waiting_without_an_engine_runs_one_inside_for_this_store(so: Cli) -> None:
    so.o.elsewhere = False
    so.o.story = [make_store(status=Status.READY)]
    result = so(*CREATE, "--wait")
    assert result.exit_code == 0
    order = [name for name in so.o.names_called if name not in {"open", "engine_running"}]
    assert order == ["require_environment", "create", "start_engine", "watch", "close"]
    assert ("start_engine", ["id-of-my-store"]) in so.o.calls


def test_waiting_writes_data_on_standard_output_only(so: Cli) -> None:
    so.o.story = [make_store(status=Status.READY)]
    result = so(*CREATE, "--wait", "-o", "json")
    assert json.loads(result.stdout)["status"] == "ready"


@pytest.mark.parametrize("status", [Status.FAILED, Status.DEGRADED])
def test_a_store_that_fails_is_explained(so: Cli, status: Status) -> None:
    so.o.story = [make_store(status=status, fault=FAULT)]
    result = so(*CREATE, "--wait", "-o", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error_message"] == FAULT.message
    assert result.stderr.endswith(
        "Error: The image cannot be pulled.\nHint: Check the image's name.\nError id: e-12345678\n"
    )


def test_a_fault_without_a_hint_gets_one(so: Cli) -> None:
    so.o.story = [make_store(status=Status.FAILED, fault=FAULT.model_copy(update={"hint": None}))]
    result = so(*CREATE, "--wait")
    assert "Hint: Mend the cause, then: storeorch store retry my-store" in result.stderr


@pytest.mark.parametrize(
    ("elsewhere", "hint"),
    [
        (True, "The work goes on. Wait for it again with: storeorch store wait my-store"),
        (False, "Nothing is lost. Go on with: storeorch store wait my-store, or leave it"),
    ],
)
def test_a_wait_that_times_out_cancels_nothing(so: Cli, *, elsewhere: bool, hint: str) -> None:
    so.o.elsewhere = elsewhere
    so.o.hangs = True
    result = so(*CREATE, "--wait", "--timeout", "0.01s")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "Error: The wait timed out after 0.0s; nothing was cancelled." in result.stderr
    assert f"Hint: {hint}" in result.stderr
    assert "delete" not in so.o.names_called
    assert so.o.names_called[-1] == "close"


def test_a_store_that_is_deleted_meanwhile(so: Cli) -> None:
    so.o.story = [make_store(status=Status.DELETING), None]
    result = so(*CREATE, "--wait")
    assert result.exit_code == 1
    assert "was deleted while it was waited for" in result.stderr


def test_the_environment_sets_options(so: Cli) -> None:
    result = so(
        "store",
        "create",
        "my-store",
        STOREORCH_STORE_CREATE_TYPE="toy",
        STOREORCH_STORE_CREATE_OUTPUT="name",
    )
    assert result.stdout == "my-store\n"
