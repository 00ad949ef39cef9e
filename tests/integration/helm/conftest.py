from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storeorch.clock import SystemClock
from storeorch.helm import HelmReleases, process, storage
from storeorch.kube import KubeCluster
from storeorch.ports import Owner, ReleaseRequest, ReleaseStatus
from storeorch.testing.contracts.cluster import namespace_of, new_owner
from storeorch_devcluster import ensure_binaries, ensure_helm3

CHART = """\
apiVersion: v2
name: probe
version: 0.1.0
"""

SCHEMA = '{"type": "object", "properties": {"replicas": {"type": "integer"}}}'

OBJECTS = """\
{{- if .Values.refuse }}{{ fail "refused as asked" }}{{ end }}
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {note: {{ .Values.note | default "none" | quote }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas | default 1 }}
  selector: {matchLabels: {app: {{ .Values.app | default "web" }}}}
  template:
    metadata: {labels: {app: {{ .Values.app | default "web" }}}}
    spec:
      containers:
        - name: web
          image: registry.example/web:1
          resources: {limits: {cpu: 10m, memory: 16Mi}}
"""

HOOK = """\
{{- if .Values.block }}
apiVersion: batch/v1
kind: Job
metadata:
  name: never
  annotations:
    helm.sh/hook: {{ .Values.block }}
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {node: never}
      containers:
        - name: wait
          image: registry.example/wait:1
          resources: {limits: {cpu: 1m, memory: 1Mi}}
{{- end }}
"""


@pytest.fixture(scope="session", params=[4, 3], ids=["helm4", "helm3"])
def helm_major(request: pytest.FixtureRequest) -> int:
    """Return the major version of Helm that a test is run with; it is run with both."""
    major: int = request.param
    return major


def helm_of(major: int) -> Path:
    """Return the Helm that the cluster brings, or Helm 3, built if need be."""
    return ensure_helm3(print) if major == 3 else ensure_binaries(print) / "helm"


@pytest.fixture(scope="session")
def helm(helm_major: int) -> Path:
    return helm_of(helm_major)


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    chart = tmp_path / "probe"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(CHART)
    (chart / "values.schema.json").write_text(SCHEMA)
    (chart / "templates" / "objects.yaml").write_text(OBJECTS)
    (chart / "templates" / "hook.yaml").write_text(HOOK)
    return chart


@pytest.fixture
async def cluster(cluster_kubeconfig: Path) -> AsyncIterator[KubeCluster]:
    made = KubeCluster.from_kubeconfig(kubeconfig=cluster_kubeconfig, clock=SystemClock())
    yield made
    await made.close()


@dataclass
class Journal:
    """What a stand-in in front of Helm has written: a line at each start, and at each end."""

    path: Path
    program: Path

    def events(self) -> list[tuple[str, int]]:
        text = self.path.read_text() if self.path.exists() else ""
        return [(event, int(pid)) for event, pid in map(str.split, text.splitlines())]

    def helm_pids(self) -> list[int]:
        return [pid for event, pid in self.events() if event == "start"]

    def is_gone(self) -> bool:
        return not any(Path(f"/proc/{pid}").exists() for pid in self.helm_pids())

    def anyone_can_see(self) -> bytes:
        """Return what the system tells everybody of the last Helm."""
        process = Path(f"/proc/{self.helm_pids()[-1]}")
        return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()

    def most_at_once(self) -> int:
        running = most = 0
        for event, _ in self.events():
            running += 1 if event == "start" else -1
            most = max(most, running)
        return most

    def kill_last(self) -> None:
        os.kill(self.helm_pids()[-1], signal.SIGKILL)


def stand_in(folder: Path, *lines: str) -> Journal:
    made = Journal(folder / "journal", folder / "journalled-helm")
    head = ("#!/bin/sh", f"exec 3>> {shlex.quote(str(made.path))}")
    made.program.write_text("\n".join([*head, *lines]))
    made.program.chmod(0o755)
    return made


@pytest.fixture
def journal(helm: Path, tmp_path: Path) -> Journal:
    """Put a program in front of Helm that tells its pid and becomes Helm."""
    run = f'exec {shlex.quote(str(helm))} "$@" 3>&-'
    return stand_in(tmp_path, "echo start $$ >&3", run)


@pytest.fixture
def journal_with_ends(helm: Path, tmp_path: Path) -> Journal:
    """Put a program in front of Helm that tells its start and its end."""
    run = f'{shlex.quote(str(helm))} "$@" 3>&-; status=$?'
    return stand_in(tmp_path, "echo start $$ >&3", run, "echo end $$ >&3", "exit $status")


MakeReleases = Callable[..., HelmReleases]


@pytest.fixture
def make_releases(cluster: KubeCluster, cluster_kubeconfig: Path) -> MakeReleases:
    def make(executable: Path, **options: Any) -> HelmReleases:
        defaults: dict[str, Any] = {
            "secrets": cluster,
            "kubeconfig": cluster_kubeconfig,
            "context": None,
            "max_processes": 4,
            "timeout": 60.0,
            "clock": SystemClock(),
        }
        return HelmReleases(executable=executable, **(defaults | options))

    return make


@pytest.fixture
def kubeconfig_to_nowhere(cluster_kubeconfig: Path, tmp_path: Path) -> Path:
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", cluster_kubeconfig.read_text())
    made = tmp_path / "nowhere"
    made.write_text(text)
    return made


@pytest.fixture
def releases(make_releases: MakeReleases, helm: Path) -> HelmReleases:
    return make_releases(helm)


@dataclass
class Bench:
    """A namespace, and what a test wants of a release in it."""

    cluster: KubeCluster
    owner: Owner
    chart: Path

    @property
    def namespace(self) -> str:
        return namespace_of(self.owner)

    def request(self, digest: str = "first", **values: Any) -> ReleaseRequest:
        return ReleaseRequest(self.namespace, "shop", self.chart, values, digest)

    async def labels(self) -> list[dict[str, str]]:
        found = await self.cluster.list_release_labels(self.namespace, "shop", live=True)
        by_version = sorted(found, key=lambda each: int(each.labels["version"]))
        return [dict(each.labels) for each in by_version]

    async def statuses(self) -> list[str]:
        return [labels["status"] for labels in await self.labels()]

    async def status(self, releases: HelmReleases) -> ReleaseStatus | None:
        release = await releases.get(self.namespace, "shop", live=True)
        return release.status if release else None


@pytest.fixture
async def bench(cluster: KubeCluster, chart: Path) -> AsyncIterator[Bench]:
    made = Bench(cluster, new_owner("shop"), chart)
    await cluster.create_namespace(made.namespace, made.owner)
    yield made
    await cluster.delete_namespace(made.namespace, made.owner)


@pytest.fixture
def kubectl(bench: Bench, cluster_kubeconfig: Path) -> Callable[..., Awaitable[str]]:
    program = ensure_binaries() / "kubectl"

    async def run(*arguments: str) -> str:
        words = [str(program), "--kubeconfig", str(cluster_kubeconfig), "-n", bench.namespace]
        finished = await process.run([*words, *arguments], deadline=60)
        assert finished.returncode == 0, finished.stderr.decode()
        return finished.stdout.decode()

    return run


@pytest.fixture
def set_status(bench: Bench) -> Callable[[str], Awaitable[None]]:
    """Return a function that gives the newest revision a status, as an interrupted Helm would."""

    async def change(status: str) -> None:
        found = await bench.cluster.list_release_labels(bench.namespace, "shop", live=True)
        secret = storage.newest(found)
        assert secret is not None
        data = await bench.cluster.read_secret(bench.namespace, secret.name)
        assert data is not None
        release = storage.decode(data)
        release["info"]["status"] = status
        await bench.cluster.replace_secret_data(
            bench.namespace,
            secret.name,
            storage.encode(release),
            {**secret.labels, "status": status},
            resource_version=secret.resource_version,
        )

    return change
