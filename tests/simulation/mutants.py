"""Defects on purpose, one promise each: the simulator has to notice every one of them.

Each is a context manager that breaks the product while it is entered: engine,
reconciler and steps, and where the promise is kept by a port, the double of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from storeorch import engine, fencing, lifecycle, reconciler
from storeorch.engine import Engine
from storeorch.errors import InternalError
from storeorch.fencing import Lease
from storeorch.lifecycle import Action, Progress
from storeorch.models import Claim, NewEvent, Observation, Status
from storeorch.names import ownership_labels
from storeorch.ports import Cluster, NamespacePhase, Owner, Release, ReleaseStatus
from storeorch.reconciler import Reconciler
from storeorch.steps import (
    AddressStep,
    CredentialsStep,
    NamespaceStep,
    ReleaseStep,
    WorkloadsStep,
)
from storeorch.steps import release as release_module
from storeorch.steps import workloads as workloads_module
from storeorch.storetype import Done, Outcome, StoreContext
from storeorch.testing import MemoryCluster, MemoryRepository
from storeorch.testing.namespace import Namespace
from storeorch.testing.rows import Row

Mutant = Callable[[], AbstractContextManager[object]]
MUTANTS: Final[dict[str, Mutant]] = {}


def mutant(make: Callable[[], Iterator[None]]) -> Mutant:
    """Keep a mutant under its function's name."""
    entered = contextmanager(make)
    MUTANTS[make.__name__] = entered
    return entered


# -- leases -------------------------------------------------------------------


@mutant
def epoch_dropped_from_writes() -> Iterator[None]:
    """Whoever has held a store once may write what it saw."""
    with patch.object(Row, "is_held_by", lambda self, claim: True):
        yield


@mutant
def claim_without_checking_the_lease() -> Iterator[None]:
    with patch.object(Row, "is_free", lambda self, now: True):
        yield


@mutant
def renewed_after_its_end() -> Iterator[None]:
    async def renew(
        self: MemoryRepository, worker: str, leases: Mapping[str, int], *, lease: float
    ) -> Mapping[str, int]:
        def commit(now: datetime) -> Mapping[str, int]:
            held = {}
            for store_id, epoch in leases.items():
                row = self.rows.get(store_id)
                if row is not None and (row.lease_owner, row.lease_epoch) == (worker, epoch):
                    row.lease_until = now + timedelta(seconds=lease)
                    held[store_id] = row.store.generation
            return held

        return await self._transact("renew", commit)

    with patch.object(MemoryRepository, "renew", renew):
        yield


@mutant
def pass_not_cancelled_at_the_end_of_its_lease() -> Iterator[None]:
    def never(task: asyncio.Task[None], lease: Lease) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(1e6, task.cancel)

    with patch.object(engine, "_cancel_at_end", never):
        yield


@mutant
def lease_believed_for_too_long() -> Iterator[None]:
    """The margin between the last renewal and the takeover by another is gone."""

    def until(self: Engine, asked_at: float) -> float:
        return asked_at + 2 * self._settings.lease_duration

    with patch.object(Engine, "_until", until):
        yield


@mutant
def fencing_ignored() -> Iterator[None]:
    """Ports do not ask whether the lease still holds."""
    with patch.object(fencing, "check_lease", lambda: None):
        yield


@mutant
def lease_not_given_back() -> Iterator[None]:
    async def keep(self: Engine, claim: Claim, *, due_in: float) -> None:
        return None

    with patch.object(Engine, "_give_back", keep):
        yield


@mutant
def lease_given_back_while_the_pass_goes_on() -> Iterator[None]:
    """A slow step runs without a lease: what was seen before it concludes the pass."""

    async def record(self: Reconciler, run: Any) -> None:
        await self._repository.give_back(run.claim, due_in=None)

    with patch.object(Reconciler, "_record", record):
        yield


@mutant
def no_backoff() -> Iterator[None]:
    with patch.object(reconciler, "backoff", lambda attempts, **how: 0.0):
        yield


# -- readiness ----------------------------------------------------------------


@mutant
def ready_before_anything_was_observed() -> Iterator[None]:
    async def apply(self: WorkloadsStep, ctx: StoreContext) -> Outcome:
        return Done("All workloads are ready.")

    with patch.object(WorkloadsStep, "apply", apply):
        yield


class _Watched:
    """A cluster of which only what was watched is asked for."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def workloads(self, namespace: str, refs: Any, *, live: bool = False) -> Any:
        return await self._cluster.workloads(namespace, refs)


@mutant
def readiness_believed_from_the_watch() -> Iterator[None]:
    apply = WorkloadsStep.apply

    async def watched(self: WorkloadsStep, ctx: StoreContext) -> Outcome:
        return await apply(self, replace(ctx, cluster=_Watched(ctx.cluster)))

    with patch.object(WorkloadsStep, "apply", watched):
        yield


@mutant
def pending_release_taken_for_deployed() -> Iterator[None]:
    async def any_release(ctx: StoreContext, digest: str, *, live: bool = False) -> Release | None:
        found = await ctx.releases.get(ctx.namespace, ctx.store.helm_release, live=True)
        good = {ReleaseStatus.DEPLOYED, ReleaseStatus.PENDING}
        return found if found is not None and found.status in good else None

    with (
        patch.object(release_module, "deployed_release", any_release),
        patch.object(workloads_module, "deployed_release", any_release),
    ):
        yield


@mutant
def update_without_an_upgrade() -> Iterator[None]:
    """A release that is deployed will do, whatever it was made from."""

    async def any_digest(ctx: StoreContext, digest: str, *, live: bool = False) -> Release | None:
        found = await ctx.releases.get(ctx.namespace, ctx.store.helm_release, live=True)
        return found if found is not None and found.status is ReleaseStatus.DEPLOYED else None

    with (
        patch.object(release_module, "deployed_release", any_digest),
        patch.object(workloads_module, "deployed_release", any_digest),
    ):
        yield


@mutant
def observation_of_an_older_generation_taken_for_current() -> Iterator[None]:
    observe = MemoryRepository._observe

    def current(
        self: MemoryRepository,
        claim: Claim,
        observation: Observation,
        news: Sequence[NewEvent],
        now: datetime,
    ) -> Row:
        row = self._held(claim)
        newer = claim.store.model_copy(update={"generation": row.store.generation})
        return observe(self, claim.model_copy(update={"store": newer}), observation, news, now)

    with patch.object(MemoryRepository, "_observe", current):
        yield


# -- removal ------------------------------------------------------------------


@mutant
def row_dropped_before_its_namespace() -> Iterator[None]:
    conclude = Reconciler._conclude

    async def at_once(self: Reconciler, run: Any, action: Action, progress: Progress) -> None:
        if action is Action.REMOVE and progress is Progress.WAITING:
            progress = Progress.COMPLETE
        await conclude(self, run, action, progress)

    with patch.object(Reconciler, "_conclude", at_once):
        yield


@mutant
def namespace_not_waited_for() -> Iterator[None]:
    async def remove(self: NamespaceStep, ctx: StoreContext) -> Outcome:
        state = await ctx.cluster.namespace(ctx.namespace, live=True)
        if state.phase is NamespacePhase.ACTIVE and state.owner_id == ctx.store.id:
            await ctx.cluster.delete_namespace(ctx.namespace, ctx.owner)
        return Done("The namespace will go.")

    with patch.object(NamespaceStep, "remove", remove):
        yield


@mutant
def host_left_behind() -> Iterator[None]:
    async def remove(self: AddressStep, ctx: StoreContext) -> Outcome:
        return Done("The host is left.")

    with patch.object(AddressStep, "remove", remove):
        yield


@mutant
def namespace_deleted_without_checking_its_owner() -> Iterator[None]:
    async def remove(self: NamespaceStep, ctx: StoreContext) -> Outcome:
        state = await ctx.cluster.namespace(ctx.namespace, live=True)
        if state.phase is NamespacePhase.ABSENT:
            return Done("The namespace is gone.")
        await ctx.cluster.delete_namespace(ctx.namespace, Owner(state.owner_id or "", ""))
        return Done("The namespace will go.")

    async def delete(self: MemoryCluster, name: str, owner: Owner) -> None:
        await self._enter("delete_namespace")
        if name in self.namespaces:
            self.note("delete", name, f"Namespace/{name}")
            self.terminate(name)

    with (
        patch.object(NamespaceStep, "remove", remove),
        patch.object(MemoryCluster, "delete_namespace", delete),
    ):
        yield


@mutant
def namespace_taken_over_from_somebody_else() -> Iterator[None]:
    async def apply(self: NamespaceStep, ctx: StoreContext) -> Outcome:
        await ctx.cluster.create_namespace(ctx.namespace, ctx.owner)
        return Done("The namespace exists.")

    async def create(
        self: MemoryCluster, name: str, owner: Owner, *, labels: Mapping[str, str] | None = None
    ) -> bool:
        await self._enter("create_namespace")
        held = self.namespaces.setdefault(name, Namespace({}))
        held.labels.update(ownership_labels(owner.store_name, owner.store_id))
        self.changed(name)
        return True

    with (
        patch.object(NamespaceStep, "apply", apply),
        patch.object(MemoryCluster, "create_namespace", create),
    ):
        yield


# -- what must last -----------------------------------------------------------


@mutant
def credentials_overwritten() -> Iterator[None]:
    """They are generated anew with each pass of a store that was not ready yet."""

    async def create(
        self: MemoryCluster,
        namespace: str,
        name: str,
        data: Callable[[], Mapping[str, str]],
        owner: Owner,
    ) -> bool:
        await self._enter("create_secret")
        held = self._active(namespace)
        held.secrets[name] = dict(data())
        held.objects["Secret", name] = {"kind": "Secret", "metadata": {"name": name}}
        self.note("create", namespace, f"Secret/{name}")
        return True

    with patch.object(MemoryCluster, "create_secret", create):
        yield


@mutant
def lost_data_papered_over() -> Iterator[None]:
    """An empty store comes in the place of one that had data, and nobody has asked for it."""

    def forgetful(step: type[Any]) -> AbstractContextManager[object]:
        apply = step.apply

        async def anew(self: Any, ctx: StoreContext) -> Outcome:
            store = ctx.store.model_copy(update={"established": False})
            outcome: Outcome = await apply(self, replace(ctx, store=store))
            return outcome

        return patch.object(step, "apply", anew)

    with forgetful(NamespaceStep), forgetful(CredentialsStep), forgetful(ReleaseStep):
        yield


@mutant
def declaration_overwritten_by_an_observation() -> Iterator[None]:
    """A pass writes the whole row back as it was when it was claimed."""
    observe = MemoryRepository._observe

    def whole(
        self: MemoryRepository,
        claim: Claim,
        observation: Observation,
        news: Sequence[NewEvent],
        now: datetime,
    ) -> Row:
        self._held(claim).store = claim.store
        return observe(self, claim, observation, news, now)

    with patch.object(MemoryRepository, "_observe", whole):
        yield


@mutant
def transient_error_taken_for_permanent() -> Iterator[None]:
    explain = Reconciler._explain

    def hopeless(self: Reconciler, run: Any, step: Any, error: Exception) -> Progress:
        explain(self, run, step, error)
        return Progress.RETRYING if run.store.status is Status.DELETING else Progress.FAILED

    with patch.object(Reconciler, "_explain", hopeless):
        yield


@mutant
def deletion_that_fails_ends_in_failed() -> Iterator[None]:
    decide = lifecycle.decide

    def resting(store: Any) -> Action:
        if store.status is Status.DELETING and store.attempts:
            return Action.REST
        return decide(store)

    with patch.object(lifecycle, "decide", resting):
        yield


@mutant
def foreign_text_told_to_users() -> Iterator[None]:
    explain = Reconciler._explain

    def talkative(self: Reconciler, run: Any, step: Any, error: Exception) -> Progress:
        return explain(self, run, step, InternalError(f"{error} {error.__cause__}"))

    with patch.object(Reconciler, "_explain", talkative):
        yield
