"""Watch the release's workloads become ready, and say early why they cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from typing_extensions import override

from storeorch.errors import DeadlineExceeded, WorkloadFailed
from storeorch.models import Status
from storeorch.ports import Problem, ReleaseRequest, WorkloadState
from storeorch.steps import drift
from storeorch.steps.release import ReleaseStep, deployed_release
from storeorch.storetype import Done, Outcome, Step, StoreContext, Waiting

_SETTLING_SECONDS: Final = 3.0
"""After a new declaration, what is seen may still be of the one before it: the cluster's
controllers need a moment, and its events have whole seconds."""


class WorkloadsStep(Step):
    """Observes every Deployment, StatefulSet and Job of the release.

    Readiness that is written for a declaration was seen on the cluster itself,
    never only in what was watched: the watch may lag behind an upgrade.

    Args:
        request_for: Says what the release of a store is made from.
    """

    name = "workloads"
    condition = "WorkloadsReady"

    def __init__(self, request_for: Callable[[StoreContext], ReleaseRequest]) -> None:
        self._request_for = request_for

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        request = self._request_for(ctx)
        release = await deployed_release(ctx, request.digest)
        changing = Waiting("ReleaseChanged", "The Helm release changed and is looked at again.", 1)
        if release is None:
            return changing
        confirmed = ctx.store.status is Status.READY
        states = await ctx.cluster.workloads(ctx.namespace, release.workloads)
        if all(state.ready for state in states) and not confirmed:
            # The watch may also show a release from before an upgrade that was cut short.
            release = await deployed_release(ctx, request.digest, live=True)
            if release is None:
                return changing
            states = await ctx.cluster.workloads(ctx.namespace, release.workloads, live=True)
        unready = [state for state in states if not state.ready]
        if not unready:
            done = Done(f"All {len(states)} workloads are ready.")
            if ctx.settled or await drift.begin(ctx, release):
                return done
            # Somebody has changed something meanwhile: what is settled is held to its manifests.
            return replace(done, look_again_in=0)
        if not ctx.settled and ctx.store.generation > 1:
            await ctx.cluster.nudge(
                ctx.namespace,
                [state.ref for state in unready],
                token=str(ctx.store.generation),
                since=ctx.store.declared_at,
            )
        return await self._explain(ctx, unready)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        return Done("The workloads go with the release.")

    async def _explain(self, ctx: StoreContext, unready: Sequence[WorkloadState]) -> Outcome:
        problems = await ctx.cluster.problems(ctx.namespace, since=ctx.store.declared_at)
        first = unready[0]
        message = f"{first.ref.kind} {first.ref.name}: {first.message}"
        for problem in problems:
            if self._is_final(ctx, problem):
                settling = self._settling_left(ctx)
                if settling > 0:
                    return Waiting("WorkloadsNotReady", message, settling)
                raise WorkloadFailed(problem.message, hint=problem.hint, reason=problem.reason)
        left = None
        if not ctx.settled:
            left = ctx.settings.provision_timeout - self._elapsed(ctx)
            if left <= 0:
                names = ", ".join(f"{state.ref.kind} {state.ref.name}" for state in unready)
                because = f" {problems[0].message}" if problems else ""
                raise DeadlineExceeded(
                    f"Not ready within {ctx.settings.provision_timeout:g} seconds: "
                    f"{names}.{because}"
                )
        if problems:
            grace = self._grace_left(ctx, problems[0])
            waits = [seconds for seconds in (left, grace) if seconds is not None]
            look_again = min(waits) if waits else None
            return Waiting(problems[0].reason, problems[0].message, look_again)
        return Waiting("WorkloadsNotReady", message, left)

    @staticmethod
    def _is_final(ctx: StoreContext, problem: Problem) -> bool:
        if not problem.fatal:
            return False
        limits = {
            "CrashLoop": ctx.settings.crash_limit,
            "OutOfMemory": ctx.settings.crash_limit,
            "Unschedulable": ctx.settings.unschedulable_grace,
        }
        return problem.weight >= limits.get(problem.reason, 0)

    @staticmethod
    def _settling_left(ctx: StoreContext) -> float:
        store = ctx.store
        if ctx.settled or store.generation == 1:
            return 0
        left = _SETTLING_SECONDS - (ctx.clock.now() - store.declared_at).total_seconds()
        # In the first pass for a declaration, Helm has only just ended.
        return max(left, 1) if store.observed_generation < store.generation else left

    @staticmethod
    def _grace_left(ctx: StoreContext, problem: Problem) -> float | None:
        if problem.reason != "Unschedulable":
            return None
        return max(ctx.settings.unschedulable_grace - problem.weight, 0) + 1

    @staticmethod
    def _elapsed(ctx: StoreContext) -> float:
        installed = ctx.store.condition(ReleaseStep.condition)
        since: datetime = installed.since if installed else ctx.store.declared_at
        return (ctx.clock.now() - max(since, ctx.store.declared_at)).total_seconds()
