from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from storeorch_devcluster import processes
from storeorch_devcluster.state import ProcessRecord

Start = Callable[[str], ProcessRecord]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def start(log: Path) -> Iterator[Start]:
    records: list[ProcessRecord] = []

    def run(code: str) -> ProcessRecord:
        record = processes.spawn([sys.executable, "-c", code], log=log)
        records.append(record)
        return record

    yield run
    for record in records:
        processes.kill(record)


WAITING = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITING


def test_a_daemon_is_found_by_its_record(start: Start) -> None:
    record = start(WAITING)
    found = processes.find(record)
    assert found is not None
    assert found.pid == record.pid


def test_a_daemon_has_a_session_of_its_own_and_no_terminal(start: Start) -> None:
    record = start(WAITING)
    assert os.getsid(record.pid) == record.pid != os.getsid(0)


def test_output_goes_to_the_log(start: Start, log: Path, eventually: Any) -> None:
    start("import sys; print('out'); print('err', file=sys.stderr)")
    eventually(lambda: log.exists() and {"out", "err"} <= set(log.read_text().split()))


def test_a_reused_pid_is_a_stranger_and_left_alone(start: Start) -> None:
    record = start(WAITING)
    stranger = ProcessRecord(pid=record.pid, argv=["etcd", "--data-dir=/somewhere"])
    assert processes.find(stranger) is None
    processes.terminate([stranger])
    processes.kill(stranger)
    assert processes.find(record) is not None


def test_a_pid_that_nobody_has_is_not_found() -> None:
    assert processes.find(ProcessRecord(pid=2**22 + 1, argv=["etcd"])) is None


def test_daemons_end_when_asked(start: Start, log: Path, eventually: Any) -> None:
    records = [start(WAITING), start(WAITING)]
    eventually(lambda: log.read_text().count("up") == 2)
    processes.terminate(records)
    assert not any(psutil.pid_exists(record.pid) for record in records)


def test_a_stubborn_daemon_is_ended_by_force(start: Start, log: Path, eventually: Any) -> None:
    record = start(STUBBORN)
    eventually(lambda: "up" in log.read_text())
    processes.terminate([record], patience=0.05)
    assert not psutil.pid_exists(record.pid)


def test_a_daemon_that_died_is_reaped(start: Start, eventually: Any) -> None:
    record = start(WAITING)
    os.kill(record.pid, signal.SIGKILL)
    eventually(lambda: processes.find(record) is None and not psutil.pid_exists(record.pid))


def test_a_program_that_is_not_there_cannot_be_started(log: Path) -> None:
    with pytest.raises(OSError, match="nonexistent"):
        processes.spawn(["/nonexistent"], log=log)
