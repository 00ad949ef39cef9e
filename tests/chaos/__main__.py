"""``python -m tests.chaos``: a run of any length, its counts, and an exit status."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path

from tests.chaos.scenario import run
from tests.chaos.script import Options


def _options() -> tuple[Options, Path | None]:
    parser = argparse.ArgumentParser(prog="nox -s chaos --", description=__doc__)
    words = {
        "stores": "stores that are created",
        "kills": "disturbances of the workers",
        "seed": "chooses everything; the same seed draws the same run",
        "workers": "engines, each a process of its own",
        "lease": "seconds of a lease",
        "restarts": "how often the API server ends and comes back, and PostgreSQL too",
        "patience": "seconds that all stores may take to settle in the end",
    }
    for option in fields(Options):
        kind = type(option.default)
        parser.add_argument(
            f"--{option.name}",
            type=float if option.name in {"lease", "patience"} else kind,
            default=option.default,
            help=f"{words[option.name]} ({option.default})",
        )
    parser.add_argument("--keep", type=Path, help="folder for the logs; else they are removed")
    given = vars(parser.parse_args())
    return Options(**{name: given[name] for name in words}), given["keep"]


def main() -> int:
    """Carry out one run and print its counts."""
    options, keep = _options()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="storeorch-chaos-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(run(options, folder, say))
    print(*report.lines(), sep="\n")
    violations = report.violations()
    print(f"violations: {len(violations)}", *violations, sep="\n  ", flush=True)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
