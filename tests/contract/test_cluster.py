"""The contract of the cluster, over the double; the adapter's turn is in tests/integration."""

from __future__ import annotations

import pytest

from storeorch.clock import SystemClock
from storeorch.testing import MemoryCluster
from storeorch.testing.contracts import ClusterContract


class TestMemoryCluster(ClusterContract):
    @pytest.fixture
    def cluster(self) -> MemoryCluster:
        return MemoryCluster(SystemClock(), ready_lag=0.001, terminating_lag=0.001)


class TestMemoryClusterThatIsSeenLate(ClusterContract):
    @pytest.fixture
    def cluster(self) -> MemoryCluster:
        return MemoryCluster(SystemClock(), ready_lag=0.001, terminating_lag=0.001, watch_lag=0.002)
