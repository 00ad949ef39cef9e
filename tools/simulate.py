"""Run histories of the simulator, and sum up what happened in them.

Usage: python tools/simulate.py [--seeds N] [--first N] [--jobs N]
       python tools/simulate.py --seed N

The second form prints all that happened in one history. The exit status is 1 if a
promise was broken.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from shops import ALL
from storeorch.testing.simulation import simulate

HEARTBEAT = 30.0
"""Seconds between two signs of life."""


@dataclass
class Sum:
    """What happened in many histories."""

    histories: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    passes: int = 0
    most_passes: int = 0
    lives: int = 0
    seconds: float = 0.0
    breaches: list[str] = field(default_factory=list)

    def add(self, other: Sum) -> None:
        """Take over what happened in others."""
        self.histories += other.histories
        self.faults.update(other.faults)
        self.passes += other.passes
        self.most_passes = max(self.most_passes, other.most_passes)
        self.lives += other.lives
        self.seconds += other.seconds
        self.breaches += other.breaches

    def lines(self) -> Iterable[str]:
        """Yield the sum in words."""
        yield f"histories: {self.histories}"
        yield f"virtual hours: {self.seconds / 3600:.0f}"
        yield f"workers started: {self.lives}"
        yield f"passes: {self.passes}"
        yield f"most passes of one store once faults had stopped: {self.most_passes}"
        yield f"faults injected: {self.faults.total()}"
        for kind, count in sorted(self.faults.items()):
            yield f"  {kind}: {count}"
        yield f"violations: {len(self.breaches)}"
        yield from (f"  {breach}" for breach in self.breaches)


def one(seed: int) -> Sum:
    """Run one history."""
    history = simulate(seed, ALL)
    told = f"python3 -m nox -s simulate -- --seed {seed}"
    return Sum(
        histories=1,
        faults=history.faults,
        passes=history.passes,
        most_passes=history.most_passes,
        lives=history.lives,
        seconds=history.seconds,
        breaches=[f"seed {seed}: {breach}  ({told})" for breach in history.breaches[:1]],
    )


def show(seed: int) -> int:
    """Print all that happened in one history."""
    history = simulate(seed, ALL)
    for entry in history.entries:
        print(entry)
    print(f"digest: {history.digest}")
    print(f"faults injected: {dict(sorted(history.faults.items()))}")
    print(f"violations: {len(history.breaches)}")
    for breach in history.breaches:
        print(f"  {breach}")
    return 1 if history.breaches else 0


def many(first: int, seeds: int, jobs: int) -> int:
    """Run many histories in several processes, and print their sum."""
    total = Sum()
    said = began = time.monotonic()
    # Fresh processes: what one history leaves behind must not depend on what ran before.
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs) as pool:
        for each in pool.imap_unordered(one, range(first, first + seeds), chunksize=8):
            total.add(each)
            for breach in each.breaches:
                print(f"VIOLATION {breach}", flush=True)
            if time.monotonic() - said > HEARTBEAT:
                said = time.monotonic()
                print(f"{total.histories} of {seeds} histories", flush=True)
    for line in total.lines():
        print(line)
    print(f"took {time.monotonic() - began:.0f} s with {jobs} processes")
    return 1 if total.breaches else 0


def main(arguments: list[str]) -> int:
    """Run what is asked for, and return the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s simulate --", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many histories to run")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="print the history of this seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return show(options.seed)
    return many(options.first, options.seeds, options.jobs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
