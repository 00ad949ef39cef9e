from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from storeorch.cli.logs import logs
from storeorch.operatorlog import (
    MAX_BYTES,
    OPERATOR_LOGGER,
    ROOT_LOGGER,
    JsonLines,
    PrivateFile,
)

log = logging.getLogger("storeorch")
operator_log = logging.getLogger("storeorch.operator")


def test_nothing_is_opened_until_something_is_logged(tmp_path: Path) -> None:
    asked = []

    def path() -> Path:
        asked.append(1)
        return tmp_path / "log"

    with logs(path):
        pass
    assert not asked
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "operator.log"
    with logs(lambda: path):
        operator_log.error("something")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_records_are_redacted_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "operator.log"
    with logs(lambda: path):
        try:
            int("postgresql://user:hunter2@db/storeorch")
        except ValueError as error:
            operator_log.error(
                "failed with %s",
                "password=hunter2",
                exc_info=error,
                extra={"error_id": "e-1", "values": {"password": "hunter2"}, "epoch": 3},
            )
        log.info("store %s: ready", "my-store")
    first, second = map(json.loads, path.read_text().splitlines())
    assert "hunter2" not in path.read_text()
    assert (first["error_id"], first["epoch"], first["level"]) == ("e-1", 3, "error")
    assert "Traceback" in first["traceback"]
    assert (second["logger"], second["message"]) == (ROOT_LOGGER, "store my-store: ready")


def test_standard_error_shows_warnings_made_for_users_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logs(lambda: tmp_path / "log") as shown:
        log.info("one")
        log.warning("two, token=hunter2")
        operator_log.error("three")
        shown.show_progress()
        log.info("four")
        operator_log.error("five")
        shown.show_everything()
        log.debug("six")
        operator_log.error("seven")
        shown.show_progress()
        log.debug("eight")
    lines = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["two, token=[redacted]", "four", "six", "seven", "eight"]


@pytest.mark.parametrize("below", ["file", "file/operator.log"])
def test_a_log_that_cannot_be_written_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    (tmp_path / "file").mkdir() if below == "file" else (tmp_path / "file").touch()
    with logs(lambda: tmp_path / below):
        operator_log.error("one")
        operator_log.error("two")
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert shown.startswith("Warning: The operator's log cannot be written")
    assert str(tmp_path) not in shown


def test_no_log_is_a_choice(capsys: pytest.CaptureFixture[str]) -> None:
    with logs(lambda: None):
        operator_log.error("one")
    assert capsys.readouterr().err == ""


def test_handlers_are_gone_afterwards(tmp_path: Path) -> None:
    logger = logging.getLogger(ROOT_LOGGER)
    before = (logger.level, list(logger.handlers))
    with logs(lambda: tmp_path / "log") as shown:
        shown.show_everything()
    assert (logger.level, list(logger.handlers)) == before
    assert logging.getLogger(OPERATOR_LOGGER).handlers == []


def test_it_is_rotated_and_stays_private(tmp_path: Path) -> None:
    assert MAX_BYTES > 0
    path = tmp_path / "operator.log"
    file = PrivateFile(path, maxBytes=300, backupCount=1, encoding="utf-8", delay=True)
    file.setFormatter(JsonLines())
    for _ in range(3):
        file.emit(logging.makeLogRecord({"msg": "x" * 100}))
    file.close()
    names = {found.name: stat.S_IMODE(found.stat().st_mode) for found in tmp_path.iterdir()}
    assert names == {"operator.log": 0o600, "operator.log.1": 0o600}
