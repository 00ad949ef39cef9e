from __future__ import annotations

import json

import yaml

from storeorch.models import Status, StoreFilter

from .fake import FAULT, Cli, condition, make_store


def three(so: Cli) -> None:
    for name, status in (("a", Status.READY), ("b", Status.FAILED), ("c", Status.PROVISIONING)):
        so.o.stores[name] = make_store(
            name,
            status,
            fault=FAULT if status is Status.FAILED else None,
            conditions=(
                condition("NamespaceReady", holds=True, after=1, message="It is there."),
                condition("ReleaseInstalled", holds=status is Status.READY, after=3),
            ),
        )


def test_a_list_goes_through_all_pages(so: Cli) -> None:
    three(so)
    result = so("store", "list", "-o", "json")
    assert [store["name"] for store in json.loads(result.stdout)] == ["a", "b", "c"]
    assert yaml.safe_load(so("store", "list", "-o", "yaml").stdout) == json.loads(result.stdout)
    assert so("store", "list", "-o", "name").stdout == "a\nb\nc\n"


def test_an_empty_list_is_an_empty_array(so: Cli) -> None:
    assert json.loads(so("store", "list", "-o", "json").stdout) == []
    assert so("store", "list", "-o", "name").stdout == ""


def test_the_table_is_for_people_and_never_folded(so: Cli) -> None:
    three(so)
    long = "l" * 40
    so.o.stores[long] = make_store(long, Status.READY)
    lines = so("store", "list", COLUMNS="20").stdout.splitlines()
    assert lines[0].split() == ["NAME", "TYPE", "STATUS", "STEPS", "CREATED", "URL"]
    first = ["a", "toy", "ready", "2/2", "2026-01-02T03:04:05Z", "http://a.local.test"]
    assert lines[1].split() == first
    assert lines[2].split() == ["b", "toy", "failed", "1/2", "2026-01-02T03:04:05Z", "-"]
    assert lines[4].split()[-1] == f"http://{long}.local.test"
    assert not any(line.endswith(" ") for line in lines)


def test_a_list_is_filtered(so: Cli) -> None:
    so("store", "list", "--status", "ready", "--status", "failed", "--type", "toy", "--search", "x")
    statuses = frozenset({Status.READY, Status.FAILED})
    where = StoreFilter(statuses=statuses, type="toy", search="x")
    assert ("list", (where, None)) in so.o.calls


def test_a_status_that_does_not_exist(so: Cli) -> None:
    result = so("store", "list", "--status", "happy")
    assert result.exit_code == 2
    assert "'happy' is not one of" in result.stderr


def test_get_has_the_fields_that_scripts_rely_on(so: Cli) -> None:
    three(so)
    found = json.loads(so("store", "get", "b", "-o", "json").stdout)
    promised = (
        "id name type status namespace url helm_release error_message created_at updated_at "
        "conditions"
    )
    assert set(promised.split()) <= set(found)
    assert (found["name"], found["status"]) == ("b", "failed")
    assert found["error_message"] == FAULT.message
    assert [one["type"] for one in found["conditions"]] == ["NamespaceReady", "ReleaseInstalled"]
    assert found["created_at"] == "2026-01-02T03:04:05Z"
    assert yaml.safe_load(so("store", "get", "b", "-o", "yaml").stdout) == found


def test_get_for_people(so: Cli) -> None:
    three(so)
    shown = so("store", "get", "b").stdout
    for words in (
        "Status: failed",
        "URL: -",
        "Namespace: store-b-12345678",
        "Error: The image cannot be pulled.",
        "Hint: Check the image's name.",
        "Error id: e-12345678",
        "NamespaceReady yes 2026-01-02T03:04:06Z Done It is there.",
        "ReleaseInstalled no 2026-01-02T03:04:08Z NotYet",
    ):
        assert words in " ".join(shown.split()), words
    assert "Error" not in so("store", "get", "a").stdout


def test_get_by_id(so: Cli) -> None:
    three(so)
    assert so("store", "get", "id-of-a", "-o", "name").stdout == "a\n"


def test_what_a_terminal_would_obey_is_made_visible(so: Cli) -> None:
    so.o.stores["a"] = make_store("a", parameters={"title": "\x1b[2Jboo [bold]x[/bold]"})
    shown = so("store", "get", "a").stdout
    assert "\\x1b[2Jboo [bold]x[/bold]" in shown
    assert "\x1b" not in shown
