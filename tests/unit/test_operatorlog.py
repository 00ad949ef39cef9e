"""The operator's log, as programs that use the library keep it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from storeorch import operator_log, report_error


def entries(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_error_stands_under_its_id(tmp_path: Path) -> None:
    path = tmp_path / "private" / "operator.log"
    with operator_log(path):
        error = RuntimeError("password=s3cret-and-long")
        error_id = report_error("something failed", error, path="/api/stores")
    (entry,) = entries(path)
    assert entry["error_id"] == error_id
    assert (entry["message"], entry["path"]) == ("something failed", "/api/stores")
    assert "RuntimeError" in str(entry["traceback"])
    assert "s3cret" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_it_ends_with_the_body(tmp_path: Path) -> None:
    path = tmp_path / "operator.log"
    logger = logging.getLogger("storeorch")
    before = (logger.level, list(logger.handlers))
    with operator_log(path):
        logger.info("kept")
    logger.warning("not kept")
    assert (logger.level, list(logger.handlers)) == before
    assert [entry["message"] for entry in entries(path)] == ["kept"]


@pytest.mark.parametrize("told", [True, False])
def test_a_log_that_cannot_be_written(tmp_path: Path, *, told: bool) -> None:
    """It is told once, and breaks nothing."""
    said: list[str] = []
    (tmp_path / "file").write_text("")
    with operator_log(tmp_path / "file" / "operator.log", said.append if told else None):
        logging.getLogger("storeorch").warning("one")
        logging.getLogger("storeorch").warning("two")
    assert len(said) == told


def test_no_log() -> None:
    with operator_log(None):
        assert report_error("nothing", RuntimeError()).startswith("e-")
