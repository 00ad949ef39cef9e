from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web

from storeorch.kube.connection import Connection
from storeorch.kube.surroundings import ENFORCED, SIMULATED, Surroundings

SIMULATED_NODE = {SIMULATED: "fake"}
REAL_NODE: dict[str, str] = {}


def play(api: Any, *nodes: dict[str, str], pods: Sequence[dict[str, str]] = ()) -> None:
    async def pods_with(sent: Any) -> web.StreamResponse:
        label, _, values = sent.query["labelSelector"].partition(" in ")
        wanted = values.strip("()").split(",")
        found = [{"metadata": {"labels": each}} for each in pods if each.get(label) in wanted]
        return web.Response(body=json.dumps({"metadata": {}, "items": found}))

    items = [{"metadata": {"annotations": each} if each else {}} for each in nodes]
    api.on("GET", "/api/v1/nodes", body={"metadata": {}, "items": items})
    api.play("GET", "/api/v1/pods", pods_with)


@pytest.mark.parametrize(
    ("nodes", "runs"),
    [
        ([], True),
        ([REAL_NODE], True),
        ([SIMULATED_NODE], False),
        ([SIMULATED_NODE, SIMULATED_NODE], False),
        ([SIMULATED_NODE, REAL_NODE], True),
    ],
)
async def test_simulated_nodes_run_no_containers(
    api: Any, connection: Connection, clock: Any, nodes: list[dict[str, str]], runs: bool
) -> None:
    play(api, *nodes)
    assert await Surroundings(connection, clock).runs_containers() is runs


async def test_nodes_are_looked_at_once_a_minute(
    api: Any, connection: Connection, clock: Any
) -> None:
    play(api, REAL_NODE)
    around = Surroundings(connection, clock)
    for _ in range(3):
        await around.runs_containers()
    assert len(api.sent) == 1
    await clock.sleep(61)
    await around.runs_containers()
    assert len(api.sent) == 2


@pytest.mark.parametrize(
    ("labels", "agent"),
    [
        ({"k8s-app": "cilium"}, "Cilium"),
        ({"k8s-app": "calico-node"}, "Calico"),
        ({"app": "antrea"}, "Antrea"),
        ({"name": "weave-net"}, "Weave Net"),
        ({"k8s-app": "kube-proxy"}, None),
        ({"app": "flannel"}, None),
    ],
)
async def test_an_agent_is_known_by_its_pods(
    api: Any, connection: Connection, clock: Any, labels: dict[str, str], agent: str | None
) -> None:
    play(api, REAL_NODE, pods=[labels])
    assert await Surroundings(connection, clock).policy_agent() == agent


async def test_nodes_may_say_it_all_of_them(api: Any, connection: Connection, clock: Any) -> None:
    said = {ENFORCED: "an agent of their own"}
    play(api, said, said)
    assert await Surroundings(connection, clock).policy_agent() == "an agent of their own"


async def test_some_nodes_are_not_enough(api: Any, connection: Connection, clock: Any) -> None:
    play(api, {ENFORCED: "an agent of their own"}, REAL_NODE)
    assert await Surroundings(connection, clock).policy_agent() is None
