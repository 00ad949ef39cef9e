"""The contract of Helm, over the double; the adapter's turn is in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from storeorch.clock import SystemClock
from storeorch.ports import WorkloadRef
from storeorch.testing import MemoryCluster, MemoryReleases
from storeorch.testing.contracts import ReleasesContract


class TestMemoryReleases(ReleasesContract):
    @pytest.fixture
    def cluster(self) -> MemoryCluster:
        return MemoryCluster(SystemClock(), ready_lag=0.001, watch_lag=0.001)

    @pytest.fixture
    def inventory(self) -> list[WorkloadRef]:
        return [WorkloadRef("Deployment", "web"), WorkloadRef("Job", "migrate")]

    @pytest.fixture
    def releases(self, cluster: MemoryCluster, inventory: list[WorkloadRef]) -> MemoryReleases:
        return MemoryReleases(cluster, charts={"chart": inventory})

    @pytest.fixture
    def chart(self, tmp_path: Path) -> Path:
        chart = tmp_path / "chart"
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
        (chart / "templates" / "web.yaml").write_text("kind: Deployment\n")
        return chart
