from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyhelm3.errors
import pytest

from storeorch.errors import HelmMissing
from storeorch.helm.command import (
    HISTORY_MAX,
    HelmCommand,
    HelmTimedOut,
    helm_environment,
    parse_version,
)

from .conftest import FakeHelm

CANARY = "canary-1f0b77"


async def install(command: HelmCommand, chart: Path, **options: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "namespace": "store-shop",
        "labels": {"storeorch.io/digest": "abc"},
        "validate": True,
        "major": 4,
    }
    values = {"password": CANARY, "text": "a,b={c}"}
    return await command.install("shop", chart, values, **(defaults | options))


async def test_install(fake_helm: FakeHelm, chart: Path) -> None:
    fake_helm.answers("v4.3.1", {"version": 1})
    command = HelmCommand(
        fake_helm.program, kubeconfig=Path("/some/config"), context="mine", deadline=100
    )
    assert await install(command, chart) == {"version": 1}
    (call,) = fake_helm.calls()
    assert call.arguments[:3] == ["upgrade", "shop", str(chart)]
    assert "--install" in call.arguments
    options = {
        "--history-max": str(HISTORY_MAX),
        "--kube-context": "mine",
        "--kubeconfig": "/some/config",
        "--labels": "storeorch.io/digest=abc",
        "--namespace": "store-shop",
        "--output": "json",
        "--server-side": "false",
        "--timeout": "90s",
        "--values": "-",
    }
    assert {name: call.option(name) for name in options} == options
    assert "--reset-values" in call.arguments


async def test_values_go_through_standard_input_alone(fake_helm: FakeHelm, chart: Path) -> None:
    await install(HelmCommand(fake_helm.program), chart)
    (call,) = fake_helm.calls()
    assert json.loads(call.stdin) == {"password": CANARY, "text": "a,b={c}"}
    assert CANARY not in f"{call.arguments} {call.environment}"


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("major", [3, 4])
async def test_nothing_that_waits_or_rolls_back(
    fake_helm: FakeHelm, chart: Path, validate: bool, major: int
) -> None:
    await install(HelmCommand(fake_helm.program), chart, validate=validate, major=major)
    words = fake_helm.calls()[0].arguments
    forbidden = ("--wait", "--atomic", "--rollback-on-failure", "--set", "--create-namespace")
    assert not [word for word in words if word.startswith(forbidden)]
    assert ("--disable-openapi-validation" in words) is not validate
    assert any(word.startswith("--server-side") for word in words) is (major == 4)


async def test_flags_of_one_install_are_not_those_of_the_next(
    fake_helm: FakeHelm, chart: Path
) -> None:
    command = HelmCommand(fake_helm.program)
    await install(command, chart, validate=False)
    await command.uninstall("shop", namespace="store-shop")
    words = fake_helm.calls()[1].arguments
    assert words[:2] == ["uninstall", "shop"]
    assert not [word for word in words if word.startswith(("--labels", "--disable", "--wait"))]


async def test_failure_keeps_what_helm_said_redacted(fake_helm: FakeHelm, chart: Path) -> None:
    fake_helm.answers("v4.3.1", {}, fails=[f"Error: odd; password={CANARY}"])
    with pytest.raises(pyhelm3.errors.Error) as failed:
        await install(HelmCommand(fake_helm.program), chart)
    assert failed.value.returncode == 1
    assert failed.value.stderr.startswith(b"Error: odd")
    assert CANARY not in f"{failed.value} {failed.value.stderr!r}"


async def test_answer_that_is_not_json(fake_helm: FakeHelm, chart: Path) -> None:
    fake_helm.answers("v4.3.1", "all is well")
    with pytest.raises(ValueError, match="subsection"):
        await install(HelmCommand(fake_helm.program), chart)


async def test_deadline(tmp_path: Path) -> None:
    program = tmp_path / "slow"
    program.write_text("#!/bin/sh\nexec sleep 3600\n")
    program.chmod(0o755)
    with pytest.raises(HelmTimedOut):
        await HelmCommand(program, deadline=0.2).version()


async def test_missing_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storeorch.helm.process.mortal_prefix", tuple)
    with pytest.raises(HelmMissing):
        await HelmCommand(tmp_path / "nothing").version()


def test_environment_says_nothing_that_is_ours_to_say() -> None:
    base = {
        "HELM_KUBECONTEXT": "production",
        "HELM_KUBETOKEN": CANARY,
        "HELM_NAMESPACE": "default",
        "HELM_DRIVER": "memory",
        "HELM_DEBUG": "1",
        "HELM_CACHE_HOME": "/cache",
        "HTTPS_PROXY": "proxy",
    }
    assert helm_environment(base) == {
        "HELM_CACHE_HOME": "/cache",
        "HTTPS_PROXY": "proxy",
        "HELM_DRIVER": "secret",
        "HELM_NO_PLUGINS": "1",
        "GOGC": "400",
    }
    assert helm_environment({"GOGC": "50"})["GOGC"] == "50"


@pytest.mark.parametrize(
    ("text", "version"),
    [("v4.3.1", (4, 3)), ("v3.14.0-rc.1+g1", (3, 14)), ("none", None), ("", None)],
)
def test_version(text: str, version: tuple[int, int] | None) -> None:
    assert parse_version(text) == version
