"""The public surface: a change of it is a decision, and shows here."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import storeorch
import storeorch.testing

PUBLIC = [
    "AdminAccess",
    "Check",
    "Condition",
    "Credentials",
    "Delta",
    "Done",
    "Event",
    "EventKind",
    "Fault",
    "FieldProblem",
    "HelmStoreType",
    "LogLine",
    "Orchestrator",
    "Outcome",
    "OwnerLimits",
    "Page",
    "Parameters",
    "PluginInfo",
    "Quota",
    "ServedPage",
    "Settings",
    "Status",
    "Step",
    "Store",
    "StoreContext",
    "StoreFilter",
    "StoreOrder",
    "StoreType",
    "StoreorchError",
    "Waiting",
    "__version__",
    "hookimpl",
    "operator_log",
    "report_error",
]

TESTING = [
    "Checkpoint",
    "Crash",
    "FaultKind",
    "FaultPlan",
    "FaultyProcess",
    "MemoryCluster",
    "MemoryHosts",
    "MemoryReleases",
    "MemoryRepository",
    "NothingLeftToHappen",
    "Point",
    "SampleShop",
    "Sandbox",
    "VirtualClock",
    "VirtualLoop",
    "run_virtual",
    "virtual_time",
]

HEAVY = {
    "alembic",
    "click",
    "hypothesis",
    "kubernetes",
    "pydantic",
    "pyhelm3",
    "pytest",
    "rich",
    "sqlalchemy",
}

ROOT = Path(inspect.getfile(storeorch)).parent


def test_names_are_as_decided() -> None:
    assert storeorch.__all__ == PUBLIC
    assert storeorch.testing.__all__ == TESTING


@pytest.mark.parametrize("name", [name for name in PUBLIC if not name.startswith("__")])
def test_name_leads_to_something_documented(name: str) -> None:
    value = getattr(storeorch, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)


@pytest.mark.parametrize("name", TESTING)
def test_name_of_the_kit_leads_to_something(name: str) -> None:
    assert getattr(storeorch.testing, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = storeorch.no_such_name


def test_dir_lists_the_names() -> None:
    assert set(PUBLIC) <= set(dir(storeorch))


def test_import_is_cheap() -> None:
    """Names are imported when they are used."""
    code = "import sys, storeorch, storeorch.errors; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(answer.stdout.split()) == set()


def test_core_does_not_import_the_kit() -> None:
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] == "testing":
            continue
        imported = {
            node.module or ""
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
        } | {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not {name for name in imported if name.startswith("storeorch.testing")}, path


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path for path in ROOT.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
