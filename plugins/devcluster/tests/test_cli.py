from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from storeorch_devcluster import provider
from storeorch_devcluster.cli import dev
from storeorch_devcluster.errors import NoDevCluster, ProviderMissing
from storeorch_devcluster.state import State, StateFolder
from storeorch_devcluster.status import Status


def run(*arguments: str) -> Result:
    """Run a command; errors of storeorch come out as they are, as the core's CLI gets them."""
    return CliRunner().invoke(dev, arguments, catch_exceptions=False)


@pytest.fixture
def playground(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stub_server: str,
    kubeconfig_of: Callable[[str, str], dict[str, Any]],
) -> str:
    """A kubeconfig context whose cluster answers."""
    path = tmp_path / "user-kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig_of("play", stub_server)))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return "play"


def test_no_cluster_is_an_error_with_a_hint(home: Path) -> None:
    with pytest.raises(NoDevCluster) as caught:
        run("kubeconfig")
    assert caught.value.exit_code == 4
    assert "storeorch dev up" in (caught.value.hint or "")
    assert not home.exists()


def test_status_of_no_cluster(home: Path) -> None:
    result = run("status", "-o", "json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["up"] is False
    result = run("status")
    assert result.exit_code == 4
    assert "no development cluster" in result.stdout


def test_down_of_no_cluster_is_fine(home: Path) -> None:
    result = run("down")
    assert result.exit_code == 0
    assert result.stdout == ""


def test_an_existing_cluster_from_up_to_down(
    home: Path, folder: StateFolder, playground: str
) -> None:
    result = run("up", "--context", playground)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "export KUBECONFIG=$(storeorch dev kubeconfig)" in result.stderr
    assert "simulated" not in result.stderr
    assert "already up" in run("up", "--context", playground).stderr
    assert run("kubeconfig").stdout == f"{folder.kubeconfig}\n"
    status = run("status", "-o", "json")
    assert status.exit_code == 0
    found = json.loads(status.stdout)
    assert (found["provider"], found["context"], found["version"]) == (
        "context",
        "play",
        "v1.37.0",
    )
    table = run("status").stdout
    assert "play" in table
    assert "node one" in table
    assert run("down").exit_code == 0
    assert not home.exists()


def test_up_says_how_a_store_uses_the_gateway(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingress, gateway = "http://127.0.0.1:80", "traefik/stores"
    found = Status(up=True, provider="embedded", ingress=ingress, gateway=gateway)
    cluster = SimpleNamespace(status=lambda: found)
    monkeypatch.setattr(provider, "choose", lambda *_, **__: cluster)
    monkeypatch.setattr(provider, "remembered", lambda _: cluster)
    said = run("up").stderr
    assert "--set gateway.name=stores --set gateway.namespace=traefik" in said
    assert f"gateway {gateway}" in " ".join(run("status").stdout.split())
    assert "STOREORCH_PROBE_ADDRESS" not in said


@pytest.mark.parametrize("ingress", ["http://127.0.0.1:8080", "http://127.0.0.1:80"])
def test_up_says_what_engines_need_to_know_where_a_usual_port_is_taken(
    home: Path, monkeypatch: pytest.MonkeyPatch, ingress: str
) -> None:
    tls = "https://127.0.0.1:8443"
    found = Status(up=True, provider="embedded", ingress=ingress, ingress_tls=tls)
    cluster = SimpleNamespace(status=lambda: found)
    monkeypatch.setattr(provider, "choose", lambda *_, **__: cluster)
    monkeypatch.setattr(provider, "remembered", lambda _: cluster)
    assert f"export STOREORCH_PROBE_ADDRESS={ingress},{tls}" in run("up").stderr
    assert f"ingress (TLS) {tls}" in " ".join(run("status").stdout.split())


def test_context_and_provider_exclude_each_other(home: Path) -> None:
    result = run("up", "--context", "play", "--provider", "kind")
    assert result.exit_code == 2
    assert "not both" in result.stderr


def test_real_nodes_are_the_embedded_clusters(home: Path) -> None:
    for arguments in (("--context", "play"), ("--provider", "kind")):
        result = run("up", "--nodes", "real", *arguments)
        assert result.exit_code == 2
        assert "embedded" in result.stderr


def test_images_are_for_real_nodes(folder: StateFolder, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    archive.touch()
    with pytest.raises(NoDevCluster):
        run("load", str(archive))
    folder.write(State(provider="embedded"))
    with pytest.raises(NoDevCluster) as caught:
        run("load", str(archive))
    assert "--nodes real" in (caught.value.hint or "")
    folder.write(State(provider="embedded", nodes="real"))
    with pytest.raises(NoDevCluster):
        run("load", str(archive))
    assert run("load", str(tmp_path / "missing.tar")).exit_code == 2


def test_kind_without_docker(programs: Any, home: Path) -> None:
    with pytest.raises(ProviderMissing):
        run("up", "--provider", "kind")
    assert not home.exists()


def test_a_cluster_that_was_killed_has_no_kubeconfig_to_offer(folder: StateFolder) -> None:
    folder.write(State(provider="embedded", ports={"kube-apiserver": 1}))
    folder.kubeconfig.touch()
    with pytest.raises(NoDevCluster, match="not running"):
        run("kubeconfig")


def test_every_option_names_its_variable() -> None:
    for name, command in dev.commands.items():
        options = [
            parameter
            for parameter in command.params
            if isinstance(parameter, click.Option) and parameter.name != "context"
        ]
        assert all(getattr(option, "show_envvar", False) for option in options), name
