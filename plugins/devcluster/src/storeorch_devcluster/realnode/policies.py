"""What Kubernetes' NetworkPolicies permit to each pod: pure, from objects to rules.

The semantics are those of the API ``networking.k8s.io/v1``: policies only ever
add permissions; a pod that a policy of a direction selects is closed in that
direction but for what all of them together permit; peers are found by their
labels as they are now, ports by number, range or name. A pod on the node's own
network is no pod here: its traffic is the node's.

This module must not know how rules are put into the kernel.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Direction = Literal["Ingress", "Egress"]
Labels = Mapping[str, str]
Manifest = Mapping[str, Any]

EVERYWHERE: Final = ("0.0.0.0/0",)
LAST_PORT: Final = 65535
FINISHED: Final = frozenset({"Succeeded", "Failed"})
"""Phases in which a pod's address may be another's already."""


@dataclass(frozen=True, slots=True, order=True)
class Ports:
    """A range of ports of one protocol.

    Attributes:
        protocol: ``TCP``, ``UDP`` or ``SCTP``.
        first: The lowest port; 0 and `LAST_PORT` together are every port.
        last: The highest port.
    """

    protocol: str
    first: int = 0
    last: int = LAST_PORT


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One permission.

    Attributes:
        networks: The peers' addresses, as IPv4 networks in CIDR notation.
        ports: Ports of the connection's target; empty is every port and protocol.
    """

    networks: tuple[str, ...]
    ports: tuple[Ports, ...] = ()


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as policies see it.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        address: Its IPv4 address.
        labels: Its labels.
        ports: Its containers' named ports: protocol and number by name.
    """

    namespace: str
    name: str
    address: str
    labels: Labels = field(default_factory=dict, hash=False)
    ports: Mapping[str, tuple[str, int]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Cluster:
    """All that decides what is permitted.

    Attributes:
        pods: Every pod that has an address of its own.
        namespaces: Labels of each namespace.
        policies: Every NetworkPolicy, as its API object.
    """

    pods: Sequence[Pod]
    namespaces: Mapping[str, Labels]
    policies: Sequence[Manifest]

    @classmethod
    def of(
        cls,
        pods: Iterable[Manifest],
        namespaces: Iterable[Manifest],
        policies: Iterable[Manifest],
        addresses: Mapping[tuple[str, str], str] | None = None,
    ) -> Cluster:
        """Return what API objects say; pods without an address of their own are left out.

        Args:
            pods: Every Pod.
            namespaces: Every Namespace.
            policies: Every NetworkPolicy.
            addresses: Addresses that are newer than what the Pods say, by
                namespace and name.
        """
        newer = addresses or {}
        return cls(
            [pod for manifest in pods if (pod := pod_of(manifest, newer)) is not None],
            {n["metadata"]["name"]: n["metadata"].get("labels") or {} for n in namespaces},
            list(policies),
        )


def pod_of(manifest: Manifest, addresses: Mapping[tuple[str, str], str]) -> Pod | None:
    """Return what a Pod object says, or None if it has no address of its own (any more).

    Args:
        manifest: The object.
        addresses: Newer addresses, by namespace and name.
    """
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    metadata = manifest["metadata"]
    address = addresses.get((metadata["namespace"], metadata["name"])) or status.get("podIP")
    if not address or spec.get("hostNetwork") or status.get("phase") in FINISHED:
        return None
    ports = {
        port["name"]: (port.get("protocol", "TCP"), port["containerPort"])
        for container in spec.get("containers") or []
        for port in container.get("ports") or []
        if port.get("name")
    }
    labels = metadata.get("labels") or {}
    return Pod(metadata["namespace"], metadata["name"], address, labels, ports)


def permitted(pod: Pod, direction: Direction, cluster: Cluster) -> tuple[Rule, ...] | None:
    """Return what is permitted to a pod in one direction.

    Args:
        pod: The pod.
        direction: ``Ingress``, connections to it, or ``Egress``, connections from it.
        cluster: All that decides.

    Returns:
        The permissions in a stable order, or None if no policy restricts it.
    """
    applying = [
        policy
        for policy in cluster.policies
        if policy["metadata"]["namespace"] == pod.namespace
        and direction in _types(policy["spec"])
        and matches(policy["spec"].get("podSelector") or {}, pod.labels)
    ]
    if not applying:
        return None
    rules: set[Rule] = set()
    key, peer_key = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    for policy in applying:
        namespace = policy["metadata"]["namespace"]
        for rule in policy["spec"].get(key) or []:
            peers, ports = rule.get(peer_key) or [], rule.get("ports") or []
            if direction == "Ingress":
                rules.update(_ingress(pod, peers, ports, namespace, cluster))
            else:
                rules.update(_egress(peers, ports, namespace, cluster))
    return tuple(sorted(rules))


def matches(selector: Manifest, labels: Labels) -> bool:
    """Whether a label selector selects these labels; an empty one selects everything."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or []
    )


def _holds(expression: Manifest, labels: Labels) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value is not None and value in (expression.get("values") or [])
        case "NotIn":
            return value is None or value not in (expression.get("values") or [])
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case unknown:
            raise ValueError(unknown)


def _types(spec: Manifest) -> Sequence[str]:
    if types := spec.get("policyTypes"):
        return list(types)
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _ingress(
    pod: Pod, peers: Sequence[Manifest], ports: Sequence[Manifest], namespace: str, cluster: Cluster
) -> Iterator[Rule]:
    found = [resolved for port in ports if (resolved := _resolve(port, pod)) is not None]
    if ports and not found:
        return
    if networks := _networks(peers, namespace, cluster):
        yield Rule(networks, tuple(sorted(set(found))))


def _egress(
    peers: Sequence[Manifest], ports: Sequence[Manifest], namespace: str, cluster: Cluster
) -> Iterator[Rule]:
    numbered = [port for port in ports if not isinstance(port.get("port"), str)]
    if (numbered or not ports) and (networks := _networks(peers, namespace, cluster)):
        # Each of them is a number, so the pod that could give a name its number is not asked.
        found = {_numbered(port) for port in numbered}
        yield Rule(networks, tuple(sorted(found)))
    for port in ports:
        if port not in numbered:
            # A name means another number at each target.
            for target in _within(_networks(peers, namespace, cluster), cluster.pods):
                if (resolved := _resolve(port, target)) is not None:
                    yield Rule((f"{target.address}/32",), (resolved,))


def _resolve(port: Manifest, target: Pod) -> Ports | None:
    if not isinstance(name := port.get("port"), str):
        return _numbered(port)
    protocol = port.get("protocol") or "TCP"
    known = target.ports.get(name)
    return Ports(protocol, known[1], known[1]) if known and known[0] == protocol else None


def _numbered(port: Manifest) -> Ports:
    protocol, first = port.get("protocol") or "TCP", port.get("port")
    return (
        Ports(protocol) if first is None else Ports(protocol, first, port.get("endPort") or first)
    )


def _networks(peers: Sequence[Manifest], namespace: str, cluster: Cluster) -> tuple[str, ...]:
    """Return the addresses of peers; of no peers at all, which means everybody: everywhere."""
    if not peers:
        return EVERYWHERE
    networks = [
        ipaddress.IPv4Network(f"{pod.address}/32") for pod in _pods(peers, namespace, cluster)
    ]
    for peer in peers:
        if block := peer.get("ipBlock"):
            networks.extend(_block(block))
    return tuple(str(network) for network in ipaddress.collapse_addresses(networks))


def _within(networks: Iterable[str], pods: Iterable[Pod]) -> list[Pod]:
    parsed = [ipaddress.IPv4Network(network) for network in networks]
    return [pod for pod in pods if any(ipaddress.IPv4Address(pod.address) in n for n in parsed)]


def _pods(peers: Sequence[Manifest], namespace: str, cluster: Cluster) -> list[Pod]:
    selecting = [peer for peer in peers if not peer.get("ipBlock")]
    return [
        pod
        for pod in cluster.pods
        if any(_selects(peer, pod, namespace, cluster) for peer in selecting)
    ]


def _selects(peer: Manifest, pod: Pod, namespace: str, cluster: Cluster) -> bool:
    of_namespace = peer.get("namespaceSelector")
    if of_namespace is None:
        if pod.namespace != namespace:
            return False
    elif not matches(of_namespace, cluster.namespaces.get(pod.namespace, {})):
        return False
    return matches(peer.get("podSelector") or {}, pod.labels)


def _block(block: Manifest) -> list[ipaddress.IPv4Network]:
    """Return what a block leaves after its exceptions; IPv6 blocks concern no pod here."""
    whole = ipaddress.ip_network(block["cidr"], strict=False)
    if not isinstance(whole, ipaddress.IPv4Network):
        return []
    left = [whole]
    for text in block.get("except") or []:
        hole = ipaddress.ip_network(text, strict=False)
        if isinstance(hole, ipaddress.IPv4Network):
            left = [part for network in left for part in _without(network, hole)]
    return left


def _without(
    network: ipaddress.IPv4Network, hole: ipaddress.IPv4Network
) -> Iterable[ipaddress.IPv4Network]:
    if network.subnet_of(hole):
        return ()
    return network.address_exclude(hole) if hole.subnet_of(network) else (network,)
