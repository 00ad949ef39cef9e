from __future__ import annotations

import stat
from pathlib import Path

import pytest

from storeorch_devcluster import state as module
from storeorch_devcluster.errors import StateUnusable
from storeorch_devcluster.state import ProcessRecord, State, StateFolder


def test_what_is_written_is_read(folder: StateFolder) -> None:
    assert folder.read() is None
    state = State(
        provider="embedded",
        ports={"etcd": 1},
        processes={"etcd": ProcessRecord(pid=1, argv=["etcd", "--x"])},
    )
    folder.write(state)
    assert folder.read() == state
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", ["", "{", '{"provider": "other"}', '{"version": 2}'])
def test_a_file_that_makes_no_sense_is_one_clear_error(folder: StateFolder, content: str) -> None:
    folder.create()
    (folder.path / "state.json").write_text(content)
    with pytest.raises(StateUnusable, match="cannot be read") as caught:
        folder.read()
    assert str(folder.path) in (caught.value.hint or "")


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = StateFolder(tmp_path / "file" / "state")
    assert folder.read() is None
    with pytest.raises(StateUnusable, match="cannot be written") as caught:
        folder.write(State(provider="embedded"))
    assert "STOREORCH_DEV_HOME" in (caught.value.hint or "")


def test_one_at_a_time(folder: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.0)
    other = StateFolder(folder.path)
    with folder.locked(), pytest.raises(StateUnusable, match="Another process"), other.locked():
        pytest.fail("two at a time")
    with folder.locked():
        pass


def test_only_what_was_written_is_removed(folder: StateFolder) -> None:
    folder.write(State(provider="embedded"))
    folder.kubeconfig.touch()
    for part in (folder.pki, folder.data):
        part.mkdir()
    mine = folder.path / "mine"
    mine.touch()
    folder.remove(keep_data=False)
    assert [path for path in folder.path.iterdir() if path.name[0] != "."] == [mine]
    folder.create()
    mine.unlink()
    folder.remove(keep_data=False)
    assert not folder.path.exists()


def test_a_folder_of_somebody_else_is_neither_used_nor_emptied(folder: StateFolder) -> None:
    logs = folder.path / "logs"
    logs.mkdir(parents=True)
    with pytest.raises(StateUnusable, match="not empty"):
        folder.write(State(provider="embedded"))
    folder.remove(keep_data=False)
    assert list(folder.path.iterdir()) == [logs]


def test_nothing_stays_of_what_failed_before_there_was_a_state(folder: StateFolder) -> None:
    with pytest.raises(RuntimeError), folder.locked():
        raise RuntimeError
    assert not folder.path.exists()


def test_data_can_be_kept(folder: StateFolder) -> None:
    folder.write(State(provider="embedded"))
    folder.data.mkdir()
    folder.kubeconfig.touch()
    folder.remove(keep_data=True)
    assert folder.data.is_dir()
    assert folder.read() is not None
    assert not folder.kubeconfig.exists()
