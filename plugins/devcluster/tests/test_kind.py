from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeorch_devcluster import kind
from storeorch_devcluster.errors import ClusterStartFailed, ProviderConflict, ProviderMissing
from storeorch_devcluster.kind import KindCluster, docker_answers
from storeorch_devcluster.progress import silent
from storeorch_devcluster.state import StateFolder

KIND = """
folder = pathlib.Path({folder!r})
clusters = folder / "clusters"
if args[:2] == ["get", "clusters"]:
    print(clusters.read_text() if clusters.exists() else "No kind clusters found.")
elif args[0] in ("create", "export"):
    if (folder / "fails").exists():
        sys.exit("foreign text")
    if args[0] == "create":
        config = args[args.index("--config") + 1]
        (folder / "config").write_text(pathlib.Path(config).read_text())
    clusters.write_text("storeorch")
    pathlib.Path(args[args.index("--kubeconfig") + 1]).write_text({kubeconfig!r})
else:
    clusters.unlink()
"""


@pytest.fixture
def engine(
    programs: Any, stub_server: str, kubeconfig_of: Callable[[str, str], dict[str, Any]]
) -> Any:
    """Stand-ins for a Docker engine that answers, and for kind."""
    content = json.dumps(kubeconfig_of("kind-storeorch", stub_server))
    programs.add("docker", "print('28.0.0')")
    programs.add("kind", KIND.format(folder=str(programs.folder), kubeconfig=content))
    return programs


def kind_calls(engine: Any) -> list[list[str]]:
    return [call[1:] for call in engine.calls() if call[0] == "kind"]


def test_a_cluster_is_created_with_the_ports_of_an_ingress(
    engine: Any, folder: StateFolder
) -> None:
    KindCluster(folder).up(silent)
    create = kind_calls(engine)[-1]
    assert create[:4] == ["create", "cluster", "--name", "storeorch"]
    assert create[create.index("--kubeconfig") + 1] == str(folder.kubeconfig)
    config = yaml.safe_load((engine.folder / "config").read_text())
    mappings = config["nodes"][0]["extraPortMappings"]
    assert [(m["containerPort"], m["hostPort"]) for m in mappings] == [(80, 80), (443, 443)]
    assert stat.S_IMODE(folder.kubeconfig.stat().st_mode) == 0o600
    status = KindCluster(folder).status()
    assert (status.up, status.provider, status.simulated) == (True, "kind", False)


def test_up_when_up_creates_nothing(engine: Any, folder: StateFolder) -> None:
    KindCluster(folder).up(silent)
    KindCluster(folder).up(silent)
    assert [call[0] for call in kind_calls(engine)] == ["get", "create", "get"]


def test_a_lost_kubeconfig_is_written_again(engine: Any, folder: StateFolder) -> None:
    KindCluster(folder).up(silent)
    folder.kubeconfig.unlink()
    KindCluster(folder).up(silent)
    assert kind_calls(engine)[-1][:2] == ["export", "kubeconfig"]
    assert stat.S_IMODE(folder.kubeconfig.stat().st_mode) == 0o600


def test_down_deletes_the_cluster_and_the_folder(engine: Any, folder: StateFolder) -> None:
    KindCluster(folder).up(silent)
    KindCluster(folder).down(keep_data=False)
    assert kind_calls(engine)[-1][:4] == ["delete", "cluster", "--name", "storeorch"]
    assert not folder.path.exists()


def test_its_data_cannot_be_kept(engine: Any, folder: StateFolder) -> None:
    KindCluster(folder).up(silent)
    with pytest.raises(ProviderConflict):
        KindCluster(folder).down(keep_data=True)
    assert folder.read() is not None


def test_a_cluster_of_that_name_that_is_not_ours_is_not_used(
    engine: Any, folder: StateFolder
) -> None:
    (engine.folder / "clusters").write_text("storeorch")
    with pytest.raises(ProviderConflict) as caught:
        KindCluster(folder).up(silent)
    assert "--context kind-storeorch" in (caught.value.hint or "")
    assert [call[0] for call in kind_calls(engine)] == ["get"]


def test_a_failing_kind_names_its_log(engine: Any, folder: StateFolder) -> None:
    (engine.folder / "fails").touch()
    with pytest.raises(ClusterStartFailed) as caught:
        KindCluster(folder).up(silent)
    log = folder.logs / "kind.log"
    assert str(log) in (caught.value.hint or "")
    assert "foreign" not in str(caught.value)
    assert "foreign text" in log.read_text()
    (engine.folder / "fails").unlink()
    KindCluster(folder).up(silent)


def test_docker_without_kind(programs: Any, folder: StateFolder) -> None:
    programs.add("docker", "")
    with pytest.raises(ProviderMissing, match="'kind' is not installed") as caught:
        KindCluster(folder).up(silent)
    assert "--provider embedded" in (caught.value.hint or "")
    assert folder.read() is None


def test_kind_without_an_engine(programs: Any, folder: StateFolder) -> None:
    programs.add("docker", "sys.exit(1)")
    programs.add("kind", "")
    with pytest.raises(ProviderMissing, match="No Docker engine answers"):
        KindCluster(folder).up(silent)


def test_no_docker_at_all(programs: Any) -> None:
    assert not docker_answers()


def test_an_engine_that_hangs_does_not_answer(
    programs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "DOCKER_TIMEOUT", 0.2)
    programs.add("docker", "import signal\nsignal.pause()")
    assert not docker_answers()


def test_kind_went_away_after_up(engine: Any, folder: StateFolder) -> None:
    KindCluster(folder).up(silent)
    Path(engine.folder / "kind").unlink()
    with pytest.raises(ProviderMissing) as caught:
        KindCluster(folder).down(keep_data=False)
    assert str(folder.path) in (caught.value.hint or "")
