"""Rules of the kernel's packet filter that enforce what policies permit.

Every connection from or to a pod passes one chain for what its sender may do
and one for what its target may take; answers belong to their connection.
Traffic of the node itself reaches every pod, as with most networks: kubelet's
probes must. An address of the pods' range that no known pod has is closed.

The whole table is replaced in one transaction of ``nft``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from storeorch_devcluster.realnode.policies import LAST_PORT, Cluster, Ports, Rule, permitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TABLE: Final = "storeorch_policy"

_PRIORITY: Final = "filter - 5"
"""Before kube-proxy's own filter; after the translation of service addresses."""


def render(cluster: Cluster, pod_range: str) -> str:
    """Return the input of ``nft -f -`` that replaces the table.

    Args:
        cluster: All that decides what is permitted.
        pod_range: The range of the pods' addresses, in CIDR notation.
    """
    chains: dict[str, list[str]] = {}
    senders: dict[str, str] = {}
    targets: dict[str, str] = {}
    for pod in cluster.pods:
        for direction, verdicts in (("Egress", senders), ("Ingress", targets)):
            rules = permitted(pod, "Egress" if direction == "Egress" else "Ingress", cluster)
            if rules is not None:
                name = _chain_name(direction, rules)
                chains.setdefault(name, _chain(direction, rules))
                verdicts[pod.address] = f"jump {name}"
    addresses = sorted({pod.address for pod in cluster.pods})
    return "\n".join(
        [
            f"table ip {TABLE} {{}}",
            f"delete table ip {TABLE}",
            f"table ip {TABLE} {{",
            *_set("pods", "ipv4_addr", addresses),
            # A pod may always talk to itself, also by way of a service.
            *_set("itself", "ipv4_addr . ipv4_addr", [f"{a} . {a}" for a in addresses]),
            *(line for name in sorted(chains) for line in _block(f"chain {name}", chains[name])),
            *_verdicts("senders", senders),
            *_verdicts("targets", targets),
            *_block(
                "chain forward",
                [
                    f"type filter hook forward priority {_PRIORITY}; policy accept;",
                    "ct state established,related accept",
                    f"ip saddr {pod_range} ip saddr != @pods drop",
                    f"ip daddr {pod_range} ip daddr != @pods drop",
                    "ip saddr . ip daddr @itself accept",
                    "ip saddr vmap @senders",
                    "ip daddr vmap @targets",
                ],
            ),
            *_block(
                "chain input",
                [
                    f"type filter hook input priority {_PRIORITY}; policy accept;",
                    "ct state established,related accept",
                    f"ip saddr {pod_range} ip saddr != @pods drop",
                    "ip saddr vmap @senders",
                ],
            ),
            "}",
            "",
        ]
    )


def _chain(direction: str, rules: Iterable[Rule]) -> list[str]:
    peer = "daddr" if direction == "Egress" else "saddr"
    lines = []
    for rule in rules:
        from_peer = f"ip {peer} {{ {', '.join(rule.networks)} }} "
        if rule.networks == ("0.0.0.0/0",):
            from_peer = ""
        if not rule.ports:
            lines.append(f"{from_peer}return")
        for protocol in sorted({ports.protocol for ports in rule.ports}):
            own = [ports for ports in rule.ports if ports.protocol == protocol]
            lines.append(f"{from_peer}{_target(protocol, own)} return")
    return [*lines, "drop"]


def _target(protocol: str, ports: Iterable[Ports]) -> str:
    name = protocol.lower()
    merged: list[tuple[int, int]] = []
    for first, last in sorted((p.first, p.last) for p in ports):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    if merged == [(0, LAST_PORT)]:
        return f"meta l4proto {name}"
    spans = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in merged)
    return f"{name} dport {{ {spans} }}"


def _chain_name(direction: str, rules: tuple[Rule, ...]) -> str:
    return f"{direction.lower()}_{hashlib.sha256(repr(rules).encode()).hexdigest()[:12]}"


def _set(name: str, kind: str, elements: list[str]) -> list[str]:
    return _block(f"set {name}", [f"type {kind};", *_elements(elements)])


def _verdicts(name: str, verdicts: Mapping[str, str]) -> list[str]:
    elements = [f"{address} : {verdict}" for address, verdict in sorted(verdicts.items())]
    return _block(f"map {name}", ["type ipv4_addr : verdict;", *_elements(elements)])


def _elements(elements: list[str]) -> list[str]:
    return [f"elements = {{ {', '.join(elements)} }}"] if elements else []


def _block(head: str, lines: Iterable[str]) -> list[str]:
    return [f"  {head} {{", *(f"    {line}" for line in lines), "  }"]
