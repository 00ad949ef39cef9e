"""A Kubernetes cluster of one's own, for development and tests.

`EmbeddedCluster` starts a real control plane (etcd, kube-apiserver,
kube-controller-manager, kube-scheduler) with simulated nodes (kwok) on the
loopback interface; `ensure_binaries` builds the programs it needs from pinned
Go modules, once for each version. `RealNodeCluster` has one node that really
runs containers instead (Linux, root). `ensure_helm3` does the same for Helm 3,
which no cluster needs, for tests that have to pass with both Helms.

```python
from pathlib import Path

from storeorch_devcluster import EmbeddedCluster

with EmbeddedCluster(Path("cluster")) as cluster:
    print(cluster.kubeconfig)
```

Names are loaded on first use: the command line imports this package at every
start, and most starts need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storeorch_devcluster.build import ensure_binaries, ensure_helm3, ensure_node_binaries
    from storeorch_devcluster.embedded import EmbeddedCluster
    from storeorch_devcluster.errors import DevClusterError
    from storeorch_devcluster.progress import Progress
    from storeorch_devcluster.realnode.cluster import RealNodeCluster

__all__ = [
    "DevClusterError",
    "EmbeddedCluster",
    "Progress",
    "RealNodeCluster",
    "ensure_binaries",
    "ensure_helm3",
    "ensure_node_binaries",
]

_HOMES = {
    "DevClusterError": "errors",
    "EmbeddedCluster": "embedded",
    "Progress": "progress",
    "RealNodeCluster": "realnode.cluster",
    "ensure_binaries": "build",
    "ensure_helm3": "build",
    "ensure_node_binaries": "build",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
