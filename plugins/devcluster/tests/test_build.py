from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from storeorch_devcluster import build, ensure_binaries, ensure_helm3, ensure_node_binaries
from storeorch_devcluster.errors import BuildFailed
from storeorch_devcluster.paths import (
    GATEWAY_API,
    HELM3,
    TOOLS,
    TRAEFIK,
    binaries_dir,
    cache_root,
    module_files,
    module_folder,
)
from storeorch_devcluster.progress import Progress

GO = """
if args == ["version"]:
    print("go version go1.99.0 linux/amd64")
    sys.exit()
if args[:2] == ["mod", "download"]:
    if pathlib.Path({folder!r}, "offline").exists():
        sys.exit("foreign text")
    module = pathlib.Path(os.environ["GOMODCACHE"], args[-1] + "@v1")
    (module / "config/crd/standard").mkdir(parents=True)
    (module / "config/crd/standard/routes.yaml").write_text("kind: CustomResourceDefinition")
    print(json.dumps({{"Dir": str(module)}}))
    sys.exit()
output = pathlib.Path(args[args.index("-o") + 1])
print("go: downloading example.org/module v1.0.0", file=sys.stderr)
if (flag := pathlib.Path({folder!r}, "fails")).exists() and flag.read_text() == args[-1]:
    sys.exit("foreign text")
assert pathlib.Path("go.sum").read_bytes() and os.environ["GOCACHE"].startswith(os.getcwd())
assert os.environ["GOMODCACHE"].startswith(os.getcwd()) and os.environ["CGO_ENABLED"] == "0"
(pathlib.Path({folder!r}) / "sum").write_bytes(pathlib.Path("go.sum").read_bytes())
output.write_text("#!/bin/sh\\n")
output.chmod(0o755)
"""


@pytest.fixture
def go(programs: Any) -> Any:
    """A stand-in for Go that fails for the package named in its file `fails`."""
    programs.add("go", GO.format(folder=str(programs.folder)))
    return programs


def builds(go: Any) -> list[str]:
    return [call[-1] for call in go.calls() if call[1] == "build"]


def test_every_program_is_built_once(go: Any, cache: Path) -> None:
    said: list[Progress] = []
    folder = ensure_binaries(said.append)
    assert folder == binaries_dir()
    assert {path.name for path in folder.iterdir()} == set(TOOLS)
    assert builds(go) == list(TOOLS.values())
    assert "Building etcd (1 of 7)" in [progress.message for progress in said]
    assert ensure_binaries() == folder
    assert len(builds(go)) == len(TOOLS)


def test_modules_are_the_pinned_ones_and_nothing_temporary_stays(go: Any, cache: Path) -> None:
    folder = ensure_binaries()
    assert (go.folder / "sum").read_bytes() == module_files()["go.sum"]
    assert {path.name for path in folder.parent.iterdir()} - {"build.lock"} == {"bin", "build.log"}


def test_a_failed_build_shows_nothing_and_goes_on_where_it_was(go: Any, cache: Path) -> None:
    fails = go.folder / "fails"
    fails.write_text(TOOLS["kube-scheduler"])
    with pytest.raises(BuildFailed) as caught:
        ensure_binaries()
    assert not binaries_dir().exists()
    log = binaries_dir().parent / "build.log"
    assert str(log) in (caught.value.hint or "")
    assert "foreign" not in str(caught.value)
    assert "foreign text" in log.read_text()
    before = builds(go)
    fails.unlink()
    ensure_binaries()
    assert not set(builds(go)[len(before) :]) & set(before[:-1])
    assert {path.name for path in binaries_dir().iterdir()} == set(TOOLS)


def test_an_interrupted_build_leaves_nothing_that_looks_complete(go: Any, cache: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if "kwok" in progress.message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_binaries(interrupt)
    assert not binaries_dir().exists()
    assert ensure_binaries().is_dir()


def test_two_builds_at_once_do_the_work_once(go: Any, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: ensure_binaries(), range(4)))
    assert len(set(folders)) == 1
    assert builds(go) == list(TOOLS.values())


def test_a_folder_that_lost_a_program_is_built_anew(go: Any, cache: Path) -> None:
    (ensure_binaries() / "helm").unlink()
    assert (ensure_binaries() / "helm").is_file()


def test_a_cache_that_cannot_be_written_is_one_clear_error(
    go: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STOREORCH_DEV_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(BuildFailed, match="cannot be written") as caught:
        ensure_binaries()
    assert "STOREORCH_DEV_CACHE" in (caught.value.hint or "")


def test_a_full_disk_is_told_before_the_work(
    go: Any,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1024**3))
    with pytest.raises(BuildFailed, match="free disk"):
        ensure_binaries()
    assert builds(go) == []


def test_helm_3_is_built_by_itself_from_modules_of_its_own(go: Any, cache: Path) -> None:
    said: list[Progress] = []
    helm = ensure_helm3(said.append)
    assert helm == binaries_dir(HELM3) / "helm"
    assert helm.is_file()
    assert builds(go) == ["helm.sh/helm/v3/cmd/helm"]
    assert (go.folder / "sum").read_bytes() == module_files(HELM3)["go.sum"]
    assert "Building helm (1 of 1)" in [progress.message for progress in said]
    assert not binaries_dir().exists()
    assert ensure_helm3() == helm
    assert len(builds(go)) == 1


def test_both_helms_lie_side_by_side(go: Any, cache: Path) -> None:
    assert ensure_binaries() / "helm" != ensure_helm3()
    assert len(list(cache_root().iterdir())) == 2


def test_definitions_are_kept_beside_the_program_that_they_belong_to(go: Any, cache: Path) -> None:
    programs = ensure_node_binaries()
    folder = module_folder(GATEWAY_API, TRAEFIK)
    assert folder.parent == programs["traefik"].parent.parent
    assert [path.name for path in folder.iterdir()] == ["routes.yaml"]
    assert {path.name for path in folder.parent.iterdir()} - {"build.lock"} == {
        "bin",
        "build.log",
        GATEWAY_API,
    }


def test_a_cache_without_definitions_gets_them_and_builds_nothing(go: Any, cache: Path) -> None:
    ensure_node_binaries()
    folder = module_folder(GATEWAY_API, TRAEFIK)
    shutil.rmtree(folder)
    before = builds(go)
    (go.folder / "offline").touch()
    with pytest.raises(BuildFailed, match="gateway-api could not be downloaded") as caught:
        ensure_node_binaries()
    assert "foreign" not in str(caught.value)
    (go.folder / "offline").unlink()
    ensure_node_binaries()
    assert (folder / "routes.yaml").is_file()
    assert binaries_dir(TRAEFIK).is_dir()
    assert builds(go) == before


def test_details_count_modules_and_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build, "DETAIL_INTERVAL", 0.0)
    lines = ["go: downloading a v1\n", "go: downloading b v1\n", "fmt\n", "# fmt\n"]
    with (tmp_path / "log").open("w") as log:
        details = list(build._details(lines, log))
    assert details[-1] == "1 packages compiled, 2 modules downloaded"
    assert (tmp_path / "log").read_text() == "".join(lines)
