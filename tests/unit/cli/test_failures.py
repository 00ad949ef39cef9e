from __future__ import annotations

import json
import re

import pytest

from storeorch import errors
from storeorch.errors import EnvironmentNotReady, InternalError, StoreorchError

from .fake import Cli

CANARY = "the canary sings: sqlite3.OperationalError near SELECT at /srv/secret/path"


def all_errors(root: type[StoreorchError] = StoreorchError) -> list[type[StoreorchError]]:
    return [root] + [found for below in root.__subclasses__() for found in all_errors(below)]


def chained(error: Exception, *, password: str = "") -> Exception:
    cause = ValueError(f"{CANARY} password={password}")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "kind", [kind for kind in all_errors() if kind.__module__ == errors.__name__]
)
def test_every_error_has_its_sentence_hint_and_status(so: Cli, kind: type[StoreorchError]) -> None:
    so.o.raises["get"] = kind("It is not as it should be.", hint="Do this.")
    result = so("store", "get", "my-store")
    assert result.exit_code == kind.exit_code
    assert result.stdout == ""
    assert result.stderr == "Error: It is not as it should be.\nHint: Do this.\n"


def test_errors_are_plain_text_whatever_the_format(so: Cli) -> None:
    result = so("store", "get", "my-store", "-o", "json")
    assert result.stdout == ""
    assert result.stderr.startswith("Error: There is no store 'my-store'.\nHint: ")
    assert result.exit_code == 1


@pytest.mark.parametrize("kind", [errors.DatabaseUnavailable, errors.StoreFailed])
def test_a_foreign_cause_is_in_the_operators_log_only(so: Cli, kind: type[StoreorchError]) -> None:
    so.o.raises["open"] = chained(kind(), password="hunter2")
    result = so("store", "list", "-o", "json")
    assert result.exit_code == kind.exit_code
    assert "canary" not in result.output
    found = re.search(r"^Error id: (e-[0-9a-f]{8})$", result.stderr, re.MULTILINE)
    assert found
    entries = [json.loads(line) for line in so.log().splitlines()]
    assert [entry["error_id"] for entry in entries] == [found.group(1)]
    assert CANARY in entries[0]["traceback"]
    assert "hunter2" not in so.log()
    assert entries[0]["command"] == "storeorch store"


def test_an_unexpected_error_shows_nothing_of_itself(so: Cli) -> None:
    so.o.raises["list"] = RuntimeError(CANARY)
    result = so("store", "list")
    assert result.exit_code == 1
    assert result.stdout == ""
    first, hint, number = result.stderr.splitlines()
    assert first == "Error: Something unexpected went wrong inside storeorch."
    assert hint == f"Hint: {InternalError.default_hint}"
    assert json.loads(so.log())["error_id"] == number.removeprefix("Error id: ")
    assert CANARY in so.log()


def test_a_group_of_our_errors_is_shown_as_the_first(so: Cli) -> None:
    inner = ExceptionGroup("inner", [EnvironmentNotReady("No cluster.")])
    so.o.raises["open"] = ExceptionGroup("outer", [inner, EnvironmentNotReady("No rights.")])
    result = so("store", "list")
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: No cluster.\n")


def test_a_group_with_a_foreign_error_is_unexpected(so: Cli) -> None:
    so.o.raises["open"] = ExceptionGroup("all", [EnvironmentNotReady(), OSError(CANARY)])
    result = so("store", "list")
    assert result.exit_code == 1
    assert "unexpected" in result.stderr
    assert "canary" not in result.output


def test_an_impossible_setting_is_told_without_a_log(so: Cli) -> None:
    def load() -> object:
        raise EnvironmentNotReady("STOREORCH_DOMAIN has a value that is not possible.")

    so.load_settings = load  # type: ignore[assignment]
    result = so("store", "list")
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: STOREORCH_DOMAIN has a value")
    assert result.stderr.count("\n") == 2


def test_an_interruption_has_its_own_status(so: Cli) -> None:
    so.o.raises["list"] = KeyboardInterrupt()
    result = so("store", "list")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_a_reader_that_went_away_is_no_error_of_ours(so: Cli) -> None:
    so.o.raises["list"] = BrokenPipeError(32, "Broken pipe")
    result = so("store", "list")
    assert "unexpected" not in result.stderr
    assert so.log() == ""
