"""What a real node leaves on the machine: nothing, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from storeorch_devcluster import RealNodeCluster
from storeorch_devcluster.realnode import cgroups
from storeorch_devcluster.realnode.holder import SETTINGS

from .objects import eventually, kubectl_of, pod

LISTINGS = (
    ("ip", "-o", "link"),
    ("ip", "-o", "address"),
    ("ip", "route", "show", "table", "all"),
    ("nft", "list", "ruleset"),
    ("iptables-save",),
)

PLACES = (
    "/etc/cni/net.d",
    "/opt/cni",
    "/opt/containerd",
    "/run/containerd",
    "/run/netns",
    "/run/xtables.lock",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
"""Where a node's programs write by habit."""


def machine() -> dict[str, str]:
    """Return what a node could have changed on this machine."""
    found = {
        " ".join(argv): subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        for argv in LISTINGS
        if shutil.which(argv[0]) is not None
    }
    found["mounts"] = Path("/proc/self/mountinfo").read_text()
    for name in (*SETTINGS, "net/ipv4/ip_forward", "net/ipv4/conf/all/rp_filter"):
        found[name] = Path("/proc/sys", name).read_text()
    for path in PLACES:
        found[path] = str(Path(path).exists())
    # Counters of packets move by themselves.
    found["iptables-save"] = "\n".join(
        line
        for line in found.get("iptables-save", "").splitlines()
        if not line.startswith(("#", ":"))
    )
    return found


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "cluster"


@pytest.fixture
def before(busybox: Path, node: RealNodeCluster) -> dict[str, str]:
    """The machine before, with programs built and packages installed."""
    return machine()


def busy(cluster: RealNodeCluster, busybox: Path) -> None:
    """Let the node run something that holds a mount, an address and a process."""
    cluster.load_images([busybox])
    kubectl = kubectl_of(cluster, "default")
    kubectl.apply(pod("busy", volumes=[{"name": "scratch", "emptyDir": {"medium": "Memory"}}]))
    kubectl.ready("busy")


def test_nothing_is_left_after_stop(state_dir: Path, busybox: Path, before: dict[str, str]) -> None:
    with RealNodeCluster(state_dir) as cluster:
        busy(cluster, busybox)
        assert machine() == before
        group = cgroups.name_of(state_dir)
        assert cgroups.members(group)
    assert machine() == before
    assert not state_dir.exists()
    assert group not in cgroups.groups()


def test_what_a_killed_node_left_is_cleared_by_the_next_start(
    tmp_path: Path, state_dir: Path, busybox: Path, before: dict[str, str]
) -> None:
    killed = RealNodeCluster(state_dir)
    killed.start()
    busy(killed, busybox)
    group = cgroups.name_of(state_dir)
    containers = cgroups.members(group)
    for pid in killed.pids().values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(killed.pids().values()), "the daemons are dead")
    # The containers are still there, but what they hold is the machine's in no way.
    assert cgroups.members(group) & containers
    assert machine() == before
    # The same folder again: it goes on with its data, and its pod comes back.
    killed.start()
    kubectl = kubectl_of(killed, "default")
    eventually(lambda: ready(kubectl.get("pod", "busy")), "the pod runs again")
    for pid in killed.pids().values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    # Another folder: what the first left is cleared all the same.
    with RealNodeCluster(tmp_path / "other"):
        assert group not in cgroups.groups()
    killed.stop()
    assert machine() == before
    assert not state_dir.exists()


def ready(manifest: dict[str, object]) -> bool:
    status = manifest["status"]
    assert isinstance(status, dict)
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status["conditions"])


def test_data_can_be_kept(state_dir: Path, busybox: Path) -> None:
    cluster = RealNodeCluster(state_dir)
    cluster.start()
    busy(cluster, busybox)
    cluster.stop(keep_data=True)
    assert cgroups.name_of(state_dir) not in cgroups.groups()
    with cluster:
        kubectl = kubectl_of(cluster, "default")
        # Its image is kept too: nothing is loaded this time.
        eventually(lambda: ready(kubectl.get("pod", "busy")), "the pod runs again")
    assert not state_dir.exists()
