"""The web app with a store type that needs no cluster: what ``web_load`` puts load on."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from typing_extensions import override

from storeorch import Done, Orchestrator, Outcome, Step, StoreContext, StoreType, hookimpl
from storeorch.clock import SystemClock
from storeorch.plugins import Plugins
from storeorch.testing import MemoryCluster, MemoryHosts, MemoryReleases
from storeorch.wiring import Adapters
from storeorch_webapp import WebSettings, create_app
from storeorch_webapp.server import listen, serve


class First(Step):
    """Is done at once."""

    name = "first"
    condition = "FirstDone"

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        return Done("The first step is done.")

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        return Done("The first step is undone.")


class Second(First):
    """Is done at once, too, and knows the address."""

    name = "second"
    condition = "SecondDone"

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        return Done("The second step is done.", url=ctx.url)


class Instant(StoreType):
    """A store that is ready as soon as an engine has looked at it."""

    name = "instant"

    @override
    def steps(self) -> Sequence[Step]:
        return (First(), Second())


def main() -> None:
    """Serve the app on a cluster in memory, and on the database that the settings name."""
    settings = WebSettings.load()
    clock = SystemClock()
    plugins = Plugins([])
    offered: Any = hookimpl(lambda: [Instant()])
    plugins.register(SimpleNamespace(storeorch_store_types=offered), "load")

    def adapters() -> Adapters:
        cluster = MemoryCluster(clock)
        releases = MemoryReleases(cluster, max_processes=1)

        async def close() -> None:
            pass

        return Adapters(cluster, releases, MemoryHosts(), close)

    def orchestrator() -> Orchestrator:
        return Orchestrator(settings.library(), plugins, adapters=adapters, clock=clock)

    app = create_app(settings, orchestrator=orchestrator)
    serve(app, listen(settings), lambda address: print("serving", address, flush=True))
