"""One store, one pass: walk the steps, and write what was seen.

The reconciler is level-triggered: it remembers nothing between passes, and any
pass may be the first after a crash. It holds the store's lease and writes under
it. It knows ports and steps; it must not know how stores are chosen nor when.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from storeorch import lifecycle
from storeorch.clock import RemoteClock
from storeorch.errors import (
    DeadlineExceeded,
    EnvironmentNotReady,
    InternalError,
    InvalidParameters,
    LeaseLost,
    StoreorchError,
    WorkloadFailed,
)
from storeorch.lifecycle import Action, Progress
from storeorch.models import (
    Claim,
    Condition,
    EventKind,
    Fault,
    NewEvent,
    Observation,
    Status,
    Store,
)
from storeorch.ports import Clock, Cluster, Hosts, Releases, Repository, Visitor
from storeorch.redaction import new_error_id
from storeorch.settings import Settings
from storeorch.storetype import Done, Outcome, Step, StoreContext, StoreType, Waiting
from storeorch.workqueue import backoff

log = logging.getLogger("storeorch")
operator_log = logging.getLogger("storeorch.operator")

_PENDING: Final = "Pending"
_RESYNC_JITTER: Final = 0.2
"""Share of the resync interval by which it varies, so that stores spread out."""

_AWAY_SECONDS: Final = 30.0
"""Longest wait for a cluster, a Helm or a right that is missing: they come back without a
sign, and a store that only waits for them should not wait much longer than they were away."""


@dataclass(frozen=True, slots=True)
class World:
    """The ports that steps are given.

    Attributes:
        cluster: The cluster.
        releases: Helm.
        hosts: Where hosts are made known.
        clock: Time.
        visitor: Asks for pages of stores; None where no store is asked.
    """

    cluster: Cluster
    releases: Releases
    hosts: Hosts
    clock: Clock
    visitor: Visitor | None = None


@dataclass(slots=True)
class _Pass:
    """What one pass has seen so far."""

    claim: Claim
    clock: Clock
    actor: str
    store: Store
    conditions: dict[str, Condition]
    events: list[NewEvent] = field(default_factory=list)
    url: str | None = None
    fault: Fault | None = None
    waiting: Waiting | None = None
    look_again_in: float | None = None
    away: bool = False
    changed: bool = False

    def observation(self, status: Status, observed_generation: int, attempts: int) -> Observation:
        return Observation(
            status=status,
            observed_generation=observed_generation,
            conditions=tuple(self.conditions.values()),
            url=self.url,
            fault=self.fault,
            attempts=attempts,
            established=self.store.established or status is Status.READY,
        )


class Reconciler:
    """Takes one store one pass nearer to its declaration.

    Args:
        repository: Where observations are written.
        type_of: Returns the store type of that name or raises ``UnknownStoreType``.
        world: The ports that steps are given.
        settings: Deadlines, backoff and the settings that steps see.
        rng: Source of jitter.
    """

    def __init__(
        self,
        *,
        repository: Repository,
        type_of: Callable[[str], StoreType],
        world: World,
        settings: Settings,
        rng: random.Random | None = None,
    ) -> None:
        self._repository = repository
        self._type_of = type_of
        self._world = world
        self._settings = settings
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret

    async def reconcile(self, claim: Claim) -> None:
        """Run one pass and give the lease back.

        Raises:
            LeaseLost: Another worker has taken the store over; nothing was written.
            DatabaseUnavailable: What was seen could not be written.
        """
        action = lifecycle.decide(claim.store)
        if action is Action.REST:
            await self._repository.give_back(claim, due_in=None)
            return
        run = _Pass(
            claim=claim,
            # The database's time: what is compared with it was written by it, or will be read by
            # other workers, and this machine's clock may be wrong.
            clock=RemoteClock(claim.at, self._world.clock.monotonic),
            actor=claim.worker,
            store=claim.store,
            conditions={condition.type: condition for condition in claim.store.conditions},
            url=claim.store.url,
        )
        step: Step | None = None
        behind: list[Step] = []
        try:
            store_type = self._type_of(claim.store.type)
            parameters = _parameters(store_type, claim.store, action)
            steps = list(store_type.steps())
            if action is Action.REMOVE:
                steps.reverse()
            for number, step in enumerate(steps, 1):
                behind = steps[number:]
                if step.slow and run.changed:
                    await self._record(run)
                outcome = await self._take(run, step, action, parameters)
                if isinstance(outcome, Waiting):
                    run.waiting = outcome
                    break
            progress = Progress.COMPLETE if run.waiting is None else Progress.WAITING
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - one store's defect must not stop the engine
            progress = self._explain(run, step, error)
        # What a transient error hid is still as it was seen last.
        if action is Action.APPLY and progress in {Progress.WAITING, Progress.FAILED}:
            self._mark_pending(run, behind)
        await self._conclude(run, action, progress)

    async def _take(self, run: _Pass, step: Step, action: Action, parameters: BaseModel) -> Outcome:
        """Take one step and note what it answered."""
        ctx = StoreContext(
            store=run.store.model_copy(update={"conditions": tuple(run.conditions.values())}),
            parameters=parameters,
            settings=self._settings,
            cluster=self._world.cluster,
            releases=self._world.releases,
            hosts=self._world.hosts,
            clock=run.clock,
            visitor=self._world.visitor,
        )
        started = self._world.clock.monotonic()
        if action is Action.APPLY:
            outcome = await step.apply(ctx)
            holds = isinstance(outcome, Done)
        else:
            outcome = await step.remove(ctx)
            holds = False
        duration = self._world.clock.monotonic() - started
        if isinstance(outcome, Waiting):
            reason = outcome.reason
        else:
            reason = outcome.reason if action is Action.APPLY else "Removed"
            run.url = outcome.url or run.url
            self._note(run, step, outcome, duration)
        self._set(run, step, reason, outcome.message, holds=holds, duration=duration)
        return outcome

    @staticmethod
    def _note(run: _Pass, step: Step, outcome: Done, duration: float) -> None:
        """Take over what a step wants to be kept, and when it wants to be asked again."""
        run.changed = run.changed or bool(outcome.notes)
        for note in outcome.notes:
            run.events.append(
                NewEvent(
                    kind=EventKind.STEP,
                    reason=note.reason,
                    message=note.message,
                    actor=run.actor,
                    step=step.name,
                    duration=duration,
                )
            )
        if outcome.look_again_in is not None:
            sooner = [outcome.look_again_in, run.look_again_in]
            run.look_again_in = min(each for each in sooner if each is not None)

    def _set(
        self,
        run: _Pass,
        step: Step,
        reason: str,
        message: str,
        *,
        holds: bool,
        duration: float | None = None,
    ) -> None:
        """Compute a condition anew; a change of it is an event."""
        before = run.conditions.get(step.condition)
        flipped = before is None or before.status is not holds
        run.conditions[step.condition] = Condition(
            type=step.condition,
            status=holds,
            reason=reason,
            message=message,
            since=run.clock.now() if before is None or flipped else before.since,
        )
        if before is not None and (before.status, before.reason) == (holds, reason):
            return
        run.changed = True
        if reason != _PENDING:
            run.events.append(
                NewEvent(
                    kind=EventKind.STEP,
                    reason=reason,
                    message=message,
                    actor=run.actor,
                    step=step.name,
                    duration=duration,
                )
            )

    def _mark_pending(self, run: _Pass, steps: Sequence[Step]) -> None:
        """Say of the steps behind the one where the walk ended that they are not reached."""
        for step in steps:
            self._set(run, step, _PENDING, "It waits for the steps before it.", holds=False)

    def _explain(self, run: _Pass, step: Step | None, error: Exception) -> Progress:
        """Turn an error into a fault for users and a line in the operator's log."""
        known = error if isinstance(error, StoreorchError) else InternalError()
        store = run.store
        overdue = self._overdue(run, known)
        run.away = isinstance(known, EnvironmentNotReady)
        told: StoreorchError = known
        if overdue and not isinstance(known, DeadlineExceeded):
            told = DeadlineExceeded(
                f"It did not succeed within {self._settings.provision_timeout:g} seconds: "
                f"{known.message}",
                hint=known.hint,
            )
        same = store.fault is not None and (store.fault.code, store.fault.message) == (
            told.code,
            told.message,
        )
        error_id = new_error_id()
        operator_log.error(
            "pass failed",
            exc_info=error,
            extra={
                "error_id": error_id,
                "store_id": store.id,
                "store_name": store.name,
                "step": step.name if step else None,
            },
        )
        run.fault = Fault(code=told.code, message=told.message, hint=told.hint, error_id=error_id)
        reason = told.reason if isinstance(told, WorkloadFailed) else type(told).__name__
        if step is not None:
            self._set(run, step, reason, told.message, holds=False)
        if not same:
            run.events.append(
                NewEvent(
                    kind=EventKind.ERROR,
                    reason=reason,
                    message=told.message,
                    actor=run.actor,
                    step=step.name if step else None,
                    error_id=error_id,
                )
            )
        if told.retryable or store.status is Status.DELETING:
            return Progress.RETRYING
        return Progress.FAILED

    def _overdue(self, run: _Pass, error: StoreorchError) -> bool:
        """Say whether trying again has lasted too long; a missing environment never has."""
        if isinstance(error, EnvironmentNotReady) or not error.retryable:
            return False
        store = run.store
        if store.status not in {Status.PROVISIONING, Status.UPDATING}:
            return False
        age = (run.clock.now() - store.declared_at).total_seconds()
        return age > self._settings.provision_timeout

    async def _record(self, run: _Pass) -> None:
        """Write what was seen so far, before something that takes long."""
        store = run.store
        observation = run.observation(store.status, store.observed_generation, store.attempts)
        observation = observation.model_copy(update={"fault": store.fault})
        await self._repository.record(run.claim, observation, run.events)
        run.events.clear()
        run.changed = False

    async def _conclude(self, run: _Pass, action: Action, progress: Progress) -> None:
        if action is Action.REMOVE and progress is Progress.COMPLETE:
            await self._remove_row(run)
            return
        before = run.store.status
        after = lifecycle.conclude(before, progress)
        # A degraded store whose failure is permanent is not tried again: it is watched.
        tried = progress is Progress.RETRYING or after is Status.FAILED
        attempts = run.store.attempts + 1 if tried else 0
        if progress is Progress.WAITING and after is Status.DEGRADED and run.waiting is not None:
            run.fault = Fault(code="degraded", message=run.waiting.message)
        if after is not before:
            run.events.append(self._transition(run, after))
        observation = run.observation(after, run.store.generation, attempts)
        due_in = self._due_in(after, progress, run, attempts)
        store = await self._repository.finish(run.claim, observation, run.events, due_in=due_in)
        if store.status is not before:
            log.info("store %s: %s -> %s", store.name, before.value, store.status.value)

    async def _remove_row(self, run: _Pass) -> None:
        run.events.append(
            NewEvent(
                kind=EventKind.DELETED,
                reason="Deleted",
                message=f"The store {run.store.name} is gone.",
                actor=run.actor,
            )
        )
        await self._repository.remove(run.claim, run.events)
        log.info("store %s: deleted", run.store.name)

    def _transition(self, run: _Pass, after: Status) -> NewEvent:
        because = f" {run.fault.message}" if run.fault else ""
        return NewEvent(
            kind=EventKind.TRANSITION,
            reason=after.value.capitalize(),
            message=f"The store {run.store.name} is {after.value}.{because}",
            actor=run.actor,
            status=after,
            error_id=run.fault.error_id if run.fault else None,
        )

    def _due_in(
        self, status: Status, progress: Progress, run: _Pass, attempts: int
    ) -> float | None:
        resync = self._settings.resync_interval
        resync *= 1 + _RESYNC_JITTER * (self._rng.random() - 0.5)
        if progress is Progress.RETRYING:
            return backoff(
                attempts,
                base=self._settings.backoff_base,
                cap=min(self._settings.backoff_cap, _AWAY_SECONDS if run.away else math.inf),
                rng=self._rng,
            )
        if status is Status.FAILED:
            return None
        waits = (run.look_again_in, run.waiting.look_again_in if run.waiting else None)
        return min([max(seconds, 0.0) for seconds in waits if seconds is not None] + [resync])


def _parameters(store_type: StoreType, store: Store, action: Action) -> BaseModel:
    """Check the parameters; a removal must not fail because a newer plugin refuses them."""
    try:
        return store_type.check(store.parameters)
    except InvalidParameters:
        if action is not Action.REMOVE:
            raise
        return store_type.parameters.model_construct()
