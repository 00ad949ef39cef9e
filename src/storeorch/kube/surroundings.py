"""What a cluster is like, beside what it holds: its nodes and its network.

It must not know stores.
"""

from __future__ import annotations

from typing import Final

from storeorch.kube.connection import Connection
from storeorch.kube.resources import NODES, PODS
from storeorch.ports import Clock

_KEPT_SECONDS: Final = 60.0
"""How long what was seen of the nodes is taken for true."""

SIMULATED: Final = "kwok.x-k8s.io/node"
"""Annotation of a node that only pretends to run pods. Source: https://kwok.sigs.k8s.io"""

ENFORCED: Final = "storeorch.io/network-policies"
"""Annotation by which a node says who enforces network policies on it."""

_AGENTS: Final = {
    "k8s-app": {
        "anetd": "GKE Dataplane V2",
        "azure-npm": "Azure Network Policy Manager",
        "calico-node": "Calico",
        "canal": "Canal",
        "cilium": "Cilium",
        "kindnet": "kindnet",
        "kube-network-policies": "kube-network-policies",
        "kube-router": "kube-router",
    },
    "app": {
        "antrea": "Antrea",
        "kindnet": "kindnet",
        "kube-network-policies": "kube-network-policies",
        "ovnkube-node": "OVN-Kubernetes",
    },
    "name": {"weave-net": "Weave Net"},
}
"""Agents that enforce network policies, by the label of their pods.

What is not among them, for example flannel or Debian's plain CNI plugins, may take
policies and enforce none.
"""


class Surroundings:
    """Looks at nodes and at the network's agents.

    Args:
        connection: To the cluster.
        clock: Time.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._runs: tuple[float, bool] | None = None

    async def runs_containers(self) -> bool:
        """Return whether any node runs pods for real; see ``ports.Cluster``."""
        now = self._clock.monotonic()
        if self._runs is None or now - self._runs[0] > _KEPT_SECONDS:
            nodes = await self._node_annotations()
            self._runs = (now, not nodes or any(SIMULATED not in node for node in nodes))
        return self._runs[1]

    async def policy_agent(self) -> str | None:
        """Name what enforces network policies; see ``ports.Cluster``."""
        nodes = await self._node_annotations()
        said = [node.get(ENFORCED) for node in nodes]
        if said and all(said):
            return said[0]
        for label, known in _AGENTS.items():
            selector = {"labelSelector": f"{label} in ({','.join(sorted(known))})"}
            async for page in self._connection.pages(PODS, params=selector, metadata_only=True):
                for pod in page.get("items") or ():
                    return known[pod["metadata"]["labels"][label]]
        return None

    async def _node_annotations(self) -> list[dict[str, str]]:
        return [
            node["metadata"].get("annotations") or {}
            async for page in self._connection.pages(NODES, metadata_only=True)
            for node in page.get("items") or ()
        ]
