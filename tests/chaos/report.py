"""The counts of a run, and what was wrong in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.final_state import FinalState
from tests.chaos.helm_journal import HelmCounts
from tests.chaos.row_audit import Verdict
from tests.chaos.script import Declaration, Disturbance, Fault, Kind, Options, Verb
from tests.chaos.workers import Worker


@dataclass(frozen=True)
class Report:
    """What came of one run.

    Attributes:
        options: How long and how hard it was.
        disturbances: What was done to workers.
        declarations: What was declared.
        faults: How often each thing happened to a server.
        lost_answers: Declarations and waits that were refused and repeated.
        workers: The workers.
        state: What was there at the end.
        helm: What Helm was started for.
        helm_alive: Namespaces for which a Helm was left running.
        rows: What the rows tell.
        releases_at_once: Helm processes of one worker at once, at most.
    """

    options: Options
    disturbances: Sequence[Disturbance]
    declarations: Sequence[Declaration]
    faults: Mapping[Fault, int]
    lost_answers: int
    workers: Sequence[Worker]
    state: FinalState
    helm: HelmCounts
    helm_alive: Sequence[str]
    rows: Verdict
    releases_at_once: int

    @property
    def upgrades_allowed(self) -> int:
        """Return how often Helm may have installed or upgraded: more is a storm.

        Once for each declaration. And once again for each that was interrupted: a
        worker that is killed or stops interrupts as many as it runs, the loss of a
        server those of all workers.
        """
        declared = sum(each.verb is not Verb.DELETE for each in self.declarations)
        everywhere = self.releases_at_once * len(self.workers)
        return (
            declared
            + len(self.disturbances) * self.releases_at_once
            + sum(self.faults.values()) * everywhere
        )

    def violations(self) -> list[str]:
        """Return all that was wrong."""
        wrong = [*self.state.wrong, *self.rows.violations]
        wrong += [each for worker in self.workers for each in worker.wrong]
        if self.helm.overlaps:
            wrong.append(f"{self.helm.overlaps} times two Helms worked on one store")
        if self.helm_alive:
            wrong.append(f"Helm was left running for {', '.join(self.helm_alive)}")
        if self.helm.upgrades > self.upgrades_allowed:
            wrong.append(f"Helm upgraded {self.helm.upgrades} times")
        codes = [code for worker in self.workers for code in worker.exit_codes]
        if any(codes):
            wrong.append(f"workers that were told to end exited with {codes}")
        return wrong

    def lines(self) -> Iterator[str]:
        """Yield the counts as people read them."""
        kinds = Counter(each.kind for each in self.disturbances)
        verbs = Counter(each.verb for each in self.declarations)
        deleted = verbs[Verb.DELETE]
        starts = sum(worker.starts for worker in self.workers)
        found_away = sum(worker.found_away for worker in self.workers)
        rows, helm, state = self.rows, self.helm, self.state
        yield (
            f"run: seed {self.options.seed}, {len(self.workers)} workers,"
            f" lease {self.options.lease:g} s"
        )
        yield (
            f"workers: {kinds[Kind.KILL]} times SIGKILL, {kinds[Kind.STOP]} times SIGSTOP for"
            f" longer than the lease and SIGCONT; {starts} starts, {found_away} of them found a"
            " server away"
        )
        yield "servers: " + "; ".join(f"{fault.value}: {n}" for fault, n in self.faults.items())
        yield (
            f"declared: {verbs[Verb.CREATE]} stores, {verbs[Verb.UPDATE]} updates, {deleted}"
            f" deletions; {self.lost_answers} refusals by a database that was away"
        )
        yield (
            f"stores: {state.as_declared} of {verbs[Verb.CREATE] - deleted} as declared,"
            f" {state.gone} of {deleted} gone without a trace, {state.orphans} orphaned namespaces"
        )
        yield (
            f"helm: {helm.upgrades} upgrades (at most {self.upgrades_allowed}),"
            f" {helm.uninstalls} removals; {helm.most_upgrades} upgrades of one store at most, its"
            f" newest revision {max(state.revisions.values(), default=0)} at most;"
            f" {helm.most_at_once} at once, {helm.overlaps} times two for one store"
        )
        yield (
            f"rows: {rows.claims} leases taken, {rows.handed_over} of them after another worker's"
            f" had run out; {rows.renewals} renewals, {rows.observations} observations,"
            f" {rows.events} events by workers; {len(rows.violations)} by a stale worker"
        )
