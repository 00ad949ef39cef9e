"""Adapter to a Kubernetes cluster, on kubernetes' asyncio client.

The only place that knows the Kubernetes API and its errors. It must know
neither Helm nor the hosts file, and nothing above ``ports``. Its dependencies
are imported when a cluster is first asked, because that costs most of a second.
"""

from storeorch.kube.cluster import KubeCluster
from storeorch.kube.rbac import rbac_manifests

__all__ = ["KubeCluster", "rbac_manifests"]
