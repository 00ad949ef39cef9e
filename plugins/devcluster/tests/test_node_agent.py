from __future__ import annotations

from typing import Any, cast

import pytest

from storeorch_devcluster.realnode import agent
from storeorch_devcluster.realnode.agent import Agent
from storeorch_devcluster.realnode.informer import Informer
from storeorch_devcluster.realnode.provisioner import Provisioner

NFT = """
import os
pathlib.Path(os.environ["RULES"]).write_text(sys.stdin.read())
sys.exit(pathlib.Path(os.environ["RULES"] + ".refused").exists())
"""


class Objects:
    """A copy of the API's objects that a test fills."""

    def __init__(self) -> None:
        self.complete = True
        self.lists: dict[str, list[Any]] = {"pods": [], "namespaces": [], "policies": []}

    def synced(self) -> bool:
        return self.complete

    def objects(self, name: str) -> list[Any]:
        return self.lists.get(name, [])


class Volumes:
    done = True

    def reconcile(self, claims: Any, volumes: Any) -> bool:
        if not self.done:
            raise OSError
        return True


@pytest.fixture
def rules(programs: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file that holds what the kernel was given last."""
    programs.add("nft", NFT)
    path = programs.folder / "rules"
    monkeypatch.setenv("RULES", str(path))
    return path


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
def volumes() -> Volumes:
    return Volumes()


@pytest.fixture
def own(objects: Objects, volumes: Volumes) -> Agent:
    return Agent(cast("Informer", objects), cast("Provisioner", volumes))


def pod(name: str, address: str | None = None) -> dict[str, Any]:
    status = {"phase": "Running", **({"podIP": address} if address else {})}
    return {"metadata": {"namespace": "shop", "name": name}, "spec": {}, "status": status}


def test_nothing_is_enforced_before_everything_is_known(
    own: Agent, objects: Objects, rules: Any
) -> None:
    objects.complete = False
    assert own.reconcile()
    assert not rules.exists()


def test_rules_are_set_when_they_change(own: Agent, objects: Objects, rules: Any) -> None:
    objects.lists["pods"] = [pod("web", "10.244.0.2")]
    assert own.reconcile()
    assert "10.244.0.2" in rules.read_text()
    rules.unlink()
    assert own.reconcile()
    assert not rules.exists()


def test_rules_that_are_refused_are_tried_again(own: Agent, rules: Any) -> None:
    refused = rules.with_name("rules.refused")
    refused.touch()
    assert not own.reconcile()
    refused.unlink()
    assert own.reconcile()


def test_volumes_that_fail_are_tried_again(own: Agent, volumes: Volumes, rules: Any) -> None:
    volumes.done = False
    assert not own.reconcile()


def test_a_new_pod_is_admitted_with_rules_for_its_address(
    own: Agent, objects: Objects, rules: Any
) -> None:
    objects.lists["pods"] = [pod("web")]
    assert own.admit("shop", "web", "10.244.0.9")
    assert "10.244.0.9" in rules.read_text()
    # It goes with the pod.
    objects.lists["pods"] = []
    assert own.reconcile()
    assert "10.244.0.9" not in rules.read_text()


def test_a_pod_that_nobody_knows_is_not_admitted(
    own: Agent, rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "ADMISSION", 0.0)
    assert not own.admit("shop", "unknown", "10.244.0.9")
    assert not rules.exists()
