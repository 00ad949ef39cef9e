"""What keeps one store from harming its neighbours: limits, quota, network policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import override

from storeorch.names import LABEL_STORE_ID
from storeorch.ports import Manifest
from storeorch.steps.drift import drifted, repaired
from storeorch.storetype import Done, Outcome, Step, StoreContext

_DNS_PORTS: Final = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]


NOT_PUBLIC: Final = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4"),
    "240.0.0.0/4",
)
"""Private, link-local (where clouds serve metadata with credentials) and other ranges that
are not of the public network.

Source: https://www.iana.org/assignments/iana-ipv4-special-registry/
"""

NOT_PUBLIC_6: Final = (
    "::/96",
    "64:ff9b::/96",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
"""The same for IPv6, with the ranges in which IPv4 addresses are written there; Kubernetes
knows no policies for the mapped ones, which never go over a wire.

Source: https://www.iana.org/assignments/iana-ipv6-special-registry/
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a cluster one store may take.

    Attributes:
        hard: Kubernetes quantities by resource name, as in ResourceQuota.
        least: What a container has to ask for at least. Beside it, the quota has the
            cluster refuse a container that names no requests and limits of its own.
        default_limits: Limits of a container that names none; empty refuses it.
        default_requests: Requests of a container that names none.
    """

    hard: Mapping[str, str] = field(
        default_factory=lambda: {
            "requests.cpu": "2",
            "requests.memory": "4Gi",
            "limits.cpu": "4",
            "limits.memory": "8Gi",
            "persistentvolumeclaims": "3",
        }
    )
    least: Mapping[str, str] = field(default_factory=lambda: {"cpu": "1m", "memory": "4Mi"})
    default_limits: Mapping[str, str] = field(default_factory=dict)
    default_requests: Mapping[str, str] = field(default_factory=dict)


class GuardrailsStep(Step):
    """Applies LimitRange, ResourceQuota ``store-quota`` and network policies.

    Args:
        quota: The limits.
        http_port: The port on which pods of the store take traffic from the ingress.
        public_egress: Says whether a store's pods may reach public addresses.
    """

    name = "guardrails"
    condition = "GuardrailsReady"

    def __init__(
        self,
        *,
        quota: Quota,
        http_port: int,
        public_egress: Callable[[StoreContext], bool] = lambda _: False,
    ) -> None:
        self._quota = quota
        self._http_port = http_port
        self._public_egress = public_egress

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        # The LimitRange comes first: its defaults are what a container has under the quota.
        manifests = [
            self._limit_range(),
            self._resource_quota(),
            *self._network_policies(),
            self._egress(ctx),
        ]
        done = Done("Limits, quota and network policies are in place.")
        if not ctx.settled:
            changed = await ctx.cluster.apply(ctx.namespace, manifests, ctx.owner)
            return Done(done.message, changed=changed > 0)
        only_look = ctx.settings.drift == "report"
        differing = [
            f"{manifest['kind']} {manifest['metadata']['name']}"
            for manifest in manifests
            if await ctx.cluster.apply(ctx.namespace, [manifest], ctx.owner, only_look=only_look)
        ]
        if not differing:
            return done
        told = f"{', '.join(differing)}: deleted, changed, or not of this version of the type."
        return drifted(ctx, self.condition, told) if only_look else repaired(done, told)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        """Leave them in place: they guard the store until its namespace takes them along."""
        return Done("The guardrails go with the namespace.")

    def _limit_range(self) -> Manifest:
        limit = {
            "type": "Container",
            "min": dict(self._quota.least),
            "default": dict(self._quota.default_limits),
            "defaultRequest": dict(self._quota.default_requests),
        }
        limit = {key: value for key, value in limit.items() if value}
        return _manifest("v1", "LimitRange", "store-limits", {"limits": [limit]})

    def _resource_quota(self) -> Manifest:
        return _manifest("v1", "ResourceQuota", "store-quota", {"hard": dict(self._quota.hard)})

    def _network_policies(self) -> list[Manifest]:
        everything: dict[str, Any] = {"podSelector": {}}
        same_store: list[dict[str, Any]] = [{"podSelector": {}}]
        dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
        # Ingress controllers live in namespaces of all names, but never in another store's.
        not_a_store = {
            "namespaceSelector": {
                "matchExpressions": [{"key": LABEL_STORE_ID, "operator": "DoesNotExist"}]
            }
        }
        return [
            _policy("default-deny", {**everything, "policyTypes": ["Ingress", "Egress"]}),
            _policy(
                "allow-own-pods",
                {
                    **everything,
                    "policyTypes": ["Ingress", "Egress"],
                    "ingress": [{"from": same_store}],
                    "egress": [{"to": same_store}],
                },
            ),
            _policy(
                "allow-dns",
                {
                    **everything,
                    "policyTypes": ["Egress"],
                    "egress": [{"to": [dns], "ports": _DNS_PORTS}],
                },
            ),
            _policy(
                "allow-ingress-controller",
                {
                    **everything,
                    "policyTypes": ["Ingress"],
                    "ingress": [
                        {
                            "from": [not_a_store],
                            "ports": [{"port": self._http_port, "protocol": "TCP"}],
                        }
                    ],
                },
            ),
        ]

    def _egress(self, ctx: StoreContext) -> Manifest:
        """Say what may be reached outside the cluster; there even if that is nothing.

        A policy that was dropped once it is empty would have to be remembered.
        """
        peers = [_block(cidr) for cidr in ctx.settings.egress_allow]
        if self._public_egress(ctx):
            peers += [_block("0.0.0.0/0", NOT_PUBLIC), _block("::/0", NOT_PUBLIC_6)]
        rules = [{"to": peers}] if peers else []
        spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": rules}
        return _policy("allow-egress", spec)


def _block(cidr: str, but: Sequence[str] = ()) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr, **({"except": list(but)} if but else {})}}


def _manifest(api_version: str, kind: str, name: str, spec: Mapping[str, Any]) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _policy(name: str, spec: Mapping[str, Any]) -> Manifest:
    return _manifest("networking.k8s.io/v1", "NetworkPolicy", name, spec)
