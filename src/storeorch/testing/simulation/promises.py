"""The promises of storeorch, judged while a history runs: each effect, each commit.

What is promised is listed in the documentation of the architecture. This module
keeps a ledger of its own of who holds which lease, and believes neither the
repository nor the engine. The first breach ends the history.

This module must not know how a history is made.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NoReturn

from typing_extensions import override

from storeorch.lifecycle import TRANSITIONS
from storeorch.models import Claim, Status, Store
from storeorch.ports import Owner, Release, ReleaseStatus, WorkloadState
from storeorch.settings import Settings
from storeorch.testing.clock import VirtualClock
from storeorch.testing.faults import current_process
from storeorch.testing.namespace import Namespace
from storeorch.testing.rows import Row
from storeorch.testing.simulation.doubles import (
    Held,
    SimulatedCluster,
    SimulatedDatabase,
    SimulatedHosts,
)
from storeorch.testing.simulation.journal import Journal, present_claim

WORKER: Final = 1
WRITES: Final = 2
READINESS: Final = 3
NOTHING_LEFT: Final = 4
OWNERSHIP: Final = 5
CONVERGENCE: Final = 6
DURABILITY: Final = 7
SECRECY: Final = 8

_OBSERVATIONS: Final = frozenset({"record", "finish", "remove", "give_back"})
"""Transactions under a lease that write what a pass has seen."""

_DECLARED: Final = ("id", "name", "type", "parameters", "generation", "namespace", "host")
"""What no observation may change."""

_CURRENT: Final = ("status", "observed_generation", "fault", "attempts", "established")
"""What an observation of an older generation may not change either."""

_MANY_PASSES: Final = 100
"""More passes over one store within a second are a loop without a wait."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was not kept.

    Attributes:
        promise: Its number in the documentation of the architecture.
        at: When, in seconds of virtual time.
        text: What happened.
    """

    promise: int
    at: float
    text: str

    @override
    def __str__(self) -> str:
        """Return it in one line."""
        return f"promise {self.promise}, at {self.at:.3f}: {self.text}"


class PromiseBroken(BaseException):
    """Ends whatever has broken a promise, as nothing may catch it."""


@dataclass(slots=True)
class _Grant:
    """A lease, as this module has seen it granted."""

    worker: str
    epoch: int
    until: datetime
    release: Release | None = None
    readiness: set[str | None] = field(default_factory=set)


class Promises:
    """Satisfies ``doubles.Witness``.

    Args:
        clock: The true time, which is the database's too.
        database: Whose rows are judged.
        cluster: What is true of the cluster.
        hosts: What is true of the hosts.
        settings: Backoff.
        digest_of: What a release has to be made from, for a store as declared; None for
            a type without a release.
        journal: Where breaches are noted.

    Attributes:
        breaches: What was not kept.
        broken: Set with the first of them.
        passes: Claims by store id, since ``count_anew``.
        most_passes: The highest count of any store since then.
    """

    def __init__(
        self,
        *,
        clock: VirtualClock,
        database: SimulatedDatabase,
        cluster: SimulatedCluster,
        hosts: SimulatedHosts,
        settings: Settings,
        digest_of: Callable[[Store], str | None],
        journal: Journal,
    ) -> None:
        self.breaches: list[Breach] = []
        self.broken = asyncio.Event()
        self.passes: Counter[str] = Counter()
        self.most_passes = 0
        self._clock = clock
        self._database = database
        self._cluster = cluster
        self._hosts = hosts
        self._settings = settings
        self._digest_of = digest_of
        self._journal = journal
        self._grants: dict[str, _Grant] = {}
        self._forgotten: set[str] = set()
        self._not_before: dict[str, tuple[int, datetime]] = {}
        self._recent: dict[str, list[float]] = {}
        self._credentials: dict[tuple[int, str], tuple[Namespace, Mapping[str, str]]] = {}

    def breach(self, promise: int, text: str) -> NoReturn:
        """Note that a promise was not kept.

        Raises:
            PromiseBroken: Always.
        """
        self.note(promise, text)
        raise PromiseBroken(text)

    def note(self, promise: int, text: str) -> None:
        """Note that a promise was not kept, and go on."""
        breach = Breach(promise, self._clock.monotonic(), text)
        self.breaches.append(breach)
        self._journal.write(breach.at, "promises", str(breach))
        self.broken.set()

    def count_anew(self) -> None:
        """Begin to count passes anew."""
        self.passes.clear()

    def holder(self, store_id: str) -> str | None:
        """Return the worker that holds a store, as far as leases were granted and not ended."""
        grant = self._grants.get(store_id)
        return grant.worker if grant is not None else None

    def secrets(self) -> set[str]:
        """Return every generated credential there ever was."""
        return {value for _, data in self._credentials.values() for value in data.values()}

    # -- effects --------------------------------------------------------------

    def effect(self, verb: str, namespace: str, what: str) -> None:
        """See ``Witness.effect``."""
        claim = self._claim(f"{verb} {what}")
        if claim is None:
            return
        if namespace != claim.store.namespace:
            self.breach(OWNERSHIP, f"{verb} {what} in {namespace}, of another store")
        held = self._cluster.namespaces.get(namespace)
        if held is not None and held.owner_id != claim.store.id:
            self.breach(OWNERSHIP, f"{verb} {what} in {namespace}, which is not the store's")
        if verb == "create" and what.startswith("Namespace/") and claim.store.established:
            self.breach(DURABILITY, f"{namespace} was made anew in the place of lost data")
        if verb == "create" and what.startswith("Secret/") and held is not None:
            self._judge_credentials(held, what.removeprefix("Secret/"))

    def host_changed(self, host: str, owner: Owner) -> None:
        """See ``Witness.host_changed``."""
        claim = self._claim(f"change of the host {host}")
        if claim is not None and (owner.store_id, host) != (claim.store.id, claim.store.host):
            self.breach(OWNERSHIP, f"the host {host} is not the store's")
        self._forgotten.discard(host)

    def saw_release(self, release: Release | None) -> None:
        """See ``Witness.saw_release``."""
        if (grant := self._present_grant()) is not None:
            grant.release = release

    def saw_workloads(self, states: Sequence[WorkloadState]) -> None:
        """See ``Witness.saw_workloads``."""
        grant = self._present_grant()
        release = grant.release if grant is not None else None
        if grant is None or release is None or release.status is not ReleaseStatus.DEPLOYED:
            return
        if {state.ref for state in states if state.ready} >= {*release.workloads}:
            grant.readiness.add(release.digest)

    def _present_grant(self) -> _Grant | None:
        """Return the grant that the present pass works under, if it is the last one."""
        claim = present_claim()
        grant = self._grants.get(claim.store.id) if claim is not None else None
        return grant if grant is not None and claim and grant.epoch == claim.epoch else None

    def forgive_credentials(self, namespace: str, name: str) -> None:
        """A person has deleted credentials; others may come in their place."""
        held = self._cluster.namespaces[namespace]
        if (id(held), name) in self._credentials:
            self._credentials[id(held), f"{name} before {self._clock.monotonic()}"] = (
                self._credentials.pop((id(held), name))
            )

    def forgive_host(self, host: str) -> None:
        """A person has taken a host away, perhaps after a pass has seen that it is there."""
        self._forgotten.add(host)

    def _claim(self, what: str) -> Claim | None:
        """Return the present claim after it was judged, or None for what a person does."""
        claim = present_claim()
        if claim is None:
            if current_process() is not None:
                self.breach(WORKER, f"{what} outside of any pass")
            return None
        self._judge_holder(claim, what)
        return claim

    def _judge_holder(self, claim: Claim, what: str) -> None:
        grant = self._grants.get(claim.store.id)
        by = f"{what} for {claim.store.name} by {claim.worker} under epoch {claim.epoch}"
        if grant is None:
            self.breach(WORKER, f"{by}, which was given back")
        if (grant.worker, grant.epoch) != (claim.worker, claim.epoch):
            self.breach(WORKER, f"{by}, while {grant.worker} has epoch {grant.epoch}")
        if grant.until <= self._clock.now():
            self.breach(WORKER, f"{by}, which had ended at {grant.until:%H:%M:%S.%f}")

    def _judge_credentials(self, held: Namespace, name: str) -> None:
        known = self._credentials.get((id(held), name))
        if known is not None and known[1] != held.secrets[name]:
            self.breach(DURABILITY, f"the credentials in {name} were overwritten")
        self._credentials[id(held), name] = (held, dict(held.secrets[name]))

    # -- commits --------------------------------------------------------------

    def committed(
        self, method: str, before: Mapping[str, Held], now: datetime, claim: Claim | None
    ) -> None:
        """See ``Witness.committed``."""
        for store_id, held in before.items():
            row = self._database.rows.get(store_id)
            if row is None:
                self._judge_removal(method, held, claim)
                continue
            if row.lease_epoch != held.epoch or (
                method == "claim" and row.lease_until != held.until
            ):
                self._judge_claim(row, held, now)
            elif row.lease_owner is not None and row.lease_until != held.until:
                self._judge_renewal(row, now)
            released = held.worker is not None and row.lease_owner is None
            if method in _OBSERVATIONS and (released or row.store != held.store):
                self._judge_observation(method, row, held, now, claim)
            elif method not in {*_OBSERVATIONS, "declare"} and row.store != held.store:
                self.breach(WRITES, f"{method} changed the row of {row.store.name}")
            if released:
                self._grants.pop(store_id, None)

    def _judge_claim(self, row: Row, held: Held, now: datetime) -> None:
        store = row.store
        grant = self._grants.get(store.id)
        if row.lease_epoch <= held.epoch or row.lease_owner is None or row.lease_until is None:
            self.breach(WRITES, f"{store.name} was claimed without a new epoch")
        if grant is not None and grant.until > now:
            self.breach(WORKER, f"{store.name} was claimed while {grant.worker} held it")
        generation, earliest = self._not_before.get(store.id, (0, now))
        if generation == store.generation and now < earliest:
            self.breach(CONVERGENCE, f"{store.name} was tried again before its wait was over")
        self._grants[store.id] = _Grant(row.lease_owner, row.lease_epoch, row.lease_until)
        self.passes[store.id] += 1
        self.most_passes = max(self.most_passes, self.passes[store.id])
        recent = self._recent.setdefault(store.id, [])
        recent.append(self._clock.monotonic())
        if len(recent) > _MANY_PASSES and recent.pop(0) > recent[-1] - 1:
            self.breach(CONVERGENCE, f"{store.name} is worked on without end")

    def _judge_renewal(self, row: Row, now: datetime) -> None:
        grant = self._grants.get(row.store.id)
        if grant is None or row.lease_until is None:
            self.breach(WRITES, f"a lease of {row.store.name} was renewed that is none")
        if grant.until <= now:
            self.breach(WRITES, f"the lease of {row.store.name} was renewed after its end")
        grant.until = row.lease_until

    def _judge_writer(self, what: str, held: Held, claim: Claim | None) -> tuple[Claim, _Grant]:
        grant = self._grants.get(held.store.id)
        if claim is None or grant is None:
            self.breach(WRITES, f"{what} {held.store.name} without a lease")
        if (grant.worker, grant.epoch) != (claim.worker, claim.epoch):
            self.breach(
                WRITES,
                f"{what} {held.store.name} by {claim.worker} under epoch {claim.epoch}, "
                f"while {grant.worker} has epoch {grant.epoch}",
            )
        return claim, grant

    def _judge_observation(
        self, method: str, row: Row, held: Held, now: datetime, claim: Claim | None
    ) -> None:
        claim, grant = self._judge_writer(method, held, claim)
        before, after = held.store, row.store
        changed = [name for name in _DECLARED if getattr(before, name) != getattr(after, name)]
        if changed:
            self.breach(DURABILITY, f"{method} changed what was declared: {', '.join(changed)}")
        if claim.store.generation != before.generation:
            changed = [name for name in _CURRENT if getattr(before, name) != getattr(after, name)]
            if changed:
                what = f"generation {before.generation} of {after.name}: {', '.join(changed)}"
                self.breach(READINESS, f"{method} for an older generation changed {what}")
        if after.status is not before.status and after.status not in TRANSITIONS[before.status]:
            self.breach(WRITES, f"{after.name}: {before.status} -> {after.status}")
        if after.status is Status.READY and before.status is not Status.READY:
            self._judge_ready(after, grant)
        if method == "finish" and after.attempts:
            waits = min(
                self._settings.backoff_cap,
                self._settings.backoff_base * 2.0 ** (after.attempts - 1),
            )
            earliest = now + timedelta(seconds=waits / 2 - 0.01)
            self._not_before[after.id] = (after.generation, earliest)

    def _judge_ready(self, store: Store, grant: _Grant) -> None:
        if store.observed_generation != store.generation:
            self.breach(READINESS, f"{store.name} is ready for a generation that is none")
        digest = self._digest_of(store)
        if digest is not None and digest not in grant.readiness:
            self.breach(READINESS, f"{store.name} is called ready, but was not seen to be")
        known = self._hosts.known.get(store.host) == store.id
        if not known and store.host not in self._forgotten:
            self.breach(READINESS, f"{store.name} is called ready without its host")

    def _judge_removal(self, method: str, held: Held, claim: Claim | None) -> None:
        store = held.store
        self._judge_writer(method, held, claim)
        del self._grants[store.id]
        if store.status is not Status.DELETING:
            self.breach(DURABILITY, f"the row of {store.name} was dropped, which is {store.status}")
        namespace = self._cluster.namespaces.get(store.namespace)
        if namespace is not None and namespace.owner_id == store.id:
            self.breach(NOTHING_LEFT, f"the row of {store.name} is gone before its namespace")
        if store.id in self._hosts.known.values():
            self.breach(NOTHING_LEFT, f"the row of {store.name} is gone before its host")
