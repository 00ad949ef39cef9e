"""Under which circumstances a history takes place, chosen by its seed.

This module must know no double and no engine.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from storeorch.ports import WorkloadRef
from storeorch.storetype import StoreType
from storeorch.testing.faults import FaultKind
from storeorch.testing.releases import DEFAULT_WORKLOADS
from storeorch.testing.sample import SampleShop

RESYNC_SECONDS: Final = 120.0
"""Resync interval of the engines of a history."""


@dataclass(frozen=True)
class Shop:
    """A store type that takes part, and what is declared of its stores.

    Attributes:
        store_type: The type.
        variants: Parameters to choose from; at least two make updates that change something.
        workloads: What its release consists of, in memory.
    """

    store_type: StoreType = field(default_factory=SampleShop)
    variants: Sequence[Mapping[str, Any]] = (
        {},
        {"title": "Books"},
        {"title": "Books", "replicas": 2},
        {"replicas": 3},
    )
    workloads: Sequence[WorkloadRef] = DEFAULT_WORKLOADS


def rng_of(seed: int, purpose: str) -> random.Random:
    """Return random numbers for one purpose, which do not depend on how others use theirs."""
    return random.Random(f"{seed}/{purpose}")  # noqa: S311 - repeatable, not secret


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a seed decides beforehand.

    Attributes:
        seed: The seed.
        workers: How many engines share the database.
        stores: How many stores are declared, not counting those declared anew.
        trouble_seconds: How long faults strike, in seconds of virtual time.
        rate: Probability of a strike at a point.
        kinds: What strikes there.
        stalls: Probability that a worker stands still at a point.
        gap: Mean time between two troubles from outside, in seconds.
        ready_lag: See ``World``.
        terminating_lag: See ``World``.
        watch_lag: See ``World``.
        helm_slowest: Longest time between two effects of Helm, in seconds.
        settings: Settings of the engines.
    """

    seed: int
    workers: int
    stores: int
    trouble_seconds: float
    rate: float
    kinds: frozenset[FaultKind]
    stalls: float
    gap: float
    ready_lag: float
    terminating_lag: float
    watch_lag: float
    helm_slowest: float
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, seed: int, **more: Any) -> Circumstances:
        """Choose by a seed.

        Args:
            seed: Any number.
            **more: Settings of the engines other than those chosen.
        """
        rng = rng_of(seed, "circumstances")
        lease = rng.choice([6.0, 12.0, 30.0])
        struck = rng.random() < 0.85  # noqa: PLR2004 - a share
        return cls(
            seed=seed,
            workers=rng.randint(1, 4),
            stores=rng.randint(1, 3),
            trouble_seconds=rng.choice([30.0, 60.0, 120.0]),
            rate=rng.choice([0.004, 0.015, 0.04]) if struck else 0.0,
            kinds=frozenset(rng.sample(list(FaultKind), rng.randint(2, len(FaultKind)))),
            stalls=rng.choice([0.0, 0.0, 0.001, 0.004]),
            gap=rng.choice([3.0, 10.0, 30.0, 1e9]),
            ready_lag=rng.choice([0.0, 0.5, 3.0, 20.0]),
            terminating_lag=rng.choice([0.0, 0.5, 3.0, 20.0]),
            watch_lag=rng.choice([0.0, 0.05, 1.0, 5.0]),
            helm_slowest=rng.choice([0.0, 0.3, 3.0, 12.0]),
            settings={
                "lease_duration": lease,
                "max_passes": rng.choice([1, 2, 8]),
                "max_releases": rng.choice([1, 2, 4]),
                "backoff_base": 1,
                "backoff_cap": 20,
                "shutdown_grace": 2,
                "resync_interval": RESYNC_SECONDS,
                "provision_timeout": 1800,
                "event_retention": rng.choice([0, 600]),
                **more,
            },
        )
