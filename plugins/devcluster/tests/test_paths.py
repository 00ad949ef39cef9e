from __future__ import annotations

import re
from pathlib import Path

import pytest

from storeorch_devcluster import paths


def test_pinned_modules_travel_in_the_package() -> None:
    assert paths.module_version("k8s.io/kubernetes") == "v1.37.2"
    assert paths.module_version("helm.sh/helm/v4").startswith("v4.")
    assert paths.go_directive() >= (1, 26)
    assert b"k8s.io/kubernetes v1.37.2 h1:" in paths.module_files()["go.sum"]


def test_an_unknown_module_has_no_version() -> None:
    with pytest.raises(LookupError):
        paths.module_version("example.org/nothing")


def test_every_program_is_a_tool_of_the_module() -> None:
    text = paths.module_files()["go.mod"].decode()
    listed = re.search(r"^tool \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL)
    assert listed is not None
    assert sorted(listed[1].split()) == sorted(paths.TOOLS.values())


def test_helm_3_is_pinned_by_modules_of_its_own() -> None:
    version = paths.module_version("helm.sh/helm/v3", paths.HELM3)
    assert version.startswith("v3.")
    assert f"helm.sh/helm/v3 {version} h1:".encode() in paths.module_files(paths.HELM3)["go.sum"]
    assert f"internal/version.version={version}" in paths.link_flags(paths.HELM3)
    assert paths.cache_key(paths.HELM3).startswith(f"helm-{version}-")
    tool = paths.HELM3.tools["helm"]
    assert f"\ntool {tool}\n".encode() in paths.module_files(paths.HELM3)["go.mod"]


def test_programs_say_their_versions() -> None:
    flags = paths.link_flags()
    assert "gitVersion=v1.37.2" in flags
    assert "gitMinor=37" in flags
    assert f"internal/version.version={paths.module_version('helm.sh/helm/v4')}" in flags


def test_modules_are_checked_against_the_pinned_sums() -> None:
    assert "-mod=readonly" in paths.build_flags()


def test_the_cache_is_by_version_and_can_be_moved(cache: Path) -> None:
    assert paths.binaries_dir() == cache / paths.cache_key() / "bin"
    assert paths.cache_key().startswith("v1.37.2-")


def test_the_state_can_be_moved(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert paths.state_home() == home
    monkeypatch.delenv("STOREORCH_DEV_HOME")
    assert paths.state_home().parts[-2:] == ("storeorch", "devcluster")


def test_only_programs_that_were_built_are_offered(cache: Path) -> None:
    assert paths.built_executable("helm") is None
    program = paths.binaries_dir() / "helm"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o644)
    assert paths.built_executable("helm") is None
    program.chmod(0o755)
    assert paths.built_executable("helm") == program
    assert paths.built_executable("../helm") is None
