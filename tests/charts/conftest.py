"""Helm, and the two charts."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path

import pytest

from .rendering import Helm

CHART_NAMES = ("medusa", "woocommerce")


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm from ``STOREORCH_HELM``, else from the path, else from the development cluster."""
    named = os.environ.get("STOREORCH_HELM") or shutil.which("helm")
    if named is None:
        try:
            devcluster = importlib.import_module("storeorch_devcluster")
        except ModuleNotFoundError:
            pytest.fail("no helm: set STOREORCH_HELM, or install storeorch-devcluster")
        named = str(devcluster.ensure_binaries() / "helm")
    return Helm(executable=Path(named), home=tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session", params=CHART_NAMES)
def chart(request: pytest.FixtureRequest) -> str:
    """The name of a chart, once for each."""
    name: str = request.param
    return name
