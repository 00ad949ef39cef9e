"""The promises that can be judged at the end of a history only.

This module must not know how a history is made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from storeorch.testing.namespace import Namespace
from storeorch.testing.rows import MemoryDatabase
from storeorch.testing.simulation.doubles import (
    SimulatedCluster,
    SimulatedHosts,
)
from storeorch.testing.simulation.people import Remembered
from storeorch.testing.simulation.picture import Ears
from storeorch.testing.simulation.promises import (
    DURABILITY,
    NOTHING_LEFT,
    OWNERSHIP,
    SECRECY,
    Promises,
)

STRANGE_HOST: Final = "stranger.local.test"
"""A host that somebody else has made known."""


def judge_memory(
    promises: Promises, database: MemoryDatabase, remembered: Sequence[Remembered]
) -> None:
    """Everything that was acknowledged is as it was declared."""
    for known in remembered:
        if complaint := known.complaint(database.rows.get(known.id)):
            promises.note(DURABILITY, complaint)


def judge_leftovers(
    promises: Promises,
    database: MemoryDatabase,
    cluster: SimulatedCluster,
    hosts: SimulatedHosts,
    strangers: Collection[str],
) -> None:
    """What belongs to a store belongs to one that exists."""
    for name, held in cluster.namespaces.items():
        ours = held.owner_id is not None and name not in strangers
        if ours and held.owner_id not in database.rows:
            promises.note(NOTHING_LEFT, f"the namespace {name} belongs to no store")
    for host, store_id in hosts.known.items():
        if store_id not in database.rows and host != STRANGE_HOST:
            promises.note(NOTHING_LEFT, f"the host {host} belongs to no store")


def judge_strangers(
    promises: Promises,
    cluster: SimulatedCluster,
    hosts: SimulatedHosts,
    strangers: Mapping[str, Namespace],
) -> None:
    """What belongs to somebody else is as it was."""
    for name, before in strangers.items():
        if cluster.namespaces.get(name) != before:
            promises.note(OWNERSHIP, f"the namespace {name} of somebody else has changed")
    if hosts.known.get(STRANGE_HOST) != STRANGE_HOST:
        promises.note(OWNERSHIP, "the host of somebody else has changed")


def judge_secrecy(promises: Promises, database: MemoryDatabase, ears: Ears, canary: str) -> None:
    """Users read no secret and nothing foreign, and error ids lead to the operator's log."""
    told = "\n".join(
        [
            *(row.store.model_dump_json() for row in database.rows.values()),
            *(event.model_dump_json() for event in database.history),
            *ears.told,
        ]
    )
    for secret in ("Traceback", "/srv/", canary, *sorted(promises.secrets())):
        if secret in told:
            promises.note(SECRECY, "users can read what they must not")
            break
    ids = {event.error_id for event in database.history if event.error_id is not None}
    if ids - ears.error_ids:
        promises.note(SECRECY, "an error id leads nowhere")
