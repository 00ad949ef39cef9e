"""The adapters on a real API server and a real Helm pass what the doubles pass."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storeorch.clock import SystemClock
from storeorch.helm import HelmReleases
from storeorch.kube import KubeCluster
from storeorch.plugins import load_plugins
from storeorch.ports import WorkloadRef
from storeorch.testing.contracts import ClusterContract, ReleasesContract

pytestmark = pytest.mark.cluster

WORKLOAD = """
apiVersion: apps/v1
kind: {kind}
metadata:
  name: {name}
spec:
  {service}
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: main
          image: registry.example/any:1
          resources: {{requests: {{cpu: 1m, memory: 1Mi}}, limits: {{cpu: 1m, memory: 1Mi}}}}
"""


@pytest.fixture
async def cluster(cluster_kubeconfig: Path) -> AsyncIterator[KubeCluster]:
    adapter = KubeCluster.from_kubeconfig(kubeconfig=cluster_kubeconfig, clock=SystemClock())
    yield adapter
    await adapter.close()


class TestKubeCluster(ClusterContract): ...


class TestHelmReleases(ReleasesContract):
    @pytest.fixture
    def inventory(self) -> list[WorkloadRef]:
        return [WorkloadRef("Deployment", "web"), WorkloadRef("StatefulSet", "db")]

    @pytest.fixture
    def chart(self, tmp_path: Path) -> Path:
        chart = tmp_path / "chart"
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
        for kind, name, service in (
            ("Deployment", "web", ""),
            ("StatefulSet", "db", "serviceName: db"),
        ):
            text = WORKLOAD.format(kind=kind, name=name, service=service)
            (chart / "templates" / f"{name}.yaml").write_text(text)
        return chart

    @pytest.fixture
    def releases(self, cluster: KubeCluster, cluster_kubeconfig: Path) -> HelmReleases:
        found = shutil.which("helm")
        return HelmReleases(
            executable=Path(found) if found else load_plugins().executable("helm"),
            secrets=cluster,
            kubeconfig=cluster_kubeconfig,
            context=None,
            max_processes=2,
            timeout=60,
            clock=SystemClock(),
        )
