"""Pytest fixtures; use them by ``pytest_plugins = ["storeorch.testing.plugin"]``.

All fixtures of one test share one virtual clock and one sandbox. Mark an ``async``
test with ``storeorch.testing.virtual_time`` to run it on that clock.
"""

from __future__ import annotations

import sys

import pytest

from storeorch.testing.clock import VirtualClock
from storeorch.testing.cluster import MemoryCluster
from storeorch.testing.hosts import MemoryHosts
from storeorch.testing.releases import MemoryReleases
from storeorch.testing.repository import MemoryRepository
from storeorch.testing.sandbox import Sandbox

for _suite in (
    "storeorch.testing.conformance",
    "storeorch.testing.chart_conformance",
    "storeorch.testing.contracts",
):
    # What was imported already cannot be rewritten; its failures then say less.
    if _suite not in sys.modules:
        pytest.register_assert_rewrite(_suite)


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """Return time that only moves when everyone waits."""
    return VirtualClock()


@pytest.fixture
def sandbox(virtual_clock: VirtualClock) -> Sandbox:
    """Return the whole of storeorch in memory, with the sample shop."""
    return Sandbox(clock=virtual_clock)


@pytest.fixture
def memory_repository(sandbox: Sandbox) -> MemoryRepository:
    """Return the sandbox's database."""
    return sandbox.repository


@pytest.fixture
def memory_cluster(sandbox: Sandbox) -> MemoryCluster:
    """Return the sandbox's cluster."""
    return sandbox.cluster


@pytest.fixture
def memory_releases(sandbox: Sandbox) -> MemoryReleases:
    """Return the sandbox's Helm."""
    return sandbox.releases


@pytest.fixture
def memory_hosts(sandbox: Sandbox) -> MemoryHosts:
    """Return the sandbox's hosts."""
    return sandbox.hosts
