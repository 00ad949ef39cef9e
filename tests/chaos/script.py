"""What happens in one run, all of it drawn from one seed.

Three threads of events are woven together by the number of disturbances so far and
not by the clock: on a slow machine everything is slower, and happens in the same
order. This module is pure: it must not know who carries it out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TYPES: Final = ("woocommerce", "medusa")

UPDATES: Final = 0.8
DELETIONS: Final = 0.4
"""Per store that is created."""

AT_ONCE: Final = 1 / 3
"""Share of the stores that are declared before anything is disturbed."""


@dataclass(frozen=True)
class Options:
    """How long and how hard.

    Attributes:
        stores: Stores that are created.
        kills: Disturbances of the workers.
        seed: Chooses everything.
        workers: Engines, each a process of its own.
        lease: Seconds of a lease.
        restarts: How often the API server ends and comes back, and PostgreSQL too.
        patience: Seconds that all stores may take to settle once nothing is disturbed.
    """

    stores: int = 60
    kills: int = 100
    seed: int = 0
    workers: int = 3
    lease: float = 10
    restarts: int = 2
    patience: float = 300


class Kind(StrEnum):
    """What is done to a worker."""

    KILL = "SIGKILL"
    STOP = "SIGSTOP"


@dataclass(frozen=True)
class Disturbance:
    """One disturbance of one worker.

    Attributes:
        victim: Number of the worker.
        kind: A worker that is killed is started again; one that is stopped goes on.
        after: Seconds that it works before.
        hold: Seconds until it is started again, or goes on.
    """

    victim: int
    kind: Kind
    after: float
    hold: float


class Verb(StrEnum):
    """What is declared."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Declaration:
    """One declaration.

    Attributes:
        verb: What is declared.
        name: The store.
        type: Its type.
        tag: Tag of the shop's image, new with each declaration.
        at: Number of disturbances after which it is made.
    """

    verb: Verb
    name: str
    type: str
    tag: str
    at: int


class Fault(StrEnum):
    """What happens to a server."""

    API_RESTART = "API server ended and started"
    API_KILL = "API server killed and started"
    DATABASE_RESTART = "PostgreSQL ended and started"
    DATABASE_KILL = "PostgreSQL killed and started"
    BACKEND_KILL = "one of PostgreSQL's processes killed"


@dataclass(frozen=True)
class ServerFault:
    """One fault of a server, after that many disturbances."""

    fault: Fault
    at: int


@dataclass(frozen=True)
class Script:
    """All that happens."""

    disturbances: Sequence[Disturbance]
    declarations: Sequence[Declaration]
    faults: Sequence[ServerFault]


def write(options: Options) -> Script:
    """Draw everything that happens from the seed."""
    rng = random.Random(options.seed)
    return Script(
        disturbances=[_disturbance(rng, options) for _ in range(options.kills)],
        declarations=_declarations(rng, options),
        faults=_faults(options),
    )


def _disturbance(rng: random.Random, options: Options) -> Disturbance:
    victim = rng.randrange(options.workers)
    if rng.random() < 0.6:
        return Disturbance(victim, Kind.KILL, rng.uniform(0, 4), rng.uniform(0, 1))
    # From just beyond the end of the lease: another worker may have begun this very moment.
    longer = rng.uniform(1.02, 1.4) * options.lease
    return Disturbance(victim, Kind.STOP, rng.uniform(0, 4), longer)


def _declarations(rng: random.Random, options: Options) -> list[Declaration]:
    first = max(1, round(options.stores * AT_ONCE))
    verbs = (
        [Verb.CREATE] * (options.stores - first)
        + [Verb.UPDATE] * round(options.stores * UPDATES)
        + [Verb.DELETE] * round(options.stores * DELETIONS)
    )
    rng.shuffle(verbs)
    made: list[Declaration] = []
    alive: list[str] = []
    types: dict[str, str] = {}
    for number, verb in enumerate([*([Verb.CREATE] * first), *verbs]):
        chosen = verb if alive else Verb.CREATE
        if chosen is Verb.CREATE:
            name = f"shop-{len(types):03}"
            types[name] = rng.choice(TYPES)
            alive.append(name)
        else:
            name = rng.choice(alive)
        if chosen is Verb.DELETE:
            alive.remove(name)
        at = max(0, number - first + 1) * options.kills // (len(verbs) + 1)
        made.append(Declaration(chosen, name, types[name], f"t{number}", at))
    return made


def _faults(options: Options) -> list[ServerFault]:
    api = [Fault.API_RESTART, Fault.API_KILL]
    database = [Fault.DATABASE_RESTART, Fault.DATABASE_KILL]
    woven: list[Fault] = []
    for number in range(options.restarts):
        woven += [api[number % 2], database[number % 2]]
    if options.restarts:
        woven.append(Fault.BACKEND_KILL)
    share = options.kills / (len(woven) + 1)
    return [ServerFault(fault, round(share * (n + 1))) for n, fault in enumerate(woven)]
