# ruff: noqa: S101 - a test suite asserts
"""A test suite that every store type has to pass; subclass it and name the type.

```python
from storeorch.testing.conformance import StoreTypeConformance

from my_plugin import MyShop


class TestMyShop(StoreTypeConformance):
    store_type = MyShop()
```

The type is walked by the real reconciler on the in-memory ports, so a chart is not
rendered: what the cluster makes of it is for a test on a real API server.

Needs ``storeorch[testing]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storeorch.errors import (
    ClusterUnavailable,
    DatabaseUnavailable,
    DataMissing,
    InvalidParameters,
    ReleaseFailed,
)
from storeorch.lifecycle import Declaration
from storeorch.models import Status, Store
from storeorch.names import check_store_name
from storeorch.ports import WorkloadRef
from storeorch.steps import HelmStoreType
from storeorch.storetype import StoreContext, StoreType
from storeorch.testing.checkpoint import pass_by
from storeorch.testing.clock import run_virtual
from storeorch.testing.faults import Crash, FaultKind, FaultPlan
from storeorch.testing.sandbox import Sandbox
from storeorch.testing.strategies import parameters

_MANY_PASSES = 50
"""A type that is not done after so many passes, each after all has settled, never is."""


class StoreTypeConformance:
    """What every store type has to hold.

    Attributes:
        store_type: The type under test.
        example: Parameters that are valid; those without a default must be among them.
        workloads: What the release consists of, as far as the steps care.
        needs_chart: Whether the chart has to be there; only a type for tests has none.
    """

    store_type: ClassVar[StoreType]
    example: ClassVar[Mapping[str, Any]] = {}
    workloads: ClassVar[Sequence[WorkloadRef]] = ()
    needs_chart: ClassVar[bool] = True

    # -- what it says of itself -----------------------------------------------

    def test_name_is_a_dns_label(self) -> None:
        """The name is given on command lines and becomes a label."""
        assert check_store_name(self.store_type.name) == self.store_type.name

    def test_is_described(self) -> None:
        """People choose among types by title and description."""
        assert self.store_type.title
        assert self.store_type.description

    def test_every_parameter_is_described(self) -> None:
        """``storeorch type show`` prints the description of each parameter."""
        fields = self.store_type.parameters.model_fields
        assert [name for name, field in fields.items() if not field.description] == []

    def test_example_is_valid(self) -> None:
        """The example, by default no parameters at all, is accepted."""
        self.store_type.check(self.example)

    def test_unknown_parameter_is_refused(self) -> None:
        """A misspelt parameter must not be ignored."""
        with pytest.raises(InvalidParameters):
            self.store_type.check({**self.example, "no-such-parameter": 1})

    def test_parameters_survive_storage(self) -> None:
        """What is stored as JSON and read back is the same declaration."""
        checked = self.store_type.check(self.example)
        stored = json.loads(json.dumps(checked.model_dump(mode="json", exclude_unset=True)))
        assert self.store_type.check(stored) == checked

    def test_steps_have_names_of_their_own(self) -> None:
        """Names and conditions tell steps apart."""
        steps = self.store_type.steps()
        assert steps
        assert len({step.name for step in steps}) == len(steps)
        assert len({step.condition for step in steps}) == len(steps)
        assert all(re.fullmatch(r"[a-z][a-z0-9-]*", step.name) for step in steps)
        assert all(re.fullmatch(r"([A-Z][a-z0-9]*)+", step.condition) for step in steps)

    # -- Helm types -----------------------------------------------------------

    def test_chart_is_there(self) -> None:
        """The chart travels with the distribution."""
        if isinstance(self.store_type, HelmStoreType) and self.needs_chart:
            assert (Path(self.store_type.chart) / "Chart.yaml").is_file()

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
    )
    @given(data=st.data())
    def test_values_depend_on_the_declaration_alone(self, data: st.DataObject) -> None:
        """The same declaration gives the same release, or every pass would upgrade it."""
        kind = self.store_type
        if not isinstance(kind, HelmStoreType):
            return
        chosen = {**self.example, **data.draw(parameters(kind.parameters))}
        sandbox = self._sandbox()
        store = run_virtual(sandbox.create("my-store", chosen), clock=sandbox.clock)
        first = kind.release_request(self._context(sandbox, store))
        second = kind.release_request(self._context(sandbox, store))
        assert first == second
        assert json.loads(json.dumps(first.values)) == first.values
        assert 0 < len(first.digest) <= 63  # noqa: PLR2004 - the length of a label

    # -- what it does ---------------------------------------------------------

    def test_becomes_ready(self) -> None:
        """A store that was declared gets ready, and all its conditions hold."""
        sandbox = self._sandbox()

        async def scenario() -> None:
            store = await self._make(sandbox)
            assert store.status is Status.READY, store.error_message
            assert store.conditions
            assert all(condition.status for condition in store.conditions)

        run_virtual(scenario(), clock=sandbox.clock)

    def test_second_pass_changes_nothing(self) -> None:
        """Steps look before they do; a ready store costs nothing."""
        sandbox = self._sandbox()

        async def scenario() -> None:
            store = await self._make(sandbox)
            effects, processes = list(sandbox.cluster.journal), sandbox.releases.started
            known = dict(sandbox.hosts.known)
            await sandbox.walk(store.id)
            assert sandbox.cluster.journal == effects
            assert sandbox.releases.started == processes
            assert sandbox.hosts.known == known

        run_virtual(scenario(), clock=sandbox.clock)

    def test_removal_leaves_nothing(self) -> None:
        """A deleted store leaves no row, no namespace, no release and no host."""
        sandbox = self._sandbox()

        async def scenario() -> None:
            store = await self._make(sandbox)
            await self._remove(sandbox, store.id)
            self._assert_nothing_left(sandbox)

        run_virtual(scenario(), clock=sandbox.clock)

    def test_removal_of_nothing(self) -> None:
        """A store whose deletion comes before its first pass is removed as well."""
        sandbox = self._sandbox()

        async def scenario() -> None:
            store = await sandbox.create("my-store", self.example)
            await self._remove(sandbox, store.id)
            self._assert_nothing_left(sandbox)
            assert sandbox.cluster.journal == []

        run_virtual(scenario(), clock=sandbox.clock)

    def test_crash_at_every_point(self) -> None:
        """Whatever point it is killed at, the next pass takes it to the end."""
        number = 0
        while self._survives_crash(number):
            number += 1
        assert number

    def test_repairs_drift(self) -> None:
        """What somebody deletes or changes of a ready store is as it was some passes later."""
        sandbox = self._sandbox()

        async def scenario() -> None:
            store = await self._make(sandbox)
            held = sandbox.cluster.namespaces.get(store.namespace)
            if held is None:
                return
            before = dict(held.released), dict(held.objects)
            for number, ref in enumerate([*held.released]):
                change = sandbox.cluster.change_by_hand, sandbox.cluster.delete_by_hand
                change[number % 2](store.namespace, ref.kind, ref.name)
            for kind, name in [*held.objects]:
                if kind != "Secret":
                    sandbox.cluster.delete_by_hand(store.namespace, kind, name)
            await self._walk_on(sandbox, store.id)
            assert (held.released, held.objects) == before

        run_virtual(scenario(), clock=sandbox.clock)

    def test_tells_lost_data(self) -> None:
        """An empty volume in the place of one is told, and accepted only when asked for."""
        sandbox = self._sandbox()

        async def scenario() -> None:
            store = await self._make(sandbox)
            held = sandbox.cluster.namespaces.get(store.namespace)
            for name in [*held.claims] if held is not None else ():
                sandbox.cluster.lose_volume(store.namespace, name)
                walked = await sandbox.walk(store.id)
                assert walked is not None
                assert walked.status is Status.DEGRADED
                assert walked.fault is not None
                assert walked.fault.code == DataMissing.code
                await sandbox.repository.declare(store.id, Declaration.RETRY, actor="tester")
                await self._walk_on(sandbox, store.id)

        run_virtual(scenario(), clock=sandbox.clock)

    def test_keeps_secrets(self) -> None:
        """What is in a Secret is in no row, event or chart value."""
        sandbox = self._sandbox()

        async def scenario() -> None:
            store = await self._make(sandbox)
            held = sandbox.cluster.namespaces.get(store.namespace)
            if held is None:
                return
            told = [store.model_dump_json(), repr(sandbox.cluster.journal), repr(held.objects)]
            told += [event.model_dump_json() for event in sandbox.repository.history]
            told += [json.dumps(record.values) for record in held.releases.values()]
            secrets = [value for data in held.secrets.values() for value in data.values()]
            assert [secret for secret in secrets for text in told if secret in text] == []

        run_virtual(scenario(), clock=sandbox.clock)

    # -- inside ---------------------------------------------------------------

    def _sandbox(self, plan: FaultPlan | None = None) -> Sandbox:
        checkpoint = plan.checkpoint if plan is not None else pass_by
        sandbox = Sandbox([self.store_type], checkpoint=checkpoint)
        if self.workloads and isinstance(self.store_type, HelmStoreType):
            sandbox.releases.charts[self.store_type.chart.name] = tuple(self.workloads)
        return sandbox

    def _context(self, sandbox: Sandbox, store: Store) -> StoreContext:
        return StoreContext(
            store=store,
            parameters=self.store_type.check(store.parameters),
            settings=sandbox.settings,
            cluster=sandbox.cluster,
            releases=sandbox.releases,
            hosts=sandbox.hosts,
            clock=sandbox.clock,
        )

    async def _make(self, sandbox: Sandbox) -> Store:
        store = await sandbox.create("my-store", self.example)
        return await self._walk_on(sandbox, store.id)

    async def _walk_on(self, sandbox: Sandbox, store_id: str) -> Store:
        for _ in range(_MANY_PASSES):
            walked = await sandbox.walk(store_id)
            assert walked is not None
            if walked.status in {Status.READY, Status.FAILED}:
                return walked
            await self._let_happen(sandbox)
        raise AssertionError(f"not ready after {_MANY_PASSES} passes")

    async def _remove(self, sandbox: Sandbox, store_id: str) -> None:
        await sandbox.repository.declare(store_id, Declaration.DELETE, actor="tester")
        for _ in range(_MANY_PASSES):
            if await sandbox.walk(store_id) is None:
                return
            await self._let_happen(sandbox)
        raise AssertionError(f"not gone after {_MANY_PASSES} passes")

    async def _let_happen(self, sandbox: Sandbox) -> None:
        cluster = sandbox.cluster
        await sandbox.clock.sleep(cluster.ready_lag + cluster.terminating_lag + cluster.watch_lag)

    def _assert_nothing_left(self, sandbox: Sandbox) -> None:
        assert sandbox.repository.rows == {}
        assert sandbox.cluster.namespaces == {}
        assert sandbox.hosts.known == {}

    def _survives_crash(self, number: int) -> bool:
        """Live through making and removing with one crash; False if it had no place."""
        plan = FaultPlan(at={number: FaultKind.CRASH})
        sandbox = self._sandbox(plan)
        run_virtual(self._live(sandbox, plan), clock=sandbox.clock)
        return number < len(plan.trace)

    async def _live(self, sandbox: Sandbox, plan: FaultPlan) -> None:
        store = await sandbox.create("my-store", self.example)
        walk = _KillableWalk(sandbox, plan, store.id)
        for _ in range(_MANY_PASSES):
            walked = await walk.once()
            if walked is not None and walked.status is Status.READY:
                break
            await self._let_happen(sandbox)
        else:
            raise AssertionError(f"not ready after a crash at {walk.where}")
        await sandbox.repository.declare(store.id, Declaration.DELETE, actor="tester")
        for _ in range(_MANY_PASSES):
            if await walk.once() is None:
                break
            await self._let_happen(sandbox)
        self._assert_nothing_left(sandbox)


class _KillableWalk:
    """Passes over one store by a process that may be killed and is then started anew."""

    def __init__(self, sandbox: Sandbox, plan: FaultPlan, store_id: str) -> None:
        self._sandbox = sandbox
        self._plan = plan
        self._store_id = store_id

    @property
    def where(self) -> str:
        """Name of the point at which it was killed."""
        return next((point.name for point in self._plan.trace if point.fault), "no point")

    async def once(self) -> Store | None:
        """Run one pass, in a new process if need be, after older leases have ended."""
        sandbox = self._sandbox
        await sandbox.clock.sleep(sandbox.settings.lease_duration)
        process = self._plan.process("worker")
        reconciler = sandbox.reconciler(
            repository=process.wrap(sandbox.repository, "repository", DatabaseUnavailable),
            cluster=process.wrap(sandbox.cluster, "cluster", ClusterUnavailable),
            releases=process.wrap(sandbox.releases, "releases", ReleaseFailed),
            hosts=process.wrap(sandbox.hosts, "hosts", ClusterUnavailable),
        )
        with suppress(Crash):
            await reconciler.reconcile(await sandbox.claim(self._store_id))
        row = sandbox.repository.rows.get(self._store_id)
        return row.store if row is not None else None
