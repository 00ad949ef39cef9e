"""The orchestrator in memory, for tests of the library's front doors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Protocol

import pytest

from storeorch.hookspecs import hookimpl
from storeorch.orchestrator import Orchestrator
from storeorch.plugins import Plugins
from storeorch.storetype import StoreType
from storeorch.testing import SampleShop, Sandbox
from storeorch.wiring import Adapters


class Orchestrate(Protocol):
    """Makes orchestrators that share one sandbox, as processes share database and cluster."""

    adapters_made: int
    adapters_closed: int

    def __call__(
        self, *, engine: bool = True, only: Sequence[str] | None = None
    ) -> Orchestrator: ...


class SandboxOrchestrators:
    """Satisfies ``Orchestrate``."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.adapters_made = 0
        self.adapters_closed = 0
        self._sandbox = sandbox

    def __call__(self, *, engine: bool = True, only: Sequence[str] | None = None) -> Orchestrator:
        return Orchestrator(
            self._sandbox.settings,
            offering(SampleShop()),
            engine=engine,
            only=only,
            adapters=self._adapters,
            repository=self._sandbox.repository,
            clock=self._sandbox.clock,
        )

    def _adapters(self) -> Adapters:
        self.adapters_made += 1
        sandbox = self._sandbox
        return Adapters(sandbox.cluster, sandbox.releases, sandbox.hosts, self._close)

    async def _close(self) -> None:
        self.adapters_closed += 1


def offering(*types: StoreType) -> Plugins:
    """Return plugins that offer just these types."""
    hook: Callable[[], Sequence[StoreType]] = lambda: types  # noqa: E731
    plugins = Plugins([])
    plugins.register(SimpleNamespace(storeorch_store_types=hookimpl(hook)), "tests")
    return plugins


@pytest.fixture
def orchestrate(sandbox: Sandbox) -> Orchestrate:
    return SandboxOrchestrators(sandbox)


@pytest.fixture
def sample_plugins() -> Plugins:
    """Return plugins that offer the sample shop."""
    return offering(SampleShop())
