from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from storeorch_devcluster.realnode import gate

CONFIG = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "prevResult": {"cniVersion": "1.0.0", "ips": [{"address": "10.244.0.7/16"}]},
}
ARGUMENTS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls the plugin as containerd does, with a socket of the test's own."""
    monkeypatch.setattr(gate, "SOCKET", f"\0storeorch-test-{os.getpid()}-{tmp_path.name}")
    program = tmp_path / gate.PLUGIN
    program.write_text(gate.plugin())
    program.chmod(0o700)

    def run(command: str) -> tuple[int, Any]:
        result = subprocess.run(
            [program],
            input=json.dumps(CONFIG),
            env={"CNI_COMMAND": command, "CNI_ARGS": ARGUMENTS},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.stderr == ""
        return result.returncode, json.loads(result.stdout) if result.stdout else None

    return run


def test_a_pod_is_admitted_with_the_address_it_got(call: Any) -> None:
    admitted: list[tuple[str, str, str]] = []

    def admit(namespace: str, name: str, address: str) -> bool:
        admitted.append((namespace, name, address))
        return True

    gate.serve(admit)
    assert call("ADD") == (0, CONFIG["prevResult"])
    assert admitted == [("shop", "web", "10.244.0.7")]
    assert call("DEL") == (0, None)
    assert call("CHECK") == (0, None)
    assert "1.0.0" in call("VERSION")[1]["supportedVersions"]
    assert len(admitted) == 1


def test_a_pod_that_is_not_admitted_does_not_start(call: Any) -> None:
    # Nobody is there.
    code, answer = call("ADD")
    assert (code, answer["code"]) == (1, 11)
    gate.serve(lambda namespace, name, address: False)
    assert call("ADD") == (code, answer)
