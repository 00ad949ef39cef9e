from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeorch_devcluster.errors import ContextUnusable
from storeorch_devcluster.existing import ExistingCluster, kubeconfig_files, only_context
from storeorch_devcluster.progress import silent
from storeorch_devcluster.state import StateFolder

Document = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "user-kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def two(document: Document, server: str) -> dict[str, Any]:
    """A kubeconfig whose current context is production, and that also has a playground."""
    production, play = document("production", "https://192.0.2.1"), document("play", server)
    merged = {key: production[key] + play[key] for key in ("clusters", "users", "contexts")}
    return production | merged


def test_only_the_named_context_is_written(
    kubeconfig: Path, folder: StateFolder, kubeconfig_of: Document, stub_server: str
) -> None:
    kubeconfig.write_text(yaml.safe_dump(two(kubeconfig_of, stub_server)))
    ExistingCluster(folder, "play").up(silent)
    text = folder.kubeconfig.read_text()
    assert yaml.safe_load(text)["current-context"] == "play"
    assert "production" not in text
    assert stat.S_IMODE(folder.kubeconfig.stat().st_mode) == 0o600
    status = ExistingCluster(folder, "play").status()
    assert (status.up, status.version, status.server) == (True, "v1.37.0", stub_server)
    assert [node.name for node in status.nodes] == ["one"]


@pytest.mark.parametrize("keep_data", [False, True])
def test_down_forgets_and_touches_nothing_else(
    kubeconfig: Path,
    folder: StateFolder,
    kubeconfig_of: Document,
    stub_server: str,
    *,
    keep_data: bool,
) -> None:
    content = yaml.safe_dump(two(kubeconfig_of, stub_server))
    kubeconfig.write_text(content)
    ExistingCluster(folder, "play").up(silent)
    ExistingCluster(folder, "play").down(keep_data=keep_data)
    assert not folder.path.exists()
    assert kubeconfig.read_text() == content


def test_a_context_that_is_not_there(
    kubeconfig: Path, folder: StateFolder, kubeconfig_of: Document
) -> None:
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_of("other", "https://192.0.2.1")))
    with pytest.raises(ContextUnusable, match="no kubeconfig context named 'play'"):
        ExistingCluster(folder, "play").up(silent)
    assert not folder.path.exists()


def test_a_cluster_that_does_not_answer_is_not_remembered(
    kubeconfig: Path, folder: StateFolder, kubeconfig_of: Document
) -> None:
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_of("play", "http://127.0.0.1:1")))
    with pytest.raises(ContextUnusable, match="does not answer") as caught:
        ExistingCluster(folder, "play").up(silent)
    assert "kubectl --context play" in (caught.value.hint or "")
    assert not folder.path.exists()
    assert not ExistingCluster(folder, "play").status().up


@pytest.mark.parametrize("content", ["{", "[]", "contexts: [{name: play}]", "contexts: null"])
def test_a_kubeconfig_that_makes_no_sense(
    kubeconfig: Path, folder: StateFolder, content: str
) -> None:
    kubeconfig.write_text(content)
    with pytest.raises(ContextUnusable):
        ExistingCluster(folder, "play").up(silent)


def test_the_first_of_several_files_wins_and_missing_ones_are_passed_over(
    tmp_path: Path, kubeconfig_of: Document
) -> None:
    paths = [tmp_path / name for name in ("missing", "one", "two")]
    paths[1].write_text(yaml.safe_dump(kubeconfig_of("play", "https://first")))
    paths[2].write_text(yaml.safe_dump(kubeconfig_of("play", "https://second")))
    assert only_context("play", paths)["clusters"][0]["cluster"]["server"] == "https://first"


def test_files_are_named_from_where_the_kubeconfig_was(
    tmp_path: Path, kubeconfig_of: Document
) -> None:
    document = kubeconfig_of("play", "https://server")
    document["clusters"][0]["cluster"]["certificate-authority"] = "pki/ca.crt"
    document["users"][0]["user"] = {
        "client-key": "/absolute/key",
        "exec": {"command": "./bin/login"},
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(document))
    found = only_context("play", [path])
    assert found["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "pki/ca.crt")
    user = found["users"][0]["user"]
    assert user["client-key"] == "/absolute/key"
    assert user["exec"]["command"] == str(tmp_path / "bin/login")


def test_the_users_own_file_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kubeconfig_files() == [tmp_path / ".kube" / "config"]
    monkeypatch.setenv("KUBECONFIG", "/a::/b")
    assert kubeconfig_files() == [Path("/a"), Path("/b")]
