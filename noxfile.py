"""Everything that is done to a checkout, each as one command: ``nox -l`` lists them.

Sessions use the Python that runs nox, install what ``requirements/`` pins, and
the five distributions as they stand in the checkout. Which checks there are,
and what they run, is said once, in ``tools/plan.py``.
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import nox

sys.path.insert(0, str(Path(__file__).parent / "tools"))

import plan

if TYPE_CHECKING:
    from collections.abc import Iterable

DISTRIBUTIONS = (
    ".",
    "plugins/woocommerce",
    "plugins/medusa",
    "plugins/devcluster",
    "examples/webapp",
)

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"


def install(session: nox.Session, requirements: str = "dev") -> None:
    """Install a pinned set and, from the checkout, the five distributions."""
    session.install("--require-hashes", "-r", f"requirements/{requirements}.txt")
    editable = chain.from_iterable(("-e", path) for path in DISTRIBUTIONS)
    session.install("--no-deps", "--no-build-isolation", *editable)


def run(session: nox.Session, commands: Iterable[tuple[str, ...]]) -> None:
    """Run commands one after the other; the first that fails ends the session."""
    plan.OUTPUT.mkdir(exist_ok=True)
    for command in commands:
        interruptible(session, *command)


def interruptible(session: nox.Session, *command: str) -> None:
    """Run a command that, interrupted, gets the time to clear up after itself."""
    session.run(*command, interrupt_timeout=120, terminate_timeout=30)


@nox.session
def tests(session: nox.Session) -> None:
    """Run everything that must pass; with arguments: pytest alone, with them."""
    install(session)
    if session.posargs:
        run(session, [plan.build_cluster(), plan.run_tests(*session.posargs)])
    else:
        interruptible(session, "python", "tools/checks.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and layers."""
    install(session)
    run(session, plan.lint())


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types, at the type checker's strictest."""
    install(session)
    run(session, plan.typecheck())


@nox.session
def unit(session: nox.Session) -> None:
    """Run the tests that need no cluster; arguments go to pytest."""
    install(session)
    run(session, [plan.run_tests(*plan.UNIT, *session.posargs)])


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests on the embedded API server; arguments go to pytest."""
    install(session)
    selections = (plan.INTEGRATION, plan.CLUSTER_PLUGINS)
    run(
        session, [plan.build_cluster(), *(plan.run_tests(*s, *session.posargs) for s in selections)]
    )


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill and stop engines at random on real servers; -- --stores 60 --kills 100 --seed 1."""
    install(session)
    run(session, [plan.build_cluster(), plan.chaos(*session.posargs)])


@nox.session
def e2e(session: nox.Session) -> None:
    """Run the tests on a real node (Linux, root); arguments go to pytest."""
    install(session)
    tests = plan.run_tests(*plan.E2E, *session.posargs, report="e2e")
    run(session, [plan.build_cluster(), plan.build_node(), tests])


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into test-output/site and test what it says."""
    install(session)
    run(session, [plan.run_tests("tests/docs", *session.posargs)])


@nox.session
def packaging(session: nox.Session) -> None:
    """Build the five distributions and try them in an empty environment."""
    install(session)
    run(session, [*plan.build_dashboard(), plan.run_tests("tests/packaging", *session.posargs)])


@nox.session
def web(session: nox.Session) -> None:
    """Run the tests of the web app, a browser's included; arguments go to pytest."""
    install(session)
    before = (plan.build_cluster(), plan.install_browser(), *plan.build_dashboard())
    run(session, [*before, plan.run_tests(*plan.WEB, *session.posargs)])


@nox.session
def demo(session: nox.Session) -> None:
    """Create two shops on a cluster of its own, show them, delete them.

    -- --keep keeps them; -- --web serves the web app until interrupted.
    """
    install(session, "run")
    if "--web" in session.posargs:
        run(session, plan.build_dashboard())
    interruptible(session, "python", "examples/demo.py", *session.posargs)


@nox.session
def simulate(session: nox.Session) -> None:
    """Run histories of the simulator; -- --seeds 10000, or -- --seed N to see one."""
    install(session)
    interruptible(session, "python", "tools/simulate.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure provisioning beside raw Helm on the same cluster."""
    install(session)
    interruptible(session, "python", "benchmarks/provisioning.py", *session.posargs)


@nox.session
def web_load(session: nox.Session) -> None:
    """Measure 200 event streams and 50 requests a second, on SQLite and on PostgreSQL."""
    install(session)
    interruptible(session, "python", "benchmarks/web_load.py", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Pin the requirements anew, for every Python and platform; -- --upgrade renews them."""
    session.install("uv")
    for name, constraints in (("run", ()), ("dev", ("--constraints", "requirements/run.txt"))):
        session.run(
            *("uv", "pip", "compile", f"requirements/{name}.in"),
            *("--output-file", f"requirements/{name}.txt", *constraints),
            *("--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"),
            *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
            *chain.from_iterable(("--no-emit-package", name) for name in plan.DISTRIBUTION_NAMES),
            *session.posargs,
        )
