"""Rendering the charts with a real Helm, and walking through what comes out.

It must not know what any chart is expected to hold: that is for the tests to say.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).parents[2] / "charts"

Manifest = dict[str, Any]

CREDENTIALS: dict[str, Any] = {"storeorch": {"credentialsSecret": "store-credentials"}}


class RenderError(Exception):
    """Helm refused to render; the message is what it said."""


@dataclass(frozen=True)
class Helm:
    """One Helm executable, kept apart from the user's Helm folders.

    Args:
        executable: Path of the program.
        home: A folder for what Helm would keep in the user's home.
    """

    executable: Path
    home: Path

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run Helm without a cluster and return its output, whatever the exit code."""
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.home),
            "KUBECONFIG": str(self.home / "no-cluster"),
        }
        return subprocess.run(
            [str(self.executable), *arguments],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def text(self, chart: str, values: Mapping[str, Any], *, release: str = "my-store") -> str:
        """Render a chart as the core does, values through standard input.

        Raises:
            RenderError: Helm refused.
        """
        done = self.run(
            "template",
            release,
            str(CHARTS / chart),
            "--namespace=store-my-store-0f3c2b1a",
            "--values=-",
            stdin=yaml.safe_dump(dict(values)),
        )
        if done.returncode:
            raise RenderError(done.stderr)
        return done.stdout

    def template(
        self, chart: str, values: Mapping[str, Any] = CREDENTIALS, *, release: str = "my-store"
    ) -> list[Manifest]:
        """Render a chart and parse its manifests.

        Raises:
            RenderError: Helm refused.
        """
        text = self.text(chart, values, release=release)
        return [document for document in yaml.safe_load_all(text) if document]


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The one manifest of that kind and name."""
    (found,) = (m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


def workloads(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Every manifest that brings pods into being."""
    for manifest in manifests:
        if manifest["kind"] in {"Deployment", "StatefulSet", "Job", "DaemonSet"}:
            yield manifest


def servers(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Every manifest whose pods run until they are told to end."""
    return (workload for workload in workloads(manifests) if workload["kind"] != "Job")


def pod_spec(workload: Manifest) -> Manifest:
    """The pod's specification within a workload."""
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def containers(workload: Manifest) -> list[Manifest]:
    """Every container of a workload's pods, the init containers first."""
    spec = pod_spec(workload)
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(container: Manifest) -> dict[str, str]:
    """The plain environment variables of a container."""
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


def secret_keys(container: Manifest) -> dict[str, tuple[str, str]]:
    """Environment variables that come out of a Secret, as ``(Secret's name, key)``."""
    return {
        entry["name"]: (
            entry["valueFrom"]["secretKeyRef"]["name"],
            entry["valueFrom"]["secretKeyRef"]["key"],
        )
        for entry in container["env"]
        if "valueFrom" in entry
    }


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Values merged as Helm merges them: maps key by key, everything else replaced."""
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            before = result.get(key)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            result[key] = merged(before, value) if both and before is not None else value
    return result
