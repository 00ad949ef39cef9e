from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from storeorch.errors import ClusterUnavailable, PermissionMissing
from storeorch.kube.connection import Connection
from storeorch.kube.informer import Informer, Kind, Timing
from storeorch.kube.resources import METADATA_ONLY, METADATA_ONLY_LIST, PODS, Json

PATH = "/api/v1/pods"


def obj(name: str, value: int = 0, *, version: str = "1", namespace: str = "ns") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "resourceVersion": version}
    return {"metadata": metadata, "spec": {"value": value}}


def listing(*items: dict[str, Any], version: str = "10", token: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version, "continue": token}, "items": list(items)}


def bookmark(version: str) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"resourceVersion": version}}


def value_of(found: Json) -> int | None:
    value: int = found["spec"]["value"]
    return value if value >= 0 else None


class Harness:
    """An informer that runs, and what it told."""

    def __init__(self, api: Any, connection: Connection, clock: Any, **kind: Any) -> None:
        self.api = api
        self.told: list[tuple[str, int | None]] = []
        self.change = asyncio.Event()
        timing = kind.pop("timing", Timing())
        self.informer = Informer(
            Kind(PODS, value_of, **kind),
            connection,
            wanted=lambda namespace: namespace.startswith("ns"),
            changed=self._changed,
            clock=clock,
            timing=timing,
            rng=random.Random(1),
        )

    def _changed(self, namespace: str, before: int | None) -> None:
        self.told.append((namespace, before))
        self.change.set()

    async def changed(self) -> None:
        await asyncio.wait_for(self.change.wait(), 5)
        self.change.clear()

    async def stream(self) -> Any:
        return await asyncio.wait_for(self.api.streams.get(), 5)

    def known(self) -> Mapping[str, int]:
        return dict(self.informer.index.of("ns"))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Harness]:
        task = asyncio.create_task(self.informer.run())
        try:
            await asyncio.wait_for(self.informer.looked.wait(), 5)
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def harness(api: Any, connection: Connection, clock: Any) -> Harness:
    return Harness(api, connection, clock)


async def test_lists_all_pages_then_watches_from_there(api: Any, harness: Harness) -> None:
    api.on("GET", PATH, 200, listing(obj("a", 1), token="more"))
    api.on("GET", PATH, 200, listing(obj("b", 2), version="11"))

    async with harness.running():
        stream = await harness.stream()

        assert harness.known() == {"a": 1, "b": 2}
        assert harness.informer.usable
        assert harness.told == []
        assert stream.sent.query["resourceVersion"] == "11"
        assert stream.sent.query["allowWatchBookmarks"] == "true"
        assert 240 <= int(stream.sent.query["timeoutSeconds"]) <= 300


async def test_selectors_and_metadata_only_reach_both_calls(
    api: Any, connection: Connection, clock: Any
) -> None:
    api.on("GET", PATH, 200, listing())
    harness = Harness(api, connection, clock, params={"labelSelector": "x"}, metadata_only=True)

    async with harness.running():
        stream = await harness.stream()

        assert [sent.query["labelSelector"] for sent in api.sent] == ["x", "x"]
        assert api.sent[0].headers["accept"] == METADATA_ONLY_LIST
        assert stream.sent.headers["accept"] == METADATA_ONLY


async def test_tells_what_changed_with_the_summary_before(api: Any, harness: Harness) -> None:
    api.on("GET", PATH, 200, listing(obj("a", 1)))

    async with harness.running():
        stream = await harness.stream()
        stream.send("ADDED", obj("b", 2, version="11"))
        await harness.changed()
        stream.send("MODIFIED", obj("a", 3, version="12"))
        await harness.changed()
        stream.send("DELETED", obj("a", 3, version="13"))
        await harness.changed()

        assert harness.told == [("ns", None), ("ns", 1), ("ns", 3)]
        assert harness.known() == {"b": 2}


async def test_what_does_not_change_a_summary_wakes_nobody(api: Any, harness: Harness) -> None:
    api.on("GET", PATH, 200, listing(obj("a", 1)))

    async with harness.running():
        stream = await harness.stream()
        stream.send("MODIFIED", obj("a", 1, version="11"))
        stream.send("ADDED", obj("a", 1, version="11"))
        stream.send("ADDED", obj("x", 9, version="12", namespace="foreign"))
        stream.send("ADDED", obj("uninteresting", -1, version="13"))
        stream.send("DELETED", obj("never-seen", 9, version="14"))
        stream.send("MODIFIED", obj("a", 2, version="15"))
        await harness.changed()

        assert harness.told == [("ns", 1)]
        assert len(harness.informer.index) == 1


async def test_a_summary_that_turns_to_none_is_forgotten(api: Any, harness: Harness) -> None:
    api.on("GET", PATH, 200, listing(obj("a", 1)))

    async with harness.running():
        stream = await harness.stream()
        stream.send("MODIFIED", obj("a", -1, version="11"))
        await harness.changed()

        assert harness.told == [("ns", 1)]
        assert harness.known() == {}


async def test_goes_on_from_the_last_bookmark(api: Any, harness: Harness, clock: Any) -> None:
    api.on("GET", PATH, 200, listing())

    async with harness.running():
        first = await harness.stream()
        first.send("BOOKMARK", bookmark("42"))
        first.end()
        second = await harness.stream()

        assert second.sent.query["resourceVersion"] == "42"
        assert clock.slept == []
        assert harness.informer.usable


async def test_gone_leads_to_a_new_list_that_is_compared(api: Any, harness: Harness) -> None:
    api.on("GET", PATH, 200, listing(obj("a", 1), obj("b", 2), obj("c", 3, namespace="ns-same")))
    api.on("GET", PATH, 200, listing(obj("b", 5), obj("c", 3, namespace="ns-same"), version="90"))

    async with harness.running():
        first = await harness.stream()
        expired = {"kind": "Status", "code": 410, "reason": "Expired", "metadata": {}}
        first.send("ERROR", expired)
        second = await harness.stream()

        assert second.sent.query["resourceVersion"] == "90"
        assert harness.known() == {"b": 5}
        assert [namespace for namespace, _ in harness.told] == ["ns"]


async def test_after_an_outage_what_is_gone_is_listed_at_once_and_not_believed_until_then(
    api: Any, harness: Harness, clock: Any, eventually: Any
) -> None:
    listed = asyncio.Event()

    async def when_told(_: Any) -> web.Response:
        await listed.wait()
        return web.json_response(listing(obj("a", 2), version="90"))

    api.on("GET", PATH, 200, listing(obj("a", 1)))
    api.play("GET", PATH, when_told)
    async with harness.running():
        first = await harness.stream()
        first.raw(b'{"type": "ADDED", "obj')
        first.end()
        second = await harness.stream()
        assert len(clock.slept) == 1
        second.send("ERROR", {"kind": "Status", "code": 410, "metadata": {}})
        await eventually(lambda: not harness.informer.usable)
        listed.set()
        await harness.changed()
        await harness.stream()
        assert (harness.informer.usable, harness.known()) == (True, {"a": 2})
        assert len(clock.slept) == 1


async def test_gone_as_the_answer_itself(api: Any, harness: Harness, eventually: Any) -> None:
    api.on("GET", PATH, 200, listing(version="10"))
    api.on("GET", PATH, 200, listing(version="20"))
    api.on("WATCH", PATH, 410, {"kind": "Status", "code": 410})

    async with harness.running():
        await eventually(lambda: len(api.sent) >= 6)

        watched = [sent.query["resourceVersion"] for sent in api.sent if "watch" in sent.query]
        assert watched[:2] == ["10", "20"]


async def test_a_watch_that_silently_died_is_noticed(
    api: Any, connection: Connection, clock: Any
) -> None:
    api.on("GET", PATH, 200, listing())
    harness = Harness(api, connection, clock, timing=Timing(idle=0.05))

    async with harness.running():
        first = await harness.stream()
        first.send("BOOKMARK", bookmark("33"))
        second = await harness.stream()

        assert second.sent.query["resourceVersion"] == "33"
        second.send("ADDED", obj("a", 1, version="34"))
        await harness.changed()
        assert harness.known() == {"a": 1}


async def test_without_bookmarks_watches_are_short_and_silence_is_no_death(
    api: Any, connection: Connection, clock: Any
) -> None:
    api.on("GET", PATH, 200, listing())
    harness = Harness(api, connection, clock, bookmarks=False)

    async with harness.running():
        stream = await harness.stream()

        assert 80 <= int(stream.sent.query["timeoutSeconds"]) <= 100


async def test_a_broken_connection_is_made_anew(api: Any, harness: Harness, clock: Any) -> None:
    api.on("GET", PATH, 200, listing(version="10"))

    async with harness.running():
        first = await harness.stream()
        first.send("ADDED", obj("a", 1, version="11"))
        first.raw(b'{"type": "ADDED", "obj')
        first.end()
        second = await harness.stream()

        assert harness.known() == {"a": 1}
        assert second.sent.query["resourceVersion"] == "11"


@pytest.mark.parametrize(
    "line", [b"garbage\n", b"[]\n", b'{"type": "ADDED"}\n', b'{"type": "ADDED", "object": {}}\n']
)
async def test_nonsense_is_survived(api: Any, harness: Harness, clock: Any, line: bytes) -> None:
    api.on("GET", PATH, 200, listing(version="10"))

    async with harness.running():
        (await harness.stream()).raw(line)
        second = await harness.stream()
        second.send("ADDED", obj("a", 1, version="11"))
        await harness.changed()

        assert harness.known() == {"a": 1}
        assert len(clock.slept) == 1


async def test_one_strange_object_does_not_hide_the_others(
    api: Any, harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    strange = obj("strange")
    del strange["spec"]
    api.on("GET", PATH, 200, listing(strange, obj("a", 1)))

    async with harness.running():
        assert harness.known() == {"a": 1}
        assert harness.informer.usable

    assert "cannot read pods ns/strange" in caplog.text


async def test_failures_back_off_exponentially_with_jitter_and_a_cap(
    api: Any, connection: Connection, clock: Any, eventually: Any
) -> None:
    api.on("GET", PATH, 503)
    timing = Timing(backoff_base=1, backoff_cap=8)
    harness = Harness(api, connection, clock, timing=timing)

    async with harness.running():
        await eventually(lambda: len(clock.slept) >= 6)

    for slept, longest in zip(clock.slept, [1, 2, 4, 8, 8, 8], strict=False):
        assert longest / 2 <= slept <= longest
    assert isinstance(harness.informer.error, ClusterUnavailable)
    assert not harness.informer.usable


async def test_failure_and_recovery_are_each_logged_once(
    api: Any, harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "storeorch.kube")
    for _ in range(3):
        api.on("GET", PATH, 403)
    api.on("GET", PATH, 200, listing(obj("a", 1)))

    async with harness.running():
        assert isinstance(harness.informer.error, PermissionMissing)
        await harness.stream()

        assert harness.informer.usable
        assert harness.known() == {"a": 1}
    assert [record.message for record in caplog.records] == [
        "watching pods failed",
        "watching pods again",
    ]


async def test_while_the_watch_fails_the_index_is_not_to_be_trusted(
    api: Any, harness: Harness, clock: Any, eventually: Any
) -> None:
    api.on("GET", PATH, 200, listing())
    api.on("WATCH", PATH, 500)

    async with harness.running():
        await eventually(lambda: clock.slept)
        assert not harness.informer.usable


async def test_a_version_that_the_server_does_not_know_is_given_up(
    api: Any, harness: Harness, eventually: Any
) -> None:
    # etcd was set back to a backup: the version that was reached lies in the future.
    api.on("GET", PATH, 200, listing(version="9000"))
    api.on("GET", PATH, 200, listing(version="7"))
    for _ in range(4):
        api.on("WATCH", PATH, 504, {"message": "Too large resource version: 9000"})

    async with harness.running():
        await eventually(lambda: len([sent for sent in api.sent if "watch" not in sent.query]) > 1)

    assert api.calls().count(f"GET {PATH}") >= 4


async def test_watches_that_end_at_once_are_not_repeated_without_a_pause(
    api: Any, harness: Harness, clock: Any, eventually: Any
) -> None:
    api.on("GET", PATH, 200, listing())

    async with harness.running():
        for _ in range(3):
            (await harness.stream()).end()
        await eventually(lambda: len(clock.slept) >= 3)

    assert clock.slept[2] > clock.slept[0]


@pytest.mark.parametrize("status", [403, 404])
async def test_an_optional_kind_is_looked_for_now_and_then(
    api: Any,
    connection: Connection,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
    *,
    status: int,
) -> None:
    for _ in range(3):
        api.on("GET", PATH, status)
    api.on("GET", PATH, 200, listing(obj("a", 1)))
    harness = Harness(api, connection, clock, optional=True)

    async with harness.running():
        await harness.stream()

        assert harness.informer.usable
        assert harness.known() == {"a": 1}
        assert clock.slept == [Timing().absent] * 3
    assert [record.getMessage() for record in caplog.records] == ["watching pods again"]


async def test_an_optional_kind_that_goes_is_given_up_and_found_again(
    api: Any, connection: Connection, clock: Any
) -> None:
    api.on("GET", PATH, 200, listing(obj("a", 1)))
    api.on("GET", PATH, 404)
    api.on("GET", PATH, 200, listing(obj("a", 2), version="2"))
    harness = Harness(api, connection, clock, optional=True)

    async with harness.running():
        (await harness.stream()).send("ERROR", {"kind": "Status", "code": 410, "metadata": {}})
        await harness.stream()

        assert harness.known() == {"a": 2}
        assert harness.told == [("ns", 1)]
