"""What has to pass before a change is good: the checks, and what each one runs.

This module must not know how checks are run or shown; that is ``checks``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
OUTPUT: Final = ROOT / "test-output"

FULLY_COVERED: Final = (
    "src/storeorch/lifecycle.py",
    "src/storeorch/reconciler.py",
    "src/storeorch/db/repository.py",
)
"""Modules of which every branch must be run: what they get wrong costs a store."""

TOTAL_COVERED: Final = 85
"""Per cent of all branches and lines that the tests must run."""

EXCUSED: Final = frozenset({"needs php"})
"""Reasons for which a test may be skipped; what it looks at is covered by others too."""

TEST_SECONDS: Final = 600
"""Longest time that one test may take; a test that hangs shows its stacks."""

DISTRIBUTION_NAMES: Final = (
    "storeorch",
    "storeorch-woocommerce",
    "storeorch-medusa",
    "storeorch-devcluster",
    "storeorch-webapp",
)

DASHBOARD: Final = "examples/webapp/dashboard"
STOREFRONT: Final = "charts/medusa/image/storefront"

UNIT: Final = ("-m", "not cluster", "tests/unit", "tests/contract", "plugins")
CHARTS: Final = ("tests/charts",)
INTEGRATION: Final = ("tests/integration",)
E2E: Final = ("tests/e2e",)
SIMULATION: Final = ("-n", "2", "tests/simulation")
CLUSTER_PLUGINS: Final = ("-m", "cluster", "plugins")
CHAOS: Final = ("tests/chaos",)
WEB: Final = ("tests/web",)


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the whole, which passes or fails by itself.

    Attributes:
        name: Short name, also of its log in ``test-output``.
        title: What it makes sure of.
        commands: Run one after the other, all of them even if one fails;
            programs are those of the environment that runs the checks.
        needs: Checks that must have passed before.
        after: Checks that must have ended before, passed or not.
        tests: Whether the commands are test runs that count.
    """

    name: str
    title: str
    commands: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    tests: bool = False


def typed_paths() -> tuple[str, ...]:
    """Return what the type checker reads, as far as it exists."""
    candidates = (
        "src",
        *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/*/src")),
        *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/*/tests")),
        "tests",
        "examples",
        "benchmarks",
        "docs/_ext",
        "tools",
        "noxfile.py",
        "conftest.py",
    )
    found = (ROOT / name for name in candidates)
    return tuple(
        str(path.relative_to(ROOT)) for path in found if path.is_file() or any(path.rglob("*.py"))
    )


def lint() -> tuple[tuple[str, ...], ...]:
    """Return the commands that hold style and layers."""
    return (
        ("python", "-m", "ruff", "check", "."),
        ("python", "-m", "ruff", "format", "--check", "."),
        ("lint-imports",),
    )


def typecheck() -> tuple[tuple[str, ...], ...]:
    """Return the command that holds the types."""
    return (("python", "-m", "mypy", *typed_paths()),)


def run_tests(*arguments: str, report: str | None = None) -> tuple[str, ...]:
    """Return a command that runs pytest.

    Args:
        *arguments: Given to pytest.
        report: Name of the report that the counts are read from.
    """
    counted = () if report is None else (f"--junitxml={OUTPUT / report}.xml",)
    return ("python", "-m", "pytest", f"--timeout={TEST_SECONDS}", *counted, *arguments)


def measured(name: str, *arguments: str) -> tuple[str, ...]:
    """Return a command that runs pytest and measures coverage into a file of its own."""
    return run_tests("--cov", "--cov-report=", *arguments, report=name)


def build_cluster() -> tuple[str, ...]:
    """Return the command that builds the cluster's programs and Helm 3, or finds them built."""
    code = (
        "from functools import partial\n"
        "from storeorch_devcluster import ensure_binaries, ensure_helm3\n"
        "say = partial(print, flush=True)\n"
        "print('Programs in', ensure_binaries(say))\n"
        "print('Helm 3 is', ensure_helm3(say))"
    )
    return ("python", "-c", code)


def chaos(*arguments: str) -> tuple[str, ...]:
    """Return the command that kills and stops engines for as long as its arguments say."""
    return ("python", "-m", "tests.chaos", *arguments)


def build_node() -> tuple[str, ...]:
    """Return the command that builds a real node's programs, or finds them built."""
    code = (
        "from functools import partial\n"
        "from storeorch_devcluster import ensure_node_binaries\n"
        "for name, path in ensure_node_binaries(partial(print, flush=True)).items():\n"
        "    print(name, 'is', path)"
    )
    return ("python", "-c", code)


def install_browser() -> tuple[str, ...]:
    """Return the command that installs the browser that tests drive, or finds it installed."""
    return ("python", "tools/browser.py")


def build_dashboard() -> tuple[tuple[str, ...], ...]:
    """Return the commands that build the dashboard's files from what its lock pins."""
    return (npm("ci", "--no-audit", "--no-fund"), npm("run", "build"))


def check_dashboard() -> tuple[tuple[str, ...], ...]:
    """Return the commands that build the dashboard, and hold its style, types and tests."""
    return (*build_dashboard(), npm("run", "lint"), npm("run", "typecheck"), npm("test"))


def check_storefront() -> tuple[tuple[str, ...], ...]:
    """Return the commands that build the Medusa chart's storefront, and run its tests.

    They work on a copy: what npm leaves behind must not travel with the chart.
    """
    copy = OUTPUT / "storefront"
    code = (
        "import shutil\n"
        f"shutil.rmtree({str(copy)!r}, ignore_errors=True)\n"
        f"shutil.copytree({STOREFRONT!r}, {str(copy)!r})"
    )
    steps = (("ci", "--no-audit", "--no-fund"), ("run", "build"), ("test",))
    return (("python", "-c", code), *(npm(*step, folder=str(copy)) for step in steps))


def npm(*arguments: str, folder: str = DASHBOARD) -> tuple[str, ...]:
    """Return a command of npm in a folder."""
    return ("npm", "--prefix", folder, *arguments)


def coverage() -> tuple[tuple[str, ...], ...]:
    """Return the commands that put the measurements together and hold the gates."""
    tool = ("python", "-m", "coverage")
    return (
        (*tool, "combine", "--keep", str(OUTPUT)),
        (*tool, "report", f"--fail-under={TOTAL_COVERED}"),
        (*tool, "report", f"--include={','.join(FULLY_COVERED)}", "--fail-under=100"),
    )


def plan() -> tuple[Check, ...]:
    """Return every check; those that come first are started first."""
    return (
        Check(
            "cluster", "the embedded cluster's programs and Helm 3 are built", (build_cluster(),)
        ),
        Check("lint", "style, formatting and layers", lint()),
        Check("types", "the strictest type check", typecheck()),
        Check(
            "unit",
            "every module by itself",
            (measured("unit", *UNIT),),
            tests=True,
        ),
        Check(
            "dashboard",
            "the dashboard builds, and passes its own checks",
            check_dashboard(),
        ),
        Check(
            "storefront",
            "the Medusa chart's storefront builds, and passes its tests",
            check_storefront(),
        ),
        Check(
            "simulation",
            "500 histories with faults, the crash matrix, and the mutation check",
            (run_tests(*SIMULATION, report="simulation"),),
            tests=True,
        ),
        Check(
            "integration",
            "everything together on a real API server",
            (measured("integration", *INTEGRATION), measured("plugins", *CLUSTER_PLUGINS)),
            needs=("cluster",),
            after=(
                "lint",
                "types",
                "unit",
                "simulation",
                "charts",
                "docs",
                "packaging",
                "dashboard",
                "storefront",
            ),  # it has the machine to itself
            tests=True,
        ),
        Check(
            "chaos",
            "engines that are killed and stopped lose nothing",
            (run_tests(*CHAOS, report="chaos"),),
            needs=("cluster",),
            after=("integration",),  # as that, it has the machine to itself
            tests=True,
        ),
        Check(
            "web",
            "the web app, in memory, for real and in a browser",
            (install_browser(), measured("web", *WEB)),
            needs=("cluster", "dashboard"),
            after=("chaos",),  # so has this
            tests=True,
        ),
        Check(
            "charts",
            "the charts render what Kubernetes accepts",
            (run_tests(*CHARTS, report="charts"),),
            needs=("cluster",),  # it brings Helm
            tests=True,
        ),
        Check(
            "docs",
            "the documentation builds and tells the truth",
            (run_tests("tests/docs", report="docs"),),
            tests=True,
        ),
        Check(
            "packaging",
            "the distributions work where nothing else is",
            (run_tests("tests/packaging", report="packaging"),),
            needs=("dashboard",),  # a wheel holds it
            tests=True,
        ),
        Check(
            "coverage",
            "what the tests ran",
            coverage(),
            after=("integration", "chaos", "web"),
        ),
    )
