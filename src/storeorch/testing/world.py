"""What is true in the in-memory cluster, what happens there by itself, and who sees it.

Pods start some time after their workload was made, namespaces end some time after
their deletion was asked for, and a watch sees all of it some time later. The
methods that tests call to break things are here too.

This module must know no port's methods but the clock's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from storeorch.ports import Clock, ObjectRef, Problem, WorkloadRef
from storeorch.testing.agenda import Agenda
from storeorch.testing.namespace import (
    ABSENT,
    PARTS,
    Namespace,
    Trouble,
    View,
    Workload,
    claim_of,
)
from storeorch.testing.watcher import Watcher

_RAREST: Final = 300.0
"""Longest wait between two attempts of the cluster, in seconds, as for crash loops."""


@dataclass(frozen=True, slots=True)
class Change:
    """One effect on the cluster, for tests that count or compare them.

    Attributes:
        at: When, by the clock's ``monotonic``.
        verb: ``create``, ``apply``, ``install``, ``delete``, …
        namespace: Where.
        what: Kind and name of the object.
    """

    at: float
    verb: str
    namespace: str
    what: str


class World:
    """The cluster behind ``MemoryCluster`` and ``MemoryReleases``.

    Args:
        clock: Time.
        ready_lag: Seconds from a workload's start until it is ready.
        terminating_lag: Seconds from a namespace's deletion until it is gone.
        watch_lag: Seconds until a watch sees what happened.

    Attributes:
        namespaces: The truth, by name.
        journal: Every effect that was asked for through a port, in order.
        watch_is_deaf: While True a watch sees nothing and says nothing, like a
            connection that died in silence.
        deaf_to: Which of the ``PARTS`` of a namespace are not seen, while others are.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ready_lag: float = 1.0,
        terminating_lag: float = 1.0,
        watch_lag: float = 0.0,
    ) -> None:
        self.namespaces: dict[str, Namespace] = {}
        self.journal: list[Change] = []
        self.ready_lag = ready_lag
        self.terminating_lag = terminating_lag
        self.watch_lag = watch_lag
        self.watch_is_deaf = False
        self.deaf_to: set[str] = set()
        self._clock = clock
        self._agenda = Agenda(clock)
        self._unavailable = False
        self._seen: dict[str, View] = {}
        self._version = 0
        self._identities = 0
        self._listed_at = 0
        self._watchers: dict[Watcher, None] = {}
        self._troubles: dict[tuple[str, WorkloadRef], Trouble] = {}
        self._warnings: dict[str, list[tuple[datetime, Problem]]] = {}

    # -- what tests do to it --------------------------------------------------

    @property
    def unavailable(self) -> bool:
        """Whether the API server is away; a watch looks at everything anew afterwards."""
        return self._unavailable

    @unavailable.setter
    def unavailable(self, away: bool) -> None:
        self._unavailable = away
        if not away:
            self.relist()

    def fail_workload(
        self, namespace: str, ref: WorkloadRef, problem: Problem, *, grows: bool = False
    ) -> None:
        """Keep a workload from running, now and however often it is started.

        The cluster speaks of it at once, whenever the workload is started or nudged,
        and in between ever more rarely, up to every 5 minutes, as for a crash loop.

        Args:
            namespace: Where it is or will be.
            ref: Which one.
            problem: What the cluster says of it.
            grows: The problem's weight counts the seconds since now.
        """
        now = self._clock.now()
        self._troubles[namespace, ref] = Trouble(problem, now, grows, now)
        workload = self._workload(namespace, ref)
        if workload is not None:
            workload.ready = False
            workload.version += 1
        self.speak_of(namespace, ref)

    def recover(self, namespace: str, ref: WorkloadRef, *, put_off: float = 0) -> None:
        """End what keeps a workload from running; it is ready after ``ready_lag``.

        Args:
            namespace: Where it is.
            ref: Which one.
            put_off: Seconds that its controller waits before it tries again; a
                nudge ends this wait.
        """
        self._troubles.pop((namespace, ref), None)
        workload = self._workload(namespace, ref)
        if workload is None:
            return
        if put_off <= 0:
            self.start(namespace, ref)
            return
        workload.put_off = True
        version = workload.version
        self._agenda.after(put_off, lambda: self._try_again(namespace, ref, version))

    def warn(self, namespace: str, problem: Problem) -> None:
        """Give one warning, now, that later looks may ignore by its time."""
        self._warnings.setdefault(namespace, []).append((self._clock.now(), problem))
        self.changed(namespace, always=True)

    def create_namespace_by_hand(self, name: str, labels: dict[str, str] | None = None) -> None:
        """Make a namespace that did not come through the port."""
        self.namespaces[name] = Namespace(dict(labels or {}))
        self.changed(name)

    def delete_namespace_by_hand(self, name: str) -> None:
        """Ask for the deletion of a namespace as a person would with kubectl."""
        self.terminate(name)

    def delete_by_hand(self, namespace: str, kind: str, name: str) -> None:
        """Delete an object, a Secret, a workload or a volume claim as a person would."""
        held = self.namespaces[namespace]
        held.objects.pop((kind, name), None)
        held.released.pop(ObjectRef(kind, name), None)
        held.workloads.pop(WorkloadRef(kind, name), None)
        if kind == "Secret":
            held.secrets.pop(name, None)
        if kind == "PersistentVolumeClaim":
            held.claims.pop(name, None)
        self.changed(namespace, always=True)

    def change_by_hand(self, namespace: str, kind: str, name: str) -> None:
        """Change an object, a Secret or a workload as a person would.

        Raises:
            LookupError: There is no such object.
        """
        held = self.namespaces[namespace]
        ref, spec = ObjectRef(kind, name), {"changedByHand": self._new_identity()}
        if ref in held.released:
            held.released[ref] = {**held.released[ref], "spec": spec}
        elif kind == "Secret" and name in held.secrets:
            held.secrets[name] = dict.fromkeys(held.secrets[name], spec["changedByHand"])
        elif (kind, name) in held.objects:
            held.objects[kind, name] = {**held.objects[kind, name], "spec": spec}
        else:
            raise LookupError(f"There is no {kind} {name}.")
        held.touched.add(ref)
        self.changed(namespace, always=True)

    def change_labels_by_hand(
        self, namespace: str, labels: Mapping[str, str] | None = None
    ) -> None:
        """Replace the labels of a namespace; unless some are given, it loses all."""
        self.namespaces[namespace].labels = dict(labels or {})
        self.changed(namespace)

    def lose_volume(self, namespace: str, name: str) -> None:
        """Put an empty volume in the place of one, as if claim and pod had been deleted."""
        self.namespaces[namespace].claims[name] = self._new_identity()
        self.changed(namespace)

    def delete_release_by_hand(self, namespace: str, name: str) -> None:
        """Uninstall a release as a person would with Helm."""
        held = self.namespaces[namespace]
        record = held.releases.pop(name)
        for ref in record.workloads:
            held.workloads.pop(ref, None)
        for each in record.objects:
            held.released.pop(each, None)
        self.changed(namespace)

    def block_deletion(self, namespace: str, finalizer: str) -> None:
        """Keep a namespace from going, once its deletion is asked for."""
        self.namespaces[namespace].finalizers.add(finalizer)
        self.changed(namespace)

    def unblock_deletion(self, namespace: str) -> None:
        """Drop all finalizers; a namespace that waited for them goes after the lag."""
        held = self.namespaces.get(namespace)
        if held is None:
            return
        held.finalizers.clear()
        self.changed(namespace)
        if held.terminating:
            self._agenda.after(self.terminating_lag, lambda: self._end(namespace, held))

    def settle(self) -> None:
        """Let happen what is due by the clock."""
        self._agenda.settle()

    # -- what happens in it ---------------------------------------------------

    def start(self, namespace: str, ref: WorkloadRef) -> None:
        """Start a workload, or start it anew; missing ones are made."""
        held = self.namespaces[namespace]
        workload = held.workloads.setdefault(ref, Workload())
        if ref.kind == "StatefulSet" and (claim := claim_of(ref)) not in held.claims:
            held.claims[claim] = self._new_identity()
        workload.ready, workload.ready_at = False, None
        workload.put_off = False
        workload.version += 1
        version = workload.version
        self.changed(namespace)
        self.speak_of(namespace, ref)
        self._agenda.after(self.ready_lag, lambda: self._become_ready(namespace, ref, version))

    def speak_of(self, namespace: str, ref: WorkloadRef) -> None:
        """Give a warning of what keeps a workload from running, now and again later."""
        trouble = self._troubles.get((namespace, ref))
        if trouble is not None and self._workload(namespace, ref) is not None:
            trouble.round += 1
            self._repeat(namespace, ref, trouble, trouble.round, 1.0)

    def terminate(self, name: str) -> None:
        """Begin the end of a namespace."""
        held = self.namespaces.get(name)
        if held is None or held.terminating:
            return
        held.terminating = True
        for workload in held.workloads.values():
            workload.ready = False
            workload.version += 1
        self.changed(name)
        self._agenda.after(self.terminating_lag, lambda: self._end(name, held))

    def note(self, verb: str, namespace: str, what: str) -> None:
        """Write an effect into the journal."""
        self.journal.append(Change(self._clock.monotonic(), verb, namespace, what))

    def changed(self, namespace: str, *, always: bool = False) -> None:
        """Let watches see, after their lag, what a namespace is like now.

        Args:
            namespace: Which one.
            always: Tell of it even if the view is the same as before.
        """
        held = self.namespaces.get(namespace)
        view = held.view() if held is not None else ABSENT
        self._version += 1
        version = self._version
        self._agenda.after(
            self.watch_lag, lambda: self._see(namespace, view, version, always=always)
        )

    def relist(self) -> None:
        """Let watches look at everything anew."""
        for name in sorted(self.namespaces.keys() | self._seen.keys()):
            self.changed(name)

    def view(self, namespace: str, *, live: bool) -> View:
        """Return a namespace as it is, or as it was watched, if anyone watches."""
        self._agenda.settle()
        if not live and self._watchers:
            return self._seen.get(namespace, ABSENT)
        held = self.namespaces.get(namespace)
        return held.view() if held is not None else ABSENT

    def troubles(self, namespace: str, *, since: datetime) -> Iterable[Problem]:
        """Return what keeps pods from running, as far as it was spoken of since then."""
        now = self._clock.now()
        for (where, ref), trouble in self._troubles.items():
            if where != namespace or self._workload(namespace, ref) is None:
                continue
            if trouble.grows:
                age = (now - max(trouble.began, since)).total_seconds()
                yield replace(trouble.problem, weight=age)
            elif trouble.at >= since:
                yield trouble.problem
        for at, problem in self._warnings.get(namespace, ()):
            if at >= since:
                yield problem

    def add_watcher(self) -> Watcher:
        """Begin a watch, which has seen everything up to now."""
        self._agenda.arm()
        if not self._watchers:
            self._seen = {name: held.view() for name, held in self.namespaces.items()}
            self._listed_at = self._version
        watcher = Watcher()
        self._watchers[watcher] = None
        return watcher

    def drop_watcher(self, watcher: Watcher) -> None:
        """End a watch."""
        self._watchers.pop(watcher, None)

    # -- inside ---------------------------------------------------------------

    def _new_identity(self) -> str:
        self._identities += 1
        return f"identity-{self._identities}"

    def _workload(self, namespace: str, ref: WorkloadRef) -> Workload | None:
        held = self.namespaces.get(namespace)
        return held.workloads.get(ref) if held is not None else None

    def _repeat(
        self, namespace: str, ref: WorkloadRef, trouble: Trouble, number: int, delay: float
    ) -> None:
        if self._troubles.get((namespace, ref)) is not trouble or trouble.round != number:
            return
        trouble.at = self._clock.now()
        self.changed(namespace, always=True)
        later = min(delay * 2, _RAREST)
        self._agenda.after(delay, lambda: self._repeat(namespace, ref, trouble, number, later))

    def _become_ready(self, namespace: str, ref: WorkloadRef, version: int) -> None:
        workload = self._workload(namespace, ref)
        if workload is None or workload.version != version or (namespace, ref) in self._troubles:
            return
        workload.ready = True
        workload.ready_at = self._clock.now()
        self.changed(namespace)

    def _try_again(self, namespace: str, ref: WorkloadRef, version: int) -> None:
        workload = self._workload(namespace, ref)
        if workload is not None and workload.put_off and workload.version == version:
            self.start(namespace, ref)

    def _end(self, name: str, held: Namespace) -> None:
        if held.finalizers or self.namespaces.get(name) is not held:
            self.changed(name)
            return
        del self.namespaces[name]
        self._warnings.pop(name, None)
        for key in [key for key in self._troubles if key[0] == name]:
            del self._troubles[key]
        self.changed(name)

    def _see(self, name: str, view: View, version: int, *, always: bool) -> None:
        if self._unavailable or self.watch_is_deaf or version <= self._listed_at:
            return
        before = self._seen.get(name, ABSENT)
        hidden = (attribute for part in self.deaf_to for attribute in PARTS[part])
        view = replace(view, **{attribute: getattr(before, attribute) for attribute in hidden})
        if view == ABSENT:
            self._seen.pop(name, None)
        else:
            self._seen[name] = view
        if before == view and not always:
            return
        owners = dict.fromkeys((before.state.owner_id, view.state.owner_id))
        for store_id in filter(None, owners):
            for watcher in self._watchers:
                watcher.tell(store_id)
