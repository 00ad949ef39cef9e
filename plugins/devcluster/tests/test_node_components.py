from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from storeorch_devcluster.certs import NODE_ADDRESS
from storeorch_devcluster.paths import NODE_RECIPES, Recipe, cache_key, module_files, module_version
from storeorch_devcluster.realnode import addresses, files, gate
from storeorch_devcluster.realnode.components import (
    COMPONENTS,
    IN_MOUNTS,
    PORTS,
    NodeLayout,
    command_line,
    start_command,
)
from storeorch_devcluster.realnode.gateway import GATEWAY_PATH, definitions, programmed
from storeorch_devcluster.realnode.launch import COLLECTIONS, first_objects
from storeorch_devcluster.state import StateFolder


@pytest.fixture
def layout(tmp_path: Path) -> NodeLayout:
    programs = {tool: Path("/programs", tool) for recipe in NODE_RECIPES for tool in recipe.tools}
    ports = {purpose: 20000 + index for index, purpose in enumerate(PORTS)}
    return NodeLayout(Path("/binaries"), StateFolder(tmp_path / "state"), ports, programs=programs)


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_component_has_a_command_line(layout: NodeLayout, component: str) -> None:
    argv = command_line(component, layout, 7)
    assert Path(argv[0]).is_absolute()
    assert "0.0.0.0" not in " ".join(argv) or component == "kube-apiserver"
    executed = start_command(component, argv, layout, 7)
    assert executed[-len(argv) :] == argv
    group, holder, kinds = executed[len(executed) - len(argv) - 3 : -len(argv)]
    assert group == layout.group
    outside = component in {"namespaces", "forwarder"}
    assert (holder == "0") is outside
    assert ("network" in kinds) is not outside
    assert ("mounts" in kinds) is (component in IN_MOUNTS)


def test_the_api_server_is_the_nodes_and_knows_its_kubelet(layout: NodeLayout) -> None:
    argv = command_line("kube-apiserver", layout, 7)
    assert f"--advertise-address={NODE_ADDRESS}" in argv
    assert "--endpoint-reconciler-type=lease" in argv
    assert "--kubelet-preferred-address-types=InternalIP" in argv
    assert not any("127.0.0.1" in a for a in argv if a.startswith(("--bind", "--advertise")))


def test_the_forwarder_leads_to_api_server_and_ingress(layout: NodeLayout) -> None:
    assert command_line("forwarder", layout, 7)[-4:] == [
        "7",
        "20000=127.0.0.1:20000",
        f"20003={addresses.INGRESS_ADDRESS}:80",
        f"20004={addresses.INGRESS_ADDRESS}:443",
    ]


def test_configuration_files_are_understood(layout: NodeLayout) -> None:
    layout.folder.create()
    files.write_files(layout)
    config = tomllib.loads(layout.containerd_config.read_text())
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
    assert runtime["cni"]["conf_dir"] == str(layout.cni)
    assert runtime["restrict_oom_score_adj"] is True
    network = json.loads((layout.cni / "10-pods.conflist").read_text())
    assert [plugin["type"] for plugin in network["plugins"]] == ["ptp", gate.PLUGIN]
    kubelet = files.kubelet_config(layout)
    assert kubelet["cgroupRoot"] == f"/{layout.group}"
    assert kubelet["address"] == NODE_ADDRESS
    assert all(path.stat().st_mode & 0o077 == 0 for path in layout.cni.iterdir())


def test_the_first_objects_are_complete() -> None:
    objects = first_objects("node.yaml", "coredns.yaml", "traefik.yaml", "gateway.yaml")
    assert {manifest["kind"] for manifest in objects} <= set(COLLECTIONS)
    assert "__" not in json.dumps(objects)
    deployments = [manifest for manifest in objects if manifest["kind"] == "Deployment"]
    for deployment in deployments:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"].startswith("localhost/")
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]


def test_the_gateway_listens_where_the_ingress_does() -> None:
    (klass, gateway) = first_objects("gateway.yaml")
    (listener,) = gateway["spec"]["listeners"]
    assert gateway["spec"]["gatewayClassName"] == klass["metadata"]["name"]
    assert listener["allowedRoutes"] == {"namespaces": {"from": "All"}}
    path = f"/namespaces/{gateway['metadata']['namespace']}/gateways/{gateway['metadata']['name']}"
    assert GATEWAY_PATH.endswith(path)
    (traefik,) = [m for m in first_objects("traefik.yaml") if m["kind"] == "Deployment"]
    (container,) = traefik["spec"]["template"]["spec"]["containers"]
    assert f"--entrypoints.web.address=:{listener['port']}" in container["args"]


def test_definitions_are_read_from_beside_traefik(layout: NodeLayout, tmp_path: Path) -> None:
    assert layout.gateway_api == Path("/gateway-api-standard")
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(f"---\nkind: {name}\n")
    assert definitions(tmp_path) == [{"kind": "a"}, {"kind": "b"}]


@pytest.mark.parametrize(
    ("status", "takes"),
    [
        ({}, False),
        ({"conditions": [{"type": "Programmed", "status": "Unknown"}]}, False),
        ({"conditions": [{"type": "Accepted", "status": "True"}]}, False),
        ({"conditions": [{"type": "Programmed", "status": "True"}]}, True),
    ],
)
def test_a_gateway_says_when_it_takes_routes(status: dict[str, Any], *, takes: bool) -> None:
    assert programmed(status) is takes


@pytest.mark.parametrize("recipe", NODE_RECIPES, ids=lambda recipe: recipe.folder)
def test_every_program_of_a_node_is_pinned(recipe: Recipe) -> None:
    text = module_files(recipe)["go.mod"].decode()
    for package in recipe.tools.values():
        assert f"\t{package}\n" in text or f"tool {package}\n" in text
    version = module_version(recipe.named_after, recipe)
    assert f"{recipe.named_after} {version} h1:".encode() in module_files(recipe)["go.sum"]
    assert cache_key(recipe).startswith(f"{recipe.prefix}{version}-")
    for module, _ in recipe.folders.values():
        pinned = f"{module} {module_version(module, recipe)} h1:"
        assert pinned.encode() in module_files(recipe)["go.sum"]
