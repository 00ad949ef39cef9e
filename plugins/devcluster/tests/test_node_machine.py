from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from storeorch_devcluster.errors import NodeUnsupported
from storeorch_devcluster.progress import Progress
from storeorch_devcluster.realnode import machine


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A kernel that offers everything, as files."""
    for name in ("net", "mnt", "pid", "ipc"):
        (tmp_path / "proc/self/ns").mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc/self/ns" / name).touch()
    (tmp_path / "proc/filesystems").write_text("nodev\toverlay\n")
    for name in machine.CONTROLLERS:
        (tmp_path / "cgroup" / name).mkdir(parents=True)
        (tmp_path / "cgroup" / name / "cgroup.procs").touch()
    return tmp_path


def missing(kernel: Path) -> list[str]:
    return machine.missing_features(kernel / "proc", kernel / "cgroup")


def test_a_kernel_that_offers_everything_lacks_nothing(kernel: Path) -> None:
    assert missing(kernel) == []


def test_what_a_kernel_lacks_is_named(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SYSTEM_PATH", str(kernel))
    (kernel / "proc/self/ns/net").unlink()
    (kernel / "proc/filesystems").write_text("nodev\ttmpfs\n")
    (kernel / "cgroup/pids/cgroup.procs").unlink()
    assert missing(kernel) == [
        "network namespaces",
        "the overlay file system",
        "the control group 'pids'",
    ]
    (kernel / "cgroup/cgroup.controllers").touch()
    assert len(missing(kernel)) == 2


def test_other_systems_and_other_users_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NodeUnsupported, match="root") as caught:
        machine.check()
    assert "storeorch dev up" in (caught.value.hint or "")
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NodeUnsupported, match="Linux"):
        machine.check()


def test_an_unfit_kernel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machine, "missing_features", lambda proc, cgroup: ["magic"])
    with pytest.raises(NodeUnsupported, match="magic"):
        machine.check()


@pytest.fixture
def bare(programs: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine with nothing on it but what a test adds."""
    monkeypatch.setattr(machine, "SYSTEM_PATH", str(programs.folder))
    monkeypatch.setattr(machine, "FILES", {})
    return programs


def test_what_is_missing_is_installed_by_its_package(bare: Any, tmp_path: Path) -> None:
    for name in machine.PROGRAMS:
        if name != "runc":
            bare.add(name, "")
    folder = str(bare.folder)
    bare.add(
        "apt-get",
        "if args[0] == 'install':\n"
        f"    pathlib.Path({folder!r}, 'runc').touch(0o755)\n"
        "print('said')",
    )
    said: list[Progress] = []
    machine.install_packages(tmp_path / "log", said.append)
    update, install = bare.calls()
    assert update == ["apt-get", "update"]
    assert install[-1] == "runc"
    assert (tmp_path / "log").read_text().count("said") == 2
    assert "Installing runc" in [progress.message for progress in said]
    machine.install_packages(tmp_path / "log")
    assert len(bare.calls()) == 2


def test_what_cannot_be_installed_is_named(bare: Any, tmp_path: Path) -> None:
    with pytest.raises(NodeUnsupported) as caught:
        machine.install_packages(tmp_path / "log")
    assert "nftables" in (caught.value.hint or "")
    bare.add("apt-get", "sys.exit('foreign text')")
    with pytest.raises(NodeUnsupported) as caught:
        machine.install_packages(tmp_path / "log")
    assert str(tmp_path / "log") in (caught.value.hint or "")
