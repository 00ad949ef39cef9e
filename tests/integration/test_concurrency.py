"""Many stores at once: all become ready, and never more Helm processes run than allowed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from storeorch import Event, Orchestrator, Status, Store
from storeorch.models import EventKind

from .api import PATIENCE, Api
from .workplace import Workplace

pytestmark = pytest.mark.cluster

TYPES: Final = ("woocommerce", "medusa")


class HelmCounter:
    """A helm command that writes down when it begins and ends, and is Helm otherwise."""

    def __init__(self, folder: Path, helm: Path) -> None:
        self.path = folder / "counted-helm"
        self._log = folder / "helm.log"
        self._log.touch()
        # Lines as short as these are appended in one piece.
        self.path.write_text(
            "#!/bin/sh\n"
            f'echo "+ $1" >> "{self._log}"\n'
            f'"{helm}" "$@"\n'
            "code=$?\n"
            f'echo "- $1" >> "{self._log}"\n'
            "exit $code\n"
        )
        self.path.chmod(0o755)

    def begun(self, subcommand: str) -> int:
        return self._log.read_text().splitlines().count(f"+ {subcommand}")

    def most_at_once(self) -> int:
        now = most = 0
        for line in self._log.read_text().splitlines():
            now += 1 if line.startswith("+") else -1
            most = max(most, now)
        assert now == 0, "a Helm process was not waited for"
        return most


@pytest.fixture
def counter(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> HelmCounter:
    made = HelmCounter(workplace.folder, workplace.helm)
    monkeypatch.setenv("STOREORCH_HELM", str(made.path))
    workplace.environ["STOREORCH_HELM"] = str(made.path)
    return made


async def declare(o: Orchestrator, count: int) -> Sequence[Store]:
    return await asyncio.gather(
        *(o.create(f"store-{number}", type=TYPES[number % 2]) for number in range(count))
    )


async def all_ready(o: Orchestrator, stores: Sequence[Store]) -> None:
    found = await asyncio.gather(*(o.wait(store.id, timeout=2 * PATIENCE) for store in stores))
    assert {store.status for store in found if store} == {Status.READY}
    assert None not in found


async def test_twenty_stores_at_once_and_no_more_helm_processes_than_allowed(
    workplace: Workplace,
    api: Api,
    counter: HelmCounter,
    record_property: Callable[[str, object], None],
) -> None:
    async with workplace.orchestrator(max_releases=3) as o:
        stores = await declare(o, 20)
        await all_ready(o, stores)
        versions_asked = counter.begun("version")
        assert versions_asked == 1
        assert counter.begun("upgrade") == 20
        looked_at = counter.begun("template")
        assert looked_at == len(TYPES), "stores declared alike are looked at once"
        assert workplace.helm_started == 20 + looked_at + versions_asked
        assert counter.most_at_once() == 3
        histories = {store.id: await o.events(store.id) for store in stores}
        took = max(
            (history[-1].at - history[0].at).total_seconds() for history in histories.values()
        )
    for store in stores:
        assert api.revisions(store.namespace) == [("1", "deployed")]
        assert_one_provisioning(histories[store.id])
    record_property("seconds until 20 stores were ready", f"{took:.1f}")
    print(f"\n20 stores ready after {took:.1f} s with 3 Helm processes at once")
    block = workplace.hosts.read_text().split("# BEGIN storeorch\n")[1].split("# END")[0]
    assert len(block.splitlines()) == 20


async def test_two_engines_share_the_work_and_do_nothing_twice(
    workplace: Workplace, api: Api, counter: HelmCounter
) -> None:
    one_by_one = {"STOREORCH_MAX_PASSES": "1", "STOREORCH_MAX_RELEASES": "1"}
    async with AsyncExitStack() as stack, workplace.orchestrator(engine=False) as o:
        for _ in range(2):
            await stack.enter_async_context(workplace.engine(**one_by_one))
        stores = await declare(o, 8)
        await all_ready(o, stores)
        histories = {store.id: await o.events(store.id) for store in stores}

    assert counter.begun("upgrade") == 8
    assert counter.most_at_once() <= 2
    for store in stores:
        assert api.revisions(store.namespace) == [("1", "deployed")]
        assert_one_provisioning(histories[store.id])
    workers = {event.actor for history in histories.values() for event in history}
    assert len(workers - {"tester"}) == 2


def assert_one_provisioning(history: Sequence[Event]) -> None:
    """Check that each step came to hold once, and each lease had one holder."""
    assert [each.reason for each in history if each.kind is EventKind.TRANSITION] == ["Ready"]
    done = [each.step for each in history if each.reason == "Done"]
    assert done == ["namespace", "guardrails", "credentials", "release", "workloads", "address"]
    epochs = [each.epoch for each in history]
    assert epochs == sorted(epochs)
    holders = defaultdict(set)
    for each in history:
        holders[each.epoch].add(each.actor)
    assert all(len(actors) == 1 for actors in holders.values())
