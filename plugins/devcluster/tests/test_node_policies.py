from __future__ import annotations

from typing import Any

import pytest

from storeorch_devcluster.realnode.policies import (
    EVERYWHERE,
    Cluster,
    Pod,
    Ports,
    Rule,
    matches,
    permitted,
    pod_of,
)

NAMESPACES = {"shop": {"team": "a"}, "other": {"team": "b"}}
WEB = Pod("shop", "web", "10.244.0.2", {"app": "web"}, {"http": ("TCP", 8080)})
DATABASE = Pod("shop", "database", "10.244.0.3", {"app": "database"}, {"http": ("TCP", 80)})
STRANGER = Pod("other", "web", "10.244.0.9", {"app": "web"}, {"http": ("UDP", 8080)})


def cluster(*specs: dict[str, Any], namespace: str = "shop") -> Cluster:
    policies = [
        {"metadata": {"namespace": namespace, "name": f"p{i}"}, "spec": {"podSelector": {}, **spec}}
        for i, spec in enumerate(specs)
    ]
    return Cluster([WEB, DATABASE, STRANGER], NAMESPACES, policies)


def test_without_policies_everything_is_permitted() -> None:
    assert permitted(WEB, "Ingress", cluster()) is None
    # Policies of other namespaces, and for other pods, change nothing.
    assert permitted(WEB, "Ingress", cluster({}, namespace="other")) is None
    chosen = {"podSelector": {"matchLabels": {"app": "database"}}}
    assert permitted(WEB, "Ingress", cluster(chosen)) is None


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ({}, (), None),
        ({"policyTypes": ["Egress"]}, None, ()),
        ({"policyTypes": ["Ingress", "Egress"]}, (), ()),
        ({"egress": [{}]}, (), (Rule(EVERYWHERE),)),
        ({"ingress": [{}]}, (Rule(EVERYWHERE),), None),
    ],
)
def test_types_decide_which_direction_is_closed(spec: Any, ingress: Any, egress: Any) -> None:
    assert permitted(WEB, "Ingress", cluster(spec)) == ingress
    assert permitted(WEB, "Egress", cluster(spec)) == egress


def test_permissions_of_several_policies_add_up() -> None:
    one = {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "database"}}}]}]}
    two = {"ingress": [{"ports": [{"port": 80}]}]}
    assert permitted(WEB, "Ingress", cluster(one, two)) == (
        Rule(EVERYWHERE, (Ports("TCP", 80, 80),)),
        Rule(("10.244.0.3/32",)),
    )


@pytest.mark.parametrize(
    ("peer", "networks"),
    [
        ({"podSelector": {}}, ("10.244.0.2/31",)),
        ({"namespaceSelector": {}}, ("10.244.0.2/31", "10.244.0.9/32")),
        ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, ("10.244.0.9/32",)),
        (
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}},
            ("10.244.0.2/32", "10.244.0.9/32"),
        ),
        ({"ipBlock": {"cidr": "10.0.0.5/8"}}, ("10.0.0.0/8",)),
        (
            {"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32", "fe80::/64"]}},
            ("10.0.0.0/32", "10.0.0.2/31"),
        ),
        ({"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.0/8"]}}, ()),
        ({"ipBlock": {"cidr": "10.0.0.0/30", "except": ["11.0.0.0/8"]}}, ("10.0.0.0/30",)),
        ({"ipBlock": {"cidr": "2001:db8::/32"}}, ()),
    ],
)
def test_peers_are_addresses(peer: Any, networks: tuple[str, ...]) -> None:
    found = permitted(
        WEB, "Egress", cluster({"policyTypes": ["Egress"], "egress": [{"to": [peer]}]})
    )
    assert found == ((Rule(networks),) if networks else ())


@pytest.mark.parametrize(
    ("port", "ingress", "egress"),
    [
        ({"port": 80}, [Ports("TCP", 80, 80)], [Rule(EVERYWHERE, (Ports("TCP", 80, 80),))]),
        ({"protocol": "UDP"}, [Ports("UDP")], [Rule(EVERYWHERE, (Ports("UDP"),))]),
        (
            {"port": 80, "endPort": 90},
            [Ports("TCP", 80, 90)],
            [Rule(EVERYWHERE, (Ports("TCP", 80, 90),))],
        ),
        (
            {"port": "http"},
            [Ports("TCP", 8080, 8080)],
            [
                Rule(("10.244.0.2/32",), (Ports("TCP", 8080, 8080),)),
                Rule(("10.244.0.3/32",), (Ports("TCP", 80, 80),)),
            ],
        ),
        (
            {"port": "http", "protocol": "UDP"},
            [],
            [Rule(("10.244.0.9/32",), (Ports("UDP", 8080, 8080),))],
        ),
        ({"port": "unknown"}, [], []),
    ],
)
def test_ports_are_numbers_ranges_and_names(port: Any, ingress: Any, egress: Any) -> None:
    both = ["Ingress", "Egress"]
    made = cluster(
        {"policyTypes": both, "ingress": [{"ports": [port]}], "egress": [{"ports": [port]}]}
    )
    found = permitted(WEB, "Ingress", made)
    assert found == ((Rule(EVERYWHERE, tuple(ingress)),) if ingress else ())
    assert permitted(WEB, "Egress", made) == tuple(egress)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ({"key": "app", "operator": "In", "values": ["web", "x"]}, True),
        ({"key": "tier", "operator": "In", "values": ["web"]}, False),
        ({"key": "app", "operator": "NotIn", "values": ["web"]}, False),
        ({"key": "tier", "operator": "NotIn", "values": ["web"]}, True),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_selectors_select_by_expressions(expression: Any, holds: bool) -> None:
    assert matches({"matchExpressions": [expression]}, WEB.labels) is holds


def test_an_unknown_operator_is_an_error() -> None:
    with pytest.raises(ValueError, match="Near"):
        matches({"matchExpressions": [{"key": "app", "operator": "Near"}]}, WEB.labels)


def test_only_pods_with_an_address_of_their_own_count() -> None:
    manifest: dict[str, Any] = {
        "metadata": {"namespace": "shop", "name": "web", "labels": {"app": "web"}},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}, {}]}, {}]},
        "status": {"phase": "Running", "podIP": "10.244.0.2"},
    }
    pending = manifest | {"status": {"phase": "Pending"}}
    assert pod_of(manifest, {}) == WEB
    assert pod_of(pending, {}) is None
    assert pod_of(manifest | {"status": {"phase": "Succeeded", "podIP": "10.244.0.2"}}, {}) is None
    assert pod_of(manifest | {"spec": {"hostNetwork": True}}, {}) is None
    # What the network says is newer than what the pod says.
    renewed = pod_of(pending, {("shop", "web"): "10.244.0.7"})
    assert renewed is not None
    assert renewed.address == "10.244.0.7"
    spaces: list[Any] = [{"metadata": {"name": "shop"}}]
    assert Cluster.of([manifest, manifest | {"status": {}}], spaces, []) == Cluster(
        [WEB], {"shop": {}}, []
    )
