"""Provider ``kind``: a cluster in containers, where a Docker engine answers."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

import yaml

from storeorch_devcluster.errors import ClusterStartFailed, ProviderConflict, ProviderMissing
from storeorch_devcluster.foreign import Unreachable, look
from storeorch_devcluster.progress import Progress, Report
from storeorch_devcluster.state import State, StateFolder
from storeorch_devcluster.status import Status

NAME: Final = "storeorch"
"""Name of the cluster, so that its context is ``kind-storeorch``."""

DOCKER_TIMEOUT: Final = 5.0
"""Seconds that a Docker engine may take to say that it is there."""

QUESTION_TIMEOUT: Final = 60.0
"""Seconds for ``kind get clusters``."""

CREATE_TIMEOUT: Final = 900.0
"""Seconds for ``kind create cluster``, the download of its node image included."""

CONFIG: Final = {
    "kind": "Cluster",
    "apiVersion": "kind.x-k8s.io/v1alpha4",
    "nodes": [
        {
            "role": "control-plane",
            "labels": {"ingress-ready": "true"},
            "extraPortMappings": [
                {"containerPort": port, "hostPort": port, "protocol": "TCP"} for port in (80, 443)
            ],
        }
    ],
}
"""kind's configuration: an ingress controller on the node is reached on the machine itself."""


def docker_answers() -> bool:
    """Whether a Docker engine answers."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        answer = subprocess.run(
            [docker, "info", "--format", "{{.ServerVersion}}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DOCKER_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0


def kind_is_installed() -> bool:
    """Whether the ``kind`` program is on the search path."""
    return shutil.which("kind") is not None


class KindCluster:
    """The cluster that kind runs for storeorch.

    Args:
        folder: The state folder.
    """

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder

    def up(self, report: Report) -> None:
        """Create the cluster, or take up the one that an earlier call created.

        Raises:
            ClusterStartFailed: kind could not create it, or it does not answer.
            ProviderConflict: A kind cluster of that name exists and is not ours.
            ProviderMissing: No Docker engine answers, or there is no ``kind``.
            StateUnusable: The state folder cannot be written.
        """
        if not docker_answers():
            raise ProviderMissing("No Docker engine answers on this machine.")
        if not kind_is_installed():
            raise ProviderMissing("Docker answers, but the program 'kind' is not installed.")
        with self._folder.locked():
            known = self._folder.read() is not None
            exists = self._exists()
            if exists and not known:
                raise ProviderConflict(
                    f"A kind cluster named '{NAME}' exists that was not created from here.",
                    hint=f"Use it with: storeorch dev up --context kind-{NAME}, "
                    f"or remove it with: kind delete cluster --name {NAME}",
                )
            self._folder.write(State(provider="kind"))
            if not exists:
                report(Progress(f"Creating the kind cluster '{NAME}'"))
                self._create()
            elif not self._folder.kubeconfig.exists():
                self._kind("export", "kubeconfig")
            self._folder.kubeconfig.chmod(0o600)
            report(Progress("Asking the cluster"))
            try:
                look(self._folder.kubeconfig)
            except Unreachable as error:
                raise ClusterStartFailed(
                    "The kind cluster does not answer.",
                    hint=f"Try: docker start {NAME}-control-plane, or: storeorch dev down",
                ) from error

    def down(self, *, keep_data: bool) -> None:
        """Delete the cluster; kind has no way to keep its data.

        Raises:
            ClusterStartFailed: kind could not delete it.
            ProviderMissing: There is no ``kind`` any more.
        """
        if keep_data:
            raise ProviderConflict(
                "A kind cluster cannot be stopped with its data kept.",
                hint=f"Use: docker stop {NAME}-control-plane",
            )
        if not kind_is_installed():
            raise ProviderMissing(
                "The program 'kind' that created this cluster is not installed.",
                hint=f"Install kind, or remove the container {NAME}-control-plane and the folder "
                f"{self._folder.path} yourself.",
            )
        with self._folder.locked():
            self._kind("delete", "cluster")
            self._folder.remove(keep_data=False)

    def status(self) -> Status:
        """Say how it is."""
        common = Status(
            provider="kind",
            context=f"kind-{NAME}",
            kubeconfig=str(self._folder.kubeconfig),
            logs=str(self._folder.logs),
        )
        try:
            view = look(self._folder.kubeconfig)
        except Unreachable:
            return common
        found = {"up": True, "server": view.server, "version": view.version, "nodes": view.nodes}
        return common.model_copy(update=found)

    def _exists(self) -> bool:
        try:
            answer = subprocess.run(
                ["kind", "get", "clusters"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=QUESTION_TIMEOUT,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ProviderMissing("The program 'kind' does not work.") from error
        return NAME in answer.stdout.split()

    def _create(self) -> None:
        config = self._folder.config / "kind.yaml"
        config.write_text(yaml.safe_dump(CONFIG, sort_keys=False), "utf-8")
        self._kind("create", "cluster", "--config", str(config), "--wait", "180s")

    def _kind(self, verb: str, what: str, *arguments: str) -> None:
        command = ["kind", verb, what, "--name", NAME, *arguments]
        command += ["--kubeconfig", str(self._folder.kubeconfig)]
        log = self._folder.logs / "kind.log"
        try:
            with log.open("ab") as output:
                subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=CREATE_TIMEOUT,
                    check=True,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise ClusterStartFailed(
                f"kind could not {verb} the {what}.", hint=f"See the log: {log}"
            ) from error
