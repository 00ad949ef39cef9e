from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storeorch_devcluster.realnode import cgroups


def group(folder: Path, *pids: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    return folder


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A root in the layout of version 1."""
    for controller in ("cpu", "pids", "unified"):
        group(tmp_path / controller)
    (tmp_path / "cpuacct").symlink_to(tmp_path / "cpu")
    return tmp_path


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    yield process
    process.kill()
    process.wait()


def test_both_layouts_are_understood(first: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert [path.name for path in cgroups.hierarchies(first)] == ["cpu", "pids", "unified"]
    second = tmp_path_factory.mktemp("second")
    (second / "cgroup.controllers").touch()
    assert cgroups.hierarchies(second) == [second]
    assert cgroups.hierarchies(second / "nowhere") == []


def test_a_node_is_named_by_its_folder() -> None:
    one, two = cgroups.name_of(Path("/one")), cgroups.name_of(Path("/two"))
    assert one.startswith(cgroups.PREFIX)
    assert one != two


def test_members_are_those_of_all_groups_below(first: Path) -> None:
    name = cgroups.name_of(first)
    group(first / "cpu" / name, 11)
    group(first / "pids" / name)
    group(first / "pids" / name / "pods" / "one", 12, 13)
    group(first / "pids" / "stranger", 14)
    assert cgroups.members(name, first) == {11, 12, 13}
    assert cgroups.groups(first) == {name}


def test_joining_makes_the_group_and_fills_its_cpuset(first: Path) -> None:
    group(first / "cpuset")
    (first / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    made = first / "cpuset" / "storeorch-dev-x"
    made.mkdir()
    (made / "cpuset.cpus").write_text("\n")
    cgroups.join("storeorch-dev-x", first)
    assert (made / "cpuset.cpus").read_text() == "0-1\n"
    assert (first / "pids" / "storeorch-dev-x" / "system" / "cgroup.procs").read_text() == "0"


def test_removing_ends_the_members_and_nobody_else(
    first: Path, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = cgroups.name_of(first)
    procs = group(first / "pids" / name / "system", child.pid) / "cgroup.procs"
    killed: list[int] = []

    def kill(pid: int, number: int) -> None:
        killed.append(pid)
        # The kernel takes the dead from the list, and a folder of its files goes with it.
        procs.unlink()

    monkeypatch.setattr(os, "kill", kill)
    assert cgroups.remove(name, first)
    assert killed == [child.pid]
    assert not (first / "pids" / name).exists()
    assert (first / "pids").exists()


def test_what_does_not_end_is_said(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "PATIENCE", 0.0)
    monkeypatch.setattr(os, "kill", lambda pid, number: None)
    name = cgroups.name_of(first)
    group(first / "pids" / name, 10**9)
    assert not cgroups.remove(name, first)
    (first / "pids" / name / "cgroup.procs").write_text("")
    # Its file keeps the folder, as a busy group would.
    assert not cgroups.remove(name, first)
