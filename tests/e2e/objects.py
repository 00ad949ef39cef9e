"""kubectl, and the few objects that tests create with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storeorch_devcluster import RealNodeCluster, ensure_binaries
from storeorch_devcluster.realnode.images import write_archive

BUSYBOX = "localhost/storeorch-tests/busybox:1"
APPLETS = ("sh", "cat", "echo", "httpd", "id", "ls", "nc", "nslookup", "sleep")
PATIENCE = 120.0
"""Seconds until something that is waited for counts as not coming."""


class Kubectl:
    """kubectl, in one namespace."""

    def __init__(self, program: Path, kubeconfig: Path, namespace: str) -> None:
        self._argv = [str(program), f"--kubeconfig={kubeconfig}", f"--namespace={namespace}"]
        self.namespace = namespace

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._argv, *arguments], input=given, capture_output=True, text=True, check=False
        )

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        result = self.run(*arguments, given=given)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def apply(self, *manifests: dict[str, Any]) -> None:
        document = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self("apply", "-f", "-", given=json.dumps(document))

    def create(self, manifest: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        """Try to create an object; whether the cluster took it is for the caller to see."""
        return self.run("create", "-f", "-", given=json.dumps(manifest))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("get", kind, name, "-o", "json"))
        return found

    def ready(self, *pods: str) -> None:
        names = [f"pod/{pod}" for pod in pods]
        self("wait", "--for=condition=Ready", f"--timeout={PATIENCE:.0f}s", *names)

    def execute(self, pod: str, *argv: str) -> subprocess.CompletedProcess[str]:
        return self.run("exec", pod, "--", *argv)


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds that nothing announces."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def pod(name: str, *command: str, **spec: Any) -> dict[str, Any]:
    """Return a pod that passes the restricted Pod Security Standard."""
    container = {
        "name": "main",
        "image": BUSYBOX,
        "imagePullPolicy": "IfNotPresent",
        "command": list(command or ("/bin/sleep", "1000000")),
        "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        **spec.pop("container", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "fsGroup": 2000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **spec,
        },
    }


def web(name: str) -> dict[str, Any]:
    """Return a pod that serves its own name on port 8080."""
    script = f"echo {name} > /tmp/index.html && exec /bin/httpd -f -p 8080 -h /tmp"
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    ports = [{"name": "http", "containerPort": 8080}]
    return pod(name, "/bin/sh", "-c", script, container={"readinessProbe": probe, "ports": ports})


def service(name: str, port: int = 80) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "selector": {"app": name},
            "ports": [{"port": port, "targetPort": "http"}],
        },
    }


def make_busybox(archive: Path) -> None:
    """Write an image of Debian's static busybox."""
    program = Path("/bin/busybox")
    if not program.exists() or _is_dynamic(program):
        subprocess.run(["apt-get", "update", "-q"], check=True)
        subprocess.run(["apt-get", "install", "-q", "-y", "busybox-static"], check=True)
    links = {f"bin/{applet}": "busybox" for applet in APPLETS}
    write_archive(
        archive, name=BUSYBOX, contents={"bin/busybox": program}, links=links, user="1000"
    )


def _is_dynamic(program: Path) -> bool:
    linker = shutil.which("ldd")
    if linker is None:
        return False
    return subprocess.run([linker, program], capture_output=True, check=False).returncode == 0


def kubectl_of(cluster: RealNodeCluster, namespace: str) -> Kubectl:
    return Kubectl(ensure_binaries() / "kubectl", cluster.kubeconfig, namespace)
