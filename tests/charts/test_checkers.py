"""The checkers themselves: one that finds nothing proves nothing."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from . import pod_security
from .quantities import pod_demand, quantity, release_demand

GOOD: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "shop",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
    "volumes": [{"name": "data", "emptyDir": {}}],
}
BAD_PODS = [
    {"hostNetwork": True},
    {"hostPID": True},
    {"hostIPC": True},
    {"volumes": [{"name": "node", "hostPath": {"path": "/"}}]},
    {"securityContext": {"runAsNonRoot": True}},
    {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
    {"securityContext": GOOD["securityContext"] | {"runAsUser": 0}},
    {"securityContext": GOOD["securityContext"] | {"sysctls": [{"name": "kernel.msgmax"}]}},
    {"initContainers": [{"name": "init"}]},
]
BAD_CONTAINERS = [
    {"privileged": True},
    {"allowPrivilegeEscalation": True},
    {"runAsNonRoot": False},
    {"runAsUser": 0},
    {"seccompProfile": {"type": "Unconfined"}},
    {"capabilities": {}},
    {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}},
    {"procMount": "Unmasked"},
]


def test_a_restricted_pod_passes() -> None:
    assert pod_security.violations(GOOD) == []


@pytest.mark.parametrize("change", BAD_PODS)
def test_a_bad_pod_is_found(change: dict[str, Any]) -> None:
    assert pod_security.violations(GOOD | change)


@pytest.mark.parametrize("change", BAD_CONTAINERS)
def test_a_bad_container_is_found(change: dict[str, Any]) -> None:
    pod = copy.deepcopy(GOOD)
    pod["containers"][0]["securityContext"] |= change

    assert pod_security.violations(pod)


def test_a_host_port_is_found() -> None:
    pod = copy.deepcopy(GOOD)
    pod["containers"][0]["ports"] = [{"hostPort": 80}]

    assert pod_security.violations(pod)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("200m", Decimal("0.2")),
        ("2", Decimal(2)),
        (1, Decimal(1)),
        ("0.5", Decimal("0.5")),
        ("1Gi", Decimal(2**30)),
        ("512Mi", Decimal(2**29)),
        ("1k", Decimal(1000)),
        ("1M", Decimal(10**6)),
    ],
)
def test_quantities(text: str, amount: Decimal) -> None:
    assert quantity(text) == amount


def asks(cpu: str) -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": "1Mi"}
    return {"resources": {"requests": amounts, "limits": amounts}}


def test_the_largest_init_container_counts_only_where_it_is_larger() -> None:
    pod = {"initContainers": [asks("3"), asks("1")], "containers": [asks("1"), asks("1")]}

    assert pod_demand(pod)["requests.cpu"] == 3
    assert pod_demand(pod)["requests.memory"] == 2 * 2**20


def test_a_rolling_update_needs_room_for_one_more() -> None:
    def demand(strategy: str) -> Decimal:
        spec = {
            "replicas": 1,
            "strategy": {"type": strategy},
            "template": {"spec": {"containers": [asks("1")]}},
        }
        return release_demand([{"kind": "Deployment", "spec": spec}])["limits.cpu"]

    assert (demand("Recreate"), demand("RollingUpdate")) == (Decimal(1), Decimal(2))
