"""A real node: pods run, find and reach each other, and are kept apart by policies."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from storeorch_devcluster import RealNodeCluster

from .hosts import TestHost
from .objects import Kubectl, eventually, pod, service, web

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
}


def policy(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {}, **spec},
    }


def fetched(kubectl: Kubectl, source: str, url: str) -> str | None:
    """Return what a pod gets from a URL, or None if nothing within two seconds.

    Of a static busybox, only ``nslookup`` resolves names and only ``nc`` connects.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host[0].isdigit():
        answer = kubectl.execute(source, "/bin/nslookup", "-type=A", host).stdout
        found = re.findall(r"^Address: (\S+)$", answer, re.MULTILINE)
        if not found:
            return None
        host = found[0]
    script = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | /bin/nc -w 2 {host} {parts.port or 80}"
    result = kubectl.execute(source, "/bin/sh", "-c", script)
    head, _, body = result.stdout.replace("\r\n", "\n").partition("\n\n")
    return body.strip() if " 200 " in head else None


def through_ingress(node: RealNodeCluster, host: str) -> tuple[int, str]:
    assert node.ingress is not None
    answer = urllib3.request("GET", node.ingress, headers={"Host": host}, retries=False)
    return answer.status, answer.data.decode().strip()


@pytest.fixture(scope="module")
def outside(node: RealNodeCluster) -> Iterator[TestHost]:
    """A host beyond the node, in a network namespace of its own."""
    with TestHost(node) as host:
        yield host


def test_pods_run(node: RealNodeCluster, kubectl: Kubectl) -> None:
    kubectl.apply(pod("hello", "/bin/sh", "-c", "echo hello; exec sleep 1000000"))
    kubectl.ready("hello")
    assert kubectl("logs", "hello") == "hello\n"
    assert kubectl.execute("hello", "/bin/id", "-u").stdout == "1000\n"


def test_pods_find_and_reach_services(kubectl: Kubectl) -> None:
    kubectl.apply(web("shop"), service("shop"), pod("client"))
    kubectl.ready("shop", "client")
    full = f"shop.{kubectl.namespace}.svc.cluster.local"
    eventually(lambda: fetched(kubectl, "client", f"http://{full}/") == "shop", "it is served")
    assert fetched(kubectl, "client", "http://shop/") == "shop"
    # A pod reaches itself by way of its own service too.
    assert fetched(kubectl, "shop", "http://shop/") == "shop"
    unknown = kubectl.execute("client", "/bin/nslookup", "nowhere.example")
    assert "NXDOMAIN" in unknown.stdout + unknown.stderr


def test_the_ingress_serves_a_host(node: RealNodeCluster, kubectl: Kubectl) -> None:
    host = "window.local.test"  # a store of the session has the other names
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    rule = {
        "host": host,
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    kubectl.apply(
        web("shop"),
        service("shop"),
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "shop"},
            "spec": {"rules": [rule]},
        },
    )
    kubectl.ready("shop")
    assert kubectl.get("ingress", "shop")["spec"]["ingressClassName"] == "traefik"
    eventually(lambda: through_ingress(node, host) == (200, "shop"), "the ingress serves it")
    assert through_ingress(node, "nobody.local.test")[0] == 404
    eventually(
        lambda: (
            kubectl.get("ingress", "shop")["status"].get("loadBalancer")
            == {"ingress": [{"ip": "127.0.0.1"}]}
        ),
        "the ingress' address is written",
    )


def test_volumes_can_be_written_by_restricted_pods(node: RealNodeCluster, kubectl: Kubectl) -> None:
    mounted = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    kubectl.apply(CLAIM, pod("writer", container=mounted, volumes=volumes))
    kubectl.ready("writer")
    assert kubectl.execute("writer", "/bin/sh", "-c", "echo kept > /data/file").returncode == 0
    kubectl("delete", "pod", "writer")
    kubectl.apply(pod("reader", container=mounted, volumes=volumes))
    kubectl.ready("reader")
    assert kubectl.execute("reader", "/bin/cat", "/data/file").stdout == "kept\n"
    # The node is shared: other tests' stores have volumes of their own.
    volume = kubectl.get("pvc", "data")["spec"]["volumeName"]
    folder = Path(kubectl.get("pv", volume)["spec"]["local"]["path"])
    assert folder.parent == node.volumes
    assert (folder / "file").read_text() == "kept\n"
    kubectl("delete", "pod/reader", "pvc/data")
    eventually(lambda: not folder.exists(), "the folder goes with the claim")
    eventually(lambda: "NotFound" in kubectl.run("get", "pv", volume).stderr, "so does the volume")


def test_policies_close_and_open(kubectl: Kubectl, outside: TestHost) -> None:
    kubectl.apply(web("server"), service("server"), web("other"), pod("client"))
    kubectl.ready("server", "other", "client")
    address = kubectl.get("pod", "server")["status"]["podIP"]
    direct, named = f"http://{address}:8080/", "http://server/"
    eventually(lambda: fetched(kubectl, "client", named) == "server", "everything is open")
    assert fetched(kubectl, "client", direct) == "server"
    assert fetched(kubectl, "client", outside.url) == outside.name

    everything = ["Ingress", "Egress"]
    dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    dns_ports = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    kubectl.apply(
        policy("default-deny", policyTypes=everything),
        policy("dns", policyTypes=["Egress"], egress=[{"to": [dns], "ports": dns_ports}]),
    )
    eventually(lambda: fetched(kubectl, "client", direct) is None, "everything is closed")
    assert fetched(kubectl, "client", named) is None
    assert fetched(kubectl, "client", outside.url) is None
    found = kubectl.execute(
        "client", "/bin/nslookup", f"server.{kubectl.namespace}.svc.cluster.local"
    )
    assert found.returncode == 0, found.stdout
    # The probes of the kubelet still reach the pod.
    kubectl.ready("server")

    to_server = {"podSelector": {"matchLabels": {"app": "server"}}}
    from_client = {"podSelector": {"matchLabels": {"app": "client"}}}
    kubectl.apply(
        policy("out", policyTypes=["Egress"], egress=[{"to": [to_server]}], **from_client),
        policy(
            "in",
            policyTypes=["Ingress"],
            ingress=[{"from": [from_client], "ports": [{"port": "http"}]}],
            **to_server,
        ),
    )
    eventually(lambda: fetched(kubectl, "client", named) == "server", "the one way is open")
    assert fetched(kubectl, "client", direct) == "server"
    assert fetched(kubectl, "other", direct) is None
    assert fetched(kubectl, "client", outside.url) is None

    block = {"ipBlock": {"cidr": "198.51.100.0/24", "except": [f"{outside.address}/32"]}}
    kubectl.apply(policy("world", policyTypes=["Egress"], egress=[{"to": [block]}]))
    eventually(
        lambda: fetched(kubectl, "client", outside.second_url) == outside.name, "the block is open"
    )
    assert fetched(kubectl, "client", outside.url) is None


def test_nothing_listens_outside_the_loopback_interface(node: RealNodeCluster) -> None:
    table = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    pids = {pid for pid in node.pids().values() if pid is not None}
    own = [line for line in table.splitlines() if any(f"pid={pid}," in line for pid in pids)]
    assert len(own) == 3
    assert all(line.split()[3].startswith("127.0.0.1:") for line in own)


def test_containers_outlive_a_restart_of_containerd(
    node: RealNodeCluster, kubectl: Kubectl
) -> None:
    kubectl.apply(web("steady"), service("steady"))
    kubectl.ready("steady")
    before = kubectl.get("pod", "steady")["status"]["containerStatuses"]
    node.restart_containerd()
    kubectl.apply(pod("late"))
    kubectl.ready("late", "steady")
    after = kubectl.get("pod", "steady")["status"]["containerStatuses"]
    assert [c["containerID"] for c in after] == [c["containerID"] for c in before]
    assert [c["restartCount"] for c in after] == [0]
    assert fetched(kubectl, "late", "http://steady/") == "steady"
