from __future__ import annotations

import json

import yaml

from .fake import Cli, make_event, make_store


def test_events_of_a_deleted_store(so: Cli) -> None:
    so.o.history = [make_event(1, step=None, duration=None), make_event(2)]
    found = json.loads(so("store", "events", "my-store", "-o", "json").stdout)
    assert [event["id"] for event in found] == [1, 2]
    assert found[1]["message"] == "Message 2."
    assert yaml.safe_load(so("store", "events", "my-store", "-o", "yaml").stdout) == found


def test_the_table(so: Cli) -> None:
    so.o.history = [make_event(1, step=None, duration=None), make_event(2)]
    lines = so("store", "events", "my-store").stdout.splitlines()
    assert lines[0].split() == ["TIME", "KIND", "REASON", "STEP", "TOOK", "ACTOR", "MESSAGE"]
    rows = [" ".join(line.split()) for line in lines[1:]]
    assert rows == [
        "2026-01-02T03:04:06Z step Done - - worker-1 Message 1.",
        "2026-01-02T03:04:07Z step Done release 2.1s worker-1 Message 2.",
    ]


def test_all_pages_are_asked_for(so: Cli) -> None:
    so.o.history = [make_event(number) for number in range(1, 2502)]
    found = json.loads(so("store", "events", "my-store", "-o", "json").stdout)
    assert [event["id"] for event in found] == list(range(1, 2502))


def test_a_store_that_never_was(so: Cli) -> None:
    result = so("store", "events", "my-store", "-o", "json")
    assert (result.exit_code, result.stdout) == (1, "")


def test_following_writes_each_event_as_it_comes(so: Cli) -> None:
    so.o.stores["my-store"] = make_store()
    so.o.history = [make_event(1), make_event(2)]
    follow = ("store", "events", "my-store", "--follow")
    as_json = so(*follow, "-o", "json").stdout
    assert [json.loads(line)["id"] for line in as_json.splitlines()] == [1, 2]
    assert [event["id"] for event in yaml.safe_load(so(*follow, "-o", "yaml").stdout)] == [1, 2]
    assert so(*follow).stdout.splitlines()[1].endswith("release  2.1s  worker-1  Message 2.")


def test_following_a_store_that_is_gone_shows_what_was(so: Cli) -> None:
    so.o.history = [make_event(1), make_event(2)]
    result = so("store", "events", "my-store", "--follow", "-o", "json")
    assert result.exit_code == 0
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [1, 2]
