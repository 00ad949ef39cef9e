"""The command line around a fake orchestrator, as a fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from storeorch.settings import Settings

from .fake import Cli


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database_url="sqlite:///unused", log_file=tmp_path / "private" / "operator.log", actor="me"
    )


@pytest.fixture
def so(settings: Settings) -> Cli:
    return Cli(settings)
