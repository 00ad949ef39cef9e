"""The node agent's reading of NetworkPolicies beside that of cyclonus, on generated policies."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import shutil
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storeorch_devcluster.golang import ensure_go, go_environment
from storeorch_devcluster.paths import cache_root
from storeorch_devcluster.progress import silent
from storeorch_devcluster.realnode.addresses import POD_RANGE
from storeorch_devcluster.realnode.nftables import render
from storeorch_devcluster.realnode.policies import Cluster, Direction, Pod, permitted

NAMESPACES = {
    "x": {"kubernetes.io/metadata.name": "x", "team": "a"},
    "y": {"kubernetes.io/metadata.name": "y", "team": "b"},
    "z": {"kubernetes.io/metadata.name": "z"},
}
NAMED = {"web": ("TCP", 80), "dns": ("UDP", 53)}
PODS = [
    Pod("x", "a", "10.244.0.1", {"app": "a", "tier": "front"}, NAMED),
    Pod("x", "b", "10.244.0.2", {"app": "b"}, {"web": ("TCP", 8080)}),
    Pod("y", "a", "10.244.0.3", {"app": "a"}, {"web": ("UDP", 80)}),
    Pod("y", "c", "10.244.0.130", {}, {}),
    Pod("z", "b", "10.244.1.5", {"app": "b", "tier": "back"}, NAMED),
]
OUTSIDE = ["10.0.0.7", "192.168.7.7", "169.254.169.254"]
PORTS = [("TCP", 80), ("TCP", 8080), ("UDP", 80), ("UDP", 53), ("TCP", 443), ("SCTP", 80)]

keys = st.sampled_from(["app", "tier", "team"])
values = st.lists(st.sampled_from(["a", "b", "front"]), min_size=1, max_size=2)


def unlike(key: str, others: list[str]) -> list[dict[str, Any]]:
    """Return a requirement of another value, of labels that are there.

    To Kubernetes a label that is not there is unlike every value
    (``k8s.io/apimachinery/pkg/labels``), to cyclonus it is not.
    """
    return [
        {"key": key, "operator": "NotIn", "values": others},
        {"key": key, "operator": "Exists"},
    ]


requirements = st.one_of(
    st.builds(lambda k, v: [{"key": k, "operator": "In", "values": v}], keys, values),
    st.builds(unlike, keys, values),
    st.builds(
        lambda k, o: [{"key": k, "operator": o}], keys, st.sampled_from(["Exists", "DoesNotExist"])
    ),
)
expressions = st.lists(requirements, min_size=1, max_size=2).map(
    lambda found: list(chain.from_iterable(found))
)


def selectors(labels: dict[str, list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = [{key: value} for key, values in labels.items() for value in values]
    return st.one_of(
        st.just({}),
        st.sampled_from(pairs).map(lambda pair: {"matchLabels": pair}),
        expressions.map(lambda found: {"matchExpressions": found}),
    )


pod_selectors = selectors({"app": ["a", "b"], "tier": ["front", "back"]})
namespace_selectors = selectors({"team": ["a", "b"], "kubernetes.io/metadata.name": ["x", "z"]})
blocks = st.one_of(
    st.sampled_from(["10.244.0.0/25", "10.244.0.2/32", "192.168.0.0/16"]).map(
        lambda cidr: {"cidr": cidr}
    ),
    st.lists(
        st.sampled_from(["10.244.0.0/24", "10.244.0.3/32", "169.254.0.0/16", "10.0.0.0/9"]),
        min_size=1,
        max_size=3,
    ).map(lambda excepts: {"cidr": "0.0.0.0/0", "except": excepts}),
)
peers = st.one_of(
    pod_selectors.map(lambda s: {"podSelector": s}),
    namespace_selectors.map(lambda s: {"namespaceSelector": s}),
    st.tuples(namespace_selectors, pod_selectors).map(
        lambda pair: {"namespaceSelector": pair[0], "podSelector": pair[1]}
    ),
    blocks.map(lambda block: {"ipBlock": block}),
)
protocols = st.sampled_from(["TCP", "UDP", "SCTP"])
ports = st.one_of(
    protocols.map(lambda protocol: {"protocol": protocol}),
    st.tuples(protocols, st.sampled_from([80, 53, 8080, "web", "dns"])).map(
        lambda pair: {"protocol": pair[0], "port": pair[1]}
    ),
    protocols.map(lambda protocol: {"protocol": protocol, "port": 60, "endPort": 100}),
)
optional_ports = st.lists(ports, max_size=2)
optional_peers = st.lists(peers, max_size=2)
ingress_rules = st.fixed_dictionaries(
    {}, optional={"from": optional_peers, "ports": optional_ports}
)
egress_rules = st.fixed_dictionaries({}, optional={"to": optional_peers, "ports": optional_ports})
specs = st.fixed_dictionaries(
    {
        "podSelector": pod_selectors,
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    },
    optional={
        "ingress": st.lists(ingress_rules, max_size=2),
        "egress": st.lists(egress_rules, max_size=2),
    },
)
policies = st.lists(
    st.builds(
        lambda namespace, name, spec: {
            "metadata": {"namespace": namespace, "name": f"p{name}"},
            "spec": spec,
        },
        st.sampled_from(list(NAMESPACES)),
        st.integers(0, 10**9),
        specs,
    ),
    max_size=4,
)


class Oracle:
    """cyclonus, as a process that answers line by line."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: dict[str, Any]) -> list[list[bool]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: list[list[bool]] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=10)


def build_oracle() -> Path:
    """Return the program, built once for each version from pinned modules."""
    source = Path(__file__).parent / "oracle"
    key = hashlib.sha256()
    for name in ("main.go", "go.mod", "go.sum"):
        key.update((source / name).read_bytes())
    home = cache_root() / f"policy-oracle-{key.hexdigest()[:16]}"
    program, work = home / "oracle", home / "work"
    if not program.exists():
        work.mkdir(parents=True, exist_ok=True)
        environment = go_environment() | {
            "GOPATH": str(work / "gopath"),
            "GOMODCACHE": str(work / "modules"),
            "GOCACHE": str(work / "objects"),
        }
        flags = ("-mod=readonly", "-modcacherw", "-trimpath", "-buildvcs=false", "-ldflags=-s -w")
        subprocess.run(
            [ensure_go(work, silent), "build", *flags, "-o", work / "oracle", "."],
            cwd=source,
            env=environment,
            check=True,
        )
        (work / "oracle").rename(program)
        shutil.rmtree(work)
    return program


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    running = Oracle(build_oracle())
    yield running
    running.close()


def connections() -> list[tuple[str, str, str, int]]:
    addresses = [*(pod.address for pod in PODS), *OUTSIDE]
    return [
        (source, target, protocol, port)
        for source in addresses
        for target in addresses
        for protocol, port in PORTS
        if source != target
    ]


def peer(address: str) -> dict[str, Any]:
    pod = next((pod for pod in PODS if pod.address == address), None)
    if pod is None:
        return {"ip": address}
    return {
        "ip": address,
        "namespace": pod.namespace,
        "namespaceLabels": NAMESPACES[pod.namespace],
        "podLabels": pod.labels,
    }


def port_name(address: str, protocol: str, port: int) -> str:
    pod = next((pod for pod in PODS if pod.address == address), None)
    named = {} if pod is None else pod.ports
    return next((name for name, known in named.items() if known == (protocol, port)), "")


def allows(direction: Direction, way: tuple[str, str, str, int], cluster: Cluster) -> bool:
    source, target, protocol, port = way
    own, other = (target, source) if direction == "Ingress" else (source, target)
    pod = next((pod for pod in PODS if pod.address == own), None)
    if pod is None:
        return True
    rules = permitted(pod, direction, cluster)
    return rules is None or any(
        any(ipaddress.IPv4Address(other) in ipaddress.IPv4Network(n) for n in rule.networks)
        and (
            not rule.ports
            or any(p.protocol == protocol and p.first <= port <= p.last for p in rule.ports)
        )
        for rule in rules
    )


@settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(policies)
def test_policies_permit_what_cyclonus_says(oracle: Oracle, generated: list[Any]) -> None:
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    question = {
        "policies": [kind | policy for policy in generated],
        "traffic": [
            {
                "source": peer(source),
                "destination": peer(target),
                "protocol": protocol,
                "port": port,
                "portName": port_name(target, protocol, port),
            }
            for source, target, protocol, port in connections()
        ],
    }
    cluster = Cluster(PODS, NAMESPACES, generated)
    ours = [
        [allows("Ingress", way, cluster), allows("Egress", way, cluster)] for way in connections()
    ]
    assert ours == oracle.ask(question)


@settings(max_examples=50, deadline=None)
@given(policies)
def test_the_kernel_takes_the_rules(generated: list[Any]) -> None:
    rules = render(Cluster(PODS, NAMESPACES, generated), POD_RANGE)
    # In a network namespace of its own, and twice: the second time it replaces the first.
    result = subprocess.run(
        ["unshare", "--net", "nft", "-f", "-"],
        input=rules + rules,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
