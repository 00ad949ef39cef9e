"""Ask the store itself, through the ingress: is it open for customers?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from storeorch.errors import DeadlineExceeded
from storeorch.ports import Visit
from storeorch.steps.workloads import WorkloadsStep
from storeorch.storetype import Done, Outcome, Step, StoreContext, Waiting

_FIRST_ERROR: Final = 400
_LOOK_AGAIN_SECONDS: Final = 1.0
"""How soon a store that does not serve yet is asked again."""

_LOOK_AGAIN_SETTLED: Final = 15.0
"""How soon a store that was open and is not now is asked again."""


@dataclass(frozen=True, slots=True)
class ServedPage:
    """A page that a store has to serve before it counts as ready.

    Attributes:
        path: Path below the store's address.
        lists: The answer is JSON and holds a list under this key, or is one itself
            where the key is empty, and it may not be empty; None asks for no JSON.
    """

    path: str = "/"
    lists: str | None = None

    def trouble_with(self, visit: Visit) -> str | None:
        """Say in one sentence what is wrong with an answer; None if nothing is."""
        if visit.status is None:
            return visit.trouble
        if visit.status >= _FIRST_ERROR:
            return f"The store answers with the HTTP status {visit.status} at {self.path}"
        if self.lists is not None and not _listed(visit.body, self.lists):
            return f"The store has nothing to show at {self.path}"
        return None


class StorefrontStep(Step):
    """Visits pages of the store as a customer would.

    Where pods do not run for real, on simulated nodes, nobody is asked.

    Args:
        *pages: All of them have to be served.
    """

    name = "storefront"
    condition = "StorefrontReady"

    def __init__(self, *pages: ServedPage) -> None:
        self._pages = pages

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        if not self._pages or ctx.visitor is None or not await ctx.cluster.runs_containers():
            return Done("The store itself is not asked.", reason="NotAsked")
        for page in self._pages:
            trouble = page.trouble_with(await ctx.visitor.visit(f"{ctx.url}{page.path}"))
            if trouble is not None:
                return self._not_yet(ctx, trouble)
        return Done("The store serves its pages.")

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        return Done("The pages go with the release.")

    @staticmethod
    def _not_yet(ctx: StoreContext, trouble: str) -> Outcome:
        if ctx.settled:
            return Waiting("NotServing", trouble, _LOOK_AGAIN_SETTLED)
        ran = ctx.store.condition(WorkloadsStep.condition)
        since = max(ran.since, ctx.store.declared_at) if ran else ctx.store.declared_at
        if (ctx.clock.now() - since).total_seconds() > ctx.settings.provision_timeout:
            raise DeadlineExceeded(
                f"Not serving within {ctx.settings.provision_timeout:g} seconds: {trouble}",
                hint="See what the store writes with: storeorch store logs "
                f"{ctx.store.name}. If the engine cannot reach the ingress by the store's "
                "host, set STOREORCH_PROBE_ADDRESS. A status of 404 may be the ingress "
                "controller's own: see what it says of the store's Ingress or HTTPRoute.",
            )
        return Waiting("NotServing", trouble, _LOOK_AGAIN_SECONDS)


def _listed(body: bytes, key: str) -> bool:
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return False
    found = answer.get(key) if isinstance(answer, dict) else answer
    return isinstance(found, list) and bool(found)
