"""Build the documentation once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site() -> Path:
    """Build all pages, warnings being errors, and return their folder."""
    target = ROOT / "test-output" / "site"
    build = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "--builder", "html", "--fresh-env"),
            *("--fail-on-warning", "--keep-going", "--quiet", ROOT / "docs", target),
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    assert build.stderr == ""
    return target
