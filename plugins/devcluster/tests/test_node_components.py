from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from storeorch_devcluster.certs import NODE_ADDRESS
from storeorch_devcluster.paths import NODE_RECIPES, Recipe, cache_key, module_files, module_version
from storeorch_devcluster.realnode import files, gate
from storeorch_devcluster.realnode.components import (
    COMPONENTS,
    IN_MOUNTS,
    PORTS,
    NodeLayout,
    command_line,
    start_command,
)
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
        f"20003={files.INGRESS_ADDRESS}:80",
        f"20004={files.INGRESS_ADDRESS}:443",
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
    objects = first_objects()
    assert {manifest["kind"] for manifest in objects} <= set(COLLECTIONS)
    assert "__" not in json.dumps(objects)
    deployments = [manifest for manifest in objects if manifest["kind"] == "Deployment"]
    for deployment in deployments:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"].startswith("localhost/")
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]


@pytest.mark.parametrize("recipe", NODE_RECIPES, ids=lambda recipe: recipe.folder)
def test_every_program_of_a_node_is_pinned(recipe: Recipe) -> None:
    text = module_files(recipe)["go.mod"].decode()
    for package in recipe.tools.values():
        assert f"\t{package}\n" in text or f"tool {package}\n" in text
    version = module_version(recipe.named_after, recipe)
    assert f"{recipe.named_after} {version} h1:".encode() in module_files(recipe)["go.sum"]
    assert cache_key(recipe).startswith(f"{recipe.prefix}{version}-")
