from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from storeorch.errors import ClusterRefused
from storeorch.kube.connection import Connection
from storeorch.kube.logs import pod_logs
from storeorch.ports import LogLine

PODS = "/api/v1/namespaces/shop/pods"


def pod(name: str, **containers: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = [{"name": each, **state} for each, state in containers.items()]
    return {"metadata": {"name": name}, "status": {"containerStatuses": statuses}}


def play(api: Any, *pods: Mapping[str, Any], **texts: bytes) -> None:
    api.on("GET", PODS, body={"metadata": {}, "items": list(pods)})
    for name, text in texts.items():
        api.on("GET", f"{PODS}/{name}/log", body=text)


async def read(connection: Connection, *, follow: bool = False) -> Sequence[LogLine]:
    lines = pod_logs(connection, "shop", follow=follow, tail=10)
    return [line async for line in lines]


RUNNING: Mapping[str, Any] = {"state": {"running": {}}}
WAITING: Mapping[str, Any] = {"state": {"waiting": {}}}


@pytest.mark.parametrize("follow", [False, True])
async def test_lines_of_all_containers_that_were_started(
    api: Any, connection: Connection, follow: bool
) -> None:
    again = {"state": {"waiting": {}}, "restartCount": 2}
    play(
        api,
        pod("web", web=RUNNING, side=WAITING),
        pod("db", db=again),
        pod("new", new=WAITING),
        web=b"one\r\ntwo\nr\xffst",
        db=b"up\n",
    )
    found = await read(connection, follow=follow)
    assert sorted((line.pod, line.container, line.text) for line in found) == [
        ("db", "db", "up"),
        ("web", "web", "one"),
        ("web", "web", "r\ufffdst"),
        ("web", "web", "two"),
    ]
    asked = [sent.query for sent in api.sent if sent.path.endswith("/log")]
    assert all(query["tailLines"] == "10" for query in asked)
    assert all(query.get("follow") == ("true" if follow else None) for query in asked)


async def test_a_pod_that_went_meanwhile_is_left_out(api: Any, connection: Connection) -> None:
    play(api, pod("web", web=RUNNING))
    assert await read(connection) == []


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("status", [400, 500])
async def test_a_node_that_hands_out_no_logs(
    api: Any, connection: Connection, follow: bool, status: int
) -> None:
    play(api, pod("web", web=RUNNING))
    api.on("GET", f"{PODS}/web/log", status)
    with pytest.raises(ClusterRefused, match="pod web cannot be read"):
        await read(connection, follow=follow)


async def test_a_reader_that_stops_ends_the_reading(api: Any, connection: Connection) -> None:
    play(api, pod("web", web=RUNNING), web=b"line\n" * 3000)
    lines = pod_logs(connection, "shop", follow=True, tail=10)
    assert (await anext(lines)).text == "line"
    await lines.aclose()  # type: ignore[attr-defined]
