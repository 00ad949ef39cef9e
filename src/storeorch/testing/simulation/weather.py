"""Trouble from outside: outages, partitions, signals, wrong clocks, and people with kubectl.

This module must know no engine and no promise.
"""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Callable, Sequence
from typing import Final

from storeorch.models import NewStore, Status, Store
from storeorch.ports import ObjectRef, Problem, ReleaseStatus, WorkloadRef
from storeorch.testing.namespace import ABSENT, PARTS, Namespace, Workload
from storeorch.testing.simulation.doubles import (
    SimulatedCluster,
    SimulatedHosts,
    SimulatedRepository,
)
from storeorch.testing.simulation.journal import Journal
from storeorch.testing.simulation.promises import Promises
from storeorch.testing.simulation.worker import Worker

LOST_DATA: Final = "lost data"
"""A person has removed what may have held data: only they may have it made anew."""

FATAL: Final = "fatal"
"""A workload could not run for a reason that waiting does not mend."""

IN_THE_WAY: Final = "in the way"
"""What is not ours has the name that the store's namespace would have."""

_FATAL_PROBLEM: Final = Problem(
    "ImagePullFailed", "The image of a container cannot be pulled.", "Check its name.", fatal=True
)
_PASSING_PROBLEM: Final = Problem(
    "ProbeFailing", "A container does not answer its probe yet.", "Wait.", fatal=False
)
_DATABASE: Final = ("repository", "repository.work")
_CLUSTER: Final = ("cluster", "cluster.watch")


class Weather:
    """Makes trouble until it is told to clear up.

    Args:
        rng: Chooses trouble, place and duration.
        gap: Mean time between two troubles, in seconds.
        lease: Seconds that leases last.
        repository: The database.
        cluster: The cluster.
        hosts: Where hosts are made known.
        workers: The workers.
        promises: Told of what people delete on purpose.
        journal: Where trouble is noted.

    Attributes:
        excuses: By store id, why a store may be failed or degraded until a person acts.
        strangers: Namespaces of somebody else, as they were made, by name.
    """

    def __init__(
        self,
        *,
        rng: random.Random,
        gap: float,
        lease: float,
        repository: SimulatedRepository,
        cluster: SimulatedCluster,
        hosts: SimulatedHosts,
        workers: Sequence[Worker],
        promises: Promises,
        journal: Journal,
    ) -> None:
        self.excuses: dict[str, set[str]] = {}
        self.strangers: dict[str, Namespace] = {}
        self._rng = rng
        self._gap = gap
        self._lease = lease
        self._repository = repository
        self._cluster = cluster
        self._hosts = hosts
        self._workers = workers
        self._promises = promises
        self._journal = journal
        self._undo: dict[asyncio.TimerHandle, Callable[[], None]] = {}
        self._kinds: tuple[Callable[[], None], ...] = (
            self._api_outage,
            self._database_outage,
            self._deaf_watch,
            self._lagging_watch,
            self._partition,
            self._silence,
            self._stop,
            self._kill,
            self._restart,
            self._clock_jump,
            self._delete_guardrail,
            self._change_guardrail,
            self._delete_object,
            self._change_object,
            self._forget_host,
            self._break_release,
            self._trouble,
            self._block_deletion,
            self._delete_namespace,
            self._delete_credentials,
            self._lose_volume,
            self._uninstall,
            self._occupy,
        )
        self._tasks: list[asyncio.Task[bool]] = []

    async def live(self) -> None:
        """Make trouble for ever."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / self._gap))
            self._rng.choice(self._kinds)()

    async def clear_up(self) -> None:
        """End all trouble that has not ended yet; what people deleted stays deleted."""
        for timer, undo in list(self._undo.items()):
            timer.cancel()
            undo()
        self._undo.clear()
        await asyncio.gather(*self._tasks)

    def announced(self, new: NewStore) -> None:
        """Now and then, have somebody else take the name of its namespace first."""
        if self._rng.random() < 0.05:  # noqa: PLR2004 - a share
            self._note("in-the-way", f"a namespace with the name of {new.name}'s")
            self.excuse(new, IN_THE_WAY)
            self.add_stranger(new.namespace, {})

    def excuse(self, store: Store | NewStore, reason: str) -> None:
        """Note why a store may be failed or degraded."""
        self.excuses.setdefault(store.id, set()).add(reason)

    def add_stranger(self, name: str, labels: dict[str, str]) -> None:
        """Make a namespace of somebody else, with something in it."""
        self._cluster.create_namespace_by_hand(name, labels)
        held = self._cluster.namespaces[name]
        held.objects["ConfigMap", "theirs"] = {"kind": "ConfigMap", "data": {"a": "1"}}
        held.secrets["theirs"] = {"password": "theirs"}
        held.workloads[WorkloadRef("Deployment", "theirs")] = Workload(ready=True)
        self.strangers[name] = copy.deepcopy(held)

    def make_way(self, name: str) -> None:
        """Have somebody else remove a namespace of theirs."""
        if self.strangers.pop(name, None) is not None:
            self._journal.write(asyncio.get_running_loop().time(), "world", f"makes way: {name}")
            self._cluster.delete_namespace_by_hand(name)

    # -- the machinery --------------------------------------------------------

    def _note(self, kind: str, detail: str = "") -> None:
        self._journal.trouble(asyncio.get_running_loop().time(), kind, detail)

    def _for_a_while(self, longest: float, undo: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            self._undo.pop(timer, None)
            undo()

        timer = loop.call_later(self._rng.random() * longest, end)
        self._undo[timer] = undo

    def _some_worker(self) -> Worker:
        return self._rng.choice(self._workers)

    def _some_store(self) -> Store | None:
        """Return a store that has a namespace of its own."""
        found = []
        for row in self._repository.rows.values():
            held = self._cluster.namespaces.get(row.store.namespace)
            if held is not None and held.owner_id == row.store.id and not held.terminating:
                found.append(row.store)
        return self._rng.choice(found) if found else None

    # -- outages and signals --------------------------------------------------

    def _api_outage(self) -> None:
        self._note("api-outage")
        self._cluster.unavailable = True
        self._for_a_while(60, lambda: setattr(self._cluster, "unavailable", False))

    def _database_outage(self) -> None:
        self._note("database-outage")
        self._repository.unavailable = True
        self._for_a_while(60, lambda: setattr(self._repository, "unavailable", False))

    def _deaf_watch(self) -> None:
        self._note("deaf-watch")
        self._cluster.watch_is_deaf = True

        def undo() -> None:
            self._cluster.watch_is_deaf = False
            self._cluster.relist()  # its deadline for a sign of life has passed

        self._for_a_while(60, undo)

    def _lagging_watch(self) -> None:
        late = set(self._rng.sample(sorted(PARTS), self._rng.randrange(1, len(PARTS))))
        self._note("lagging-watch", f"of {', '.join(sorted(late))}")
        self._cluster.deaf_to |= late

        def undo() -> None:
            self._cluster.deaf_to -= late
            self._cluster.relist()

        self._for_a_while(60, undo)

    def _partition(self) -> None:
        worker = self._some_worker()
        process = worker.process
        ports = self._rng.choice([_DATABASE, _DATABASE, _CLUSTER])
        self._note("partition", f"{process.name} from {ports[0]}")
        process.cut.update(ports)
        self._for_a_while(2 * self._lease, lambda: process.cut.difference_update(ports))

    def _silence(self) -> None:
        process = self._some_worker().process
        self._note("silence", f"between {process.name} and the database")
        process.silent.add("repository")
        self._for_a_while(2 * self._lease, lambda: process.hear("repository"))

    def _stop(self) -> None:
        process = self._some_worker().process
        self._note("stop", process.name)
        process.pause()
        self._for_a_while(3 * self._lease, process.resume)

    def _kill(self) -> None:
        process = self._some_worker().process
        self._note("kill", process.name)
        process.kill()

    def _restart(self) -> None:
        worker = self._some_worker()
        self._note("restart", worker.process.name)
        self._tasks.append(asyncio.ensure_future(worker.restart()))

    def _clock_jump(self) -> None:
        worker = self._some_worker()
        worker.clock.skew = self._rng.choice([-86_400.0, -90.0, 0.0, 90.0, 7200.0, 86_400.0])
        self._note("clock-jump", f"{worker.process.name} by {worker.clock.skew:g}")

    # -- people with kubectl, and the cluster itself --------------------------

    def _delete_guardrail(self) -> None:
        store = self._some_store()
        objects = self._guardrails(store)
        if store is None or not objects:
            return
        kind, name = self._rng.choice(objects)
        self._note("drift", f"{kind} {name} of {store.name} is deleted")
        self._cluster.delete_by_hand(store.namespace, kind, name)

    def _change_guardrail(self) -> None:
        store = self._some_store()
        objects = self._guardrails(store)
        if store is None or not objects:
            return
        key = self._rng.choice(objects)
        self._note("drift", f"{key[0]} {key[1]} of {store.name} is changed")
        held = self._cluster.namespaces[store.namespace]
        held.objects[key] = {**held.objects[key], "spec": {"changed": True}}
        self._cluster.changed(store.namespace, always=True)

    def _guardrails(self, store: Store | None) -> list[tuple[str, str]]:
        if store is None:
            return []
        held = self._cluster.namespaces[store.namespace]
        return [key for key in held.objects if key[0] != "Secret"]

    def _delete_object(self) -> None:
        store, ref = self._some_object()
        if store is not None and ref is not None:
            self._note("drift", f"{ref.kind} {ref.name} of {store.name} is deleted")
            self._cluster.delete_by_hand(store.namespace, ref.kind, ref.name)

    def _change_object(self) -> None:
        store, ref = self._some_object()
        if store is not None and ref is not None:
            self._note("drift", f"{ref.kind} {ref.name} of {store.name} is changed")
            self._cluster.change_by_hand(store.namespace, ref.kind, ref.name)

    def _some_object(self) -> tuple[Store | None, ObjectRef | None]:
        """Return a store, and something that Helm has made for it, if there is anything."""
        store = self._some_store()
        if store is None:
            return None, None
        made = sorted(self._cluster.namespaces[store.namespace].released)
        return store, self._rng.choice(made) if made else None

    def _forget_host(self) -> None:
        store = self._some_store()
        if store is not None and self._hosts.known.get(store.host) == store.id:
            self._note("drift", f"the host of {store.name} is forgotten")
            self._promises.forgive_host(store.host)
            del self._hosts.known[store.host]

    def _break_release(self) -> None:
        store = self._some_store()
        if store is None:
            return
        records = self._cluster.namespaces[store.namespace].releases
        if store.helm_release not in records:
            return
        status = self._rng.choice(list(ReleaseStatus))
        self._note("drift", f"the release of {store.name} is {status}")
        records[store.helm_release].status = status
        self._cluster.changed(store.namespace)

    def _trouble(self) -> None:
        store = self._some_store()
        if store is None:
            return
        workloads = sorted(self._cluster.namespaces[store.namespace].workloads)
        ref = self._rng.choice(workloads) if workloads else WorkloadRef("Deployment", "web")
        problem = self._rng.choice([_FATAL_PROBLEM, _PASSING_PROBLEM])
        self._note("workload-trouble", f"{problem.reason} of {store.name}")
        self._cluster.fail_workload(store.namespace, ref, problem)
        if problem.fatal:
            self.excuse(store, FATAL)
        self._for_a_while(90, lambda: self._cluster.recover(store.namespace, ref))

    def _block_deletion(self) -> None:
        store = self._some_store()
        if store is None:
            return
        self._note("finalizer", f"on the namespace of {store.name}")
        self._cluster.block_deletion(store.namespace, "example.com/hold")
        self._for_a_while(90, lambda: self._cluster.unblock_deletion(store.namespace))

    def _delete_namespace(self) -> None:
        store = self._some_store()
        if store is not None and self._rng.random() < 0.5:  # noqa: PLR2004 - a share
            self._note("data-loss", f"the namespace of {store.name} is deleted")
            self.excuse(store, LOST_DATA)
            self._cluster.delete_namespace_by_hand(store.namespace)

    def _delete_credentials(self) -> None:
        store = self._some_store()
        if store is None:
            return
        for name in sorted(self._cluster.namespaces[store.namespace].secrets):
            self._note("data-loss", f"the credentials of {store.name} are deleted")
            self.excuse(store, LOST_DATA)
            self._promises.forgive_credentials(store.namespace, name)
            self._cluster.delete_by_hand(store.namespace, "Secret", name)

    def _lose_volume(self) -> None:
        store = self._some_store()
        if store is None:
            return
        for name in sorted(self._cluster.namespaces[store.namespace].claims)[:1]:
            self._note("data-loss", f"the volume claim {name} of {store.name} is deleted")
            self.excuse(store, LOST_DATA)
            if self._rng.random() < 0.5:  # noqa: PLR2004 - a share
                self._cluster.lose_volume(store.namespace, name)
            else:
                self._cluster.delete_by_hand(store.namespace, "PersistentVolumeClaim", name)

    def _uninstall(self) -> None:
        store = self._some_store()
        if store is None or store.status is Status.DELETING:
            return
        if store.helm_release in self._cluster.namespaces[store.namespace].releases:
            self._note("data-loss", f"the release of {store.name} is uninstalled")
            self.excuse(store, LOST_DATA)
            self._cluster.delete_release_by_hand(store.namespace, store.helm_release)

    def _occupy(self) -> None:
        """Have somebody else take the name of a namespace that a store has not made yet."""
        rows = self._repository.rows.values()
        # Not under the hands of a pass, nor before the watch has shown that ours is gone: no
        # request to a cluster can say which of two namespaces of one name it means.
        free = [
            row.store
            for row in rows
            if all(
                self._cluster.view(row.store.namespace, live=live) is ABSENT
                for live in (True, False)
            )
            and self._promises.holder(row.store.id) is None
        ]
        if not free:
            return
        store = self._rng.choice(free)
        self._note("in-the-way", f"a namespace with the name of {store.name}'s")
        self.excuse(store, IN_THE_WAY)
        self.add_stranger(store.namespace, self._rng.choice([{}, {"team": "theirs"}]))
