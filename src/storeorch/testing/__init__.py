"""What authors of store types, and our own tests, need to test without a cluster.

Everything here is public. The doubles satisfy the protocols of ``storeorch.ports``
and pass the same contract tests as the adapters to the real things; time is
virtual, so that a deadline of ten minutes costs nothing.

- ``VirtualClock``, ``run_virtual``, ``virtual_time``: time that jumps.
- ``MemoryRepository``, ``MemoryCluster``, ``MemoryReleases``, ``MemoryHosts``: the ports.
- ``Sandbox``: all of them, with reconciler and engines; ``SampleShop``: a type to try.
- ``FaultPlan``: crashes, lost responses and the like, from a seed.
- ``storeorch.testing.conformance.StoreTypeConformance``: subclass it to test a type.
- ``storeorch.testing.chart_conformance.ChartConformance``: the same, and that parameters and
  chart agree.
- ``storeorch.testing.strategies``: hypothesis strategies.
- ``storeorch.testing.plugin``: pytest fixtures, by
  ``pytest_plugins = ["storeorch.testing.plugin"]``.

The last four need ``storeorch[testing]``. No module of the core imports this package.

Example:
    >>> from storeorch.ports import Owner
    >>> from storeorch.testing import MemoryCluster, VirtualClock, run_virtual
    >>> clock = VirtualClock()
    >>> cluster = MemoryCluster(clock)
    >>> run_virtual(cluster.create_namespace("store-a-1", Owner("1", "a")), clock=clock)
    True
"""

from storeorch.testing.checkpoint import Checkpoint
from storeorch.testing.clock import (
    NothingLeftToHappen,
    VirtualClock,
    VirtualLoop,
    run_virtual,
    virtual_time,
)
from storeorch.testing.cluster import MemoryCluster
from storeorch.testing.faults import Crash, FaultKind, FaultPlan, FaultyProcess, Point
from storeorch.testing.hosts import MemoryHosts
from storeorch.testing.releases import MemoryReleases
from storeorch.testing.repository import MemoryRepository
from storeorch.testing.sample import SampleShop
from storeorch.testing.sandbox import Sandbox

__all__ = [
    "Checkpoint",
    "Crash",
    "FaultKind",
    "FaultPlan",
    "FaultyProcess",
    "MemoryCluster",
    "MemoryHosts",
    "MemoryReleases",
    "MemoryRepository",
    "NothingLeftToHappen",
    "Point",
    "SampleShop",
    "Sandbox",
    "VirtualClock",
    "VirtualLoop",
    "run_virtual",
    "virtual_time",
]
