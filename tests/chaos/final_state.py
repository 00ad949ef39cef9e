"""What is there at the end, beside what was declared.

Looks with a client of its own, and must not know what was disturbed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.declarer import Declarer, Wanted
from tests.integration.api import Api

from storeorch import Orchestrator, Status, Store
from storeorch.errors import StoreNotFound
from storeorch.models import Event, EventKind, StoreFilter

_OURS: Final = "labelSelector=app.kubernetes.io/managed-by%3Dstoreorch"
_HISTORY: Final = 3
"""Revisions that Helm keeps of a release."""


@dataclass
class FinalState:
    """What was found.

    Attributes:
        as_declared: Stores that are as they were declared.
        gone: Stores that are gone without a trace, as declared.
        orphans: Namespaces of ours without a store.
        revisions: Newest revision of each release, by store.
        wrong: What is not as declared; each a sentence.
    """

    as_declared: int = 0
    gone: int = 0
    orphans: int = 0
    revisions: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


async def look(declarer: Declarer, api: Api, hosts: str, unsettled: Sequence[str]) -> FinalState:
    """Compare the cluster and the database with what was declared.

    Args:
        declarer: Knows what was declared.
        api: The cluster.
        hosts: What was added to the hosts file.
        unsettled: Stores that did not come to rest in time.
    """
    state = FinalState()
    o = declarer.orchestrator
    state.wrong += [f"{name} did not come to rest" for name in unsettled]
    for name, wanted in declarer.wanted.items():
        problems = [
            *(await _gone(o, api, wanted) if wanted.deleted else await _there(o, api, wanted)),
            *_history(await o.events(wanted.store.id), wanted),
        ]
        state.wrong += [f"{name}: {problem}" for problem in problems]
        if not problems and wanted.deleted:
            state.gone += 1
        elif not problems:
            state.as_declared += 1
            state.revisions[name] = _newest(api, wanted.store)
    rows = (await o.list(StoreFilter(), limit=10_000)).items
    ids = {store.id for store in rows}
    state.wrong += [
        f"{row.name} was never declared" for row in rows if row.name not in declarer.wanted
    ]
    for namespace in api.items(f"/api/v1/namespaces?{_OURS}"):
        metadata = namespace["metadata"]
        if metadata["labels"].get("storeorch.io/store-id") not in ids:
            state.orphans += 1
            state.wrong.append(f"the namespace {metadata['name']} belongs to no store")
    lines = [line for line in hosts.splitlines() if line.strip() and not line.startswith("#")]
    named = {word for line in lines for word in line.split("#")[0].split()[1:]}
    there = {row.host for row in rows}
    if named != there or len(lines) != len(there):
        state.wrong.append(f"the hosts file names {sorted(named)} rather than {sorted(there)}")
    return state


async def _there(o: Orchestrator, api: Api, wanted: Wanted) -> list[str]:
    try:
        store = await o.get(wanted.store.id)
    except StoreNotFound:
        return ["it is gone"]
    wrong = []
    if (store.status, store.fault) != (Status.READY, None):
        wrong.append(f"it is {store.status.value}, {store.fault}")
    if store.observed_generation != store.generation:
        wrong.append("its newest generation was not observed")
    if store.parameters != wanted.store.parameters:
        wrong.append(f"its parameters are {store.parameters}")
    if store.attempts:
        wrong.append(f"{store.attempts} attempts count as failed")
    images = [
        container["image"]
        for deployment in api.within(store.namespace, "deployments")
        if deployment["metadata"]["name"] == wanted.shop
        for container in deployment["spec"]["template"]["spec"]["containers"]
    ]
    if images != [wanted.image]:
        wrong.append(f"the shop's image is {images} rather than {wanted.image}")
    if api.secret(store.namespace, "store-credentials") is None:
        wrong.append("its credentials are missing")
    statuses = [status for _, status in _revisions(api, store)]
    if statuses.count("deployed") != 1 or statuses[-1] != "deployed" or len(statuses) > _HISTORY:
        wrong.append(f"its release's revisions are {_revisions(api, store)}")
    return wrong


async def _gone(o: Orchestrator, api: Api, wanted: Wanted) -> list[str]:
    wrong = []
    try:
        store = await o.get(wanted.store.id)
    except StoreNotFound:
        pass
    else:
        wrong.append(f"it was to be gone and is {store.status.value}, {store.fault}")
    if api.namespace(wanted.store.namespace) is not None:
        wrong.append("its namespace is left")
    return wrong


def _history(events: Sequence[Event], wanted: Wanted) -> list[str]:
    """Check that whatever was acknowledged is in the history, each lease with one holder."""
    wrong = []
    declared = sum(event.kind is EventKind.DECLARED for event in events)
    if declared < wanted.said:
        wrong.append(f"{wanted.said} declarations were acknowledged, {declared} are in the history")
    deleted = sum(event.kind is EventKind.DELETED for event in events)
    if deleted != wanted.deleted:
        wrong.append(f"it was deleted {deleted} times")
    if deleted and events[-1].kind is not EventKind.DELETED:
        wrong.append("its history goes on after its end")
    by_workers = [event for event in events if event.kind is not EventKind.DECLARED]
    epochs = [event.epoch for event in by_workers]
    if epochs != sorted(epochs):
        wrong.append(f"its history is out of order: {epochs}")
    if len({(each.epoch, each.actor) for each in by_workers}) > len(set(epochs)):
        wrong.append("two workers wrote under one lease")
    return wrong


def _revisions(api: Api, store: Store) -> list[tuple[int, str]]:
    return sorted((int(number), status) for number, status in api.revisions(store.namespace))


def _newest(api: Api, store: Store) -> int:
    return _revisions(api, store)[-1][0]
