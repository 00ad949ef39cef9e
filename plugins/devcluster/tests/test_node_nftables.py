from __future__ import annotations

from typing import Any

import pytest

from storeorch_devcluster.realnode.nftables import TABLE, render
from storeorch_devcluster.realnode.policies import Cluster, Pod

RANGE = "10.244.0.0/16"
PODS = [
    Pod("shop", "a", "10.244.0.2", {"app": "a"}, {}),
    Pod("shop", "b", "10.244.0.3", {"app": "b"}, {}),
]


def lines(*specs: dict[str, Any]) -> list[str]:
    policies = [
        {"metadata": {"namespace": "shop", "name": f"p{i}"}, "spec": {"podSelector": {}, **spec}}
        for i, spec in enumerate(specs)
    ]
    text = render(Cluster(PODS, {"shop": {}}, policies), RANGE)
    return [line.strip() for line in text.splitlines()]


def test_the_table_is_replaced_as_a_whole() -> None:
    assert lines()[:3] == [
        f"table ip {TABLE} {{}}",
        f"delete table ip {TABLE}",
        f"table ip {TABLE} {{",
    ]
    assert lines().count("}") == sum(line.endswith("{") for line in lines())


def test_addresses_of_unknown_pods_are_closed() -> None:
    assert "elements = { 10.244.0.2, 10.244.0.3 }" in lines()
    assert lines().count(f"ip saddr {RANGE} ip saddr != @pods drop") == 2
    assert lines().count(f"ip daddr {RANGE} ip daddr != @pods drop") == 1


def test_pods_with_the_same_permissions_share_a_chain() -> None:
    found = lines({"policyTypes": ["Ingress", "Egress"]})
    chains = [line for line in found if line.startswith("chain ingress_")]
    (name,) = {line.split()[1] for line in chains}
    assert f"elements = {{ 10.244.0.2 : jump {name}, 10.244.0.3 : jump {name} }}" in found
    assert found[found.index(chains[0]) + 1] == "drop"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, "return"),
        ({"from": [{"podSelector": {}}]}, "ip saddr { 10.244.0.2/31 } return"),
        ({"ports": [{"port": 80}, {"port": 81}, {"port": 90}]}, "tcp dport { 80-81, 90 } return"),
        ({"ports": [{"protocol": "UDP"}]}, "meta l4proto udp return"),
        ({"ports": [{"protocol": "SCTP", "port": 5}]}, "sctp dport { 5 } return"),
        (
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 1, "endPort": 9}]},
            "ip saddr { 10.0.0.0/8 } tcp dport { 1-9 } return",
        ),
    ],
)
def test_permissions_become_rules(rule: dict[str, Any], expected: str) -> None:
    found = lines({"ingress": [rule]})
    assert found[found.index("drop") - 1] == expected


def test_the_same_objects_give_the_same_text() -> None:
    spec = {"egress": [{"to": [{"podSelector": {}}], "ports": [{"port": 2}, {"port": 1}]}]}
    assert lines(spec) == lines(spec)
