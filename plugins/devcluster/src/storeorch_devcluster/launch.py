"""Starting the components of an embedded cluster, in order, until it is ready."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from storeorch_devcluster import processes
from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.components import COMPONENTS, PORTS, Layout, command_line
from storeorch_devcluster.errors import ClusterStartFailed
from storeorch_devcluster.kubeconfig import write_kubeconfig
from storeorch_devcluster.nodes import (
    STORAGE_CLASS,
    node,
    node_name,
    storage_class,
    write_stages,
)
from storeorch_devcluster.ports import choose_ports, is_listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from storeorch_devcluster.state import ProcessRecord, State

POLL: Final = 0.05
"""Seconds between two looks at what is waited for."""

ROOT_CERTIFICATE: Final = "/api/v1/namespaces/default/configmaps/kube-root-ca.crt"
"""An object that the controller manager restores at once: proof that it works."""


class PortTaken(ClusterStartFailed):
    """Another program took a port that was free a moment ago."""

    code = "dev-port-taken"


class Launch:
    """One start of an embedded cluster.

    Attributes:
        components: All daemons, in the order in which they start.
        ports: Purposes that need a port.
        clients: Daemons that are given a kubeconfig.

    Args:
        layout: Where everything is; its ports are filled in.
        state: What is remembered; written after each daemon that is started.
        nodes: Number of simulated nodes.
        pods_per_node: How many pods fit on one of them.
        timeout: Seconds until the start is given up.
        report: Receives one short phrase for each piece of work.
    """

    components: tuple[str, ...] = COMPONENTS
    ports: tuple[str, ...] = PORTS
    clients: tuple[str, ...] = ("kube-controller-manager", "kube-scheduler", "kwok")

    def __init__(
        self,
        layout: Layout,
        state: State,
        *,
        nodes: int,
        pods_per_node: int,
        timeout: float,
        report: Callable[[str], object],
    ) -> None:
        self._layout = layout
        self._folder = layout.folder
        self._state = state
        self._nodes = nodes
        self._pods_per_node = pods_per_node
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._report = report

    def run(self) -> None:
        """Start every component that does not run, and wait until the cluster is ready.

        Raises:
            PortTaken: Another program was faster; choose other ports.
            ClusterStartFailed: A component ended or the time is over.
            StateUnusable: The state folder cannot be written.
        """
        self._prepare()
        self._report("Starting etcd")
        self._start("etcd")
        self._report("Starting the API server")
        self._start("kube-apiserver")
        with ApiServer(self._layout.server, self._layout.pki) as api:
            self._seed(api)
            self._report("Starting controllers, scheduler and simulated nodes")
            for component in ("kube-controller-manager", "kube-scheduler", "kwok"):
                self._start(component)
            self._await(lambda: self._settled(api), *self.components)
        # Last, so that whoever sees the file finds a cluster that is ready.
        self._write_kubeconfig(self._folder.kubeconfig, "admin")

    def one(self, component: str) -> None:
        """Start one component and wait until the API server is ready, if that runs.

        Raises:
            ClusterStartFailed: It ended or the time is over.
        """
        self._start(component)
        if self._find("kube-apiserver"):
            with ApiServer(self._layout.server, self._layout.pki) as api:
                self._await(api.ready, component)

    def _prepare(self) -> None:
        self._folder.create()
        fresh = not any(self._find(component) for component in self.components)
        if fresh or not self._layout.ports:
            ports = choose_ports(self.ports, self._preferred_ports() | self._state.ports)
            self._layout.ports.update(ports)
        try:
            self._layout.pki.ensure()
            self._write_files()
            for client in self.clients:
                self._write_kubeconfig(self._layout.client_config(client), client)
        except OSError as error:
            raise self._failed("The files of the cluster could not be written.") from error
        self._folder.write(self._state)

    def _preferred_ports(self) -> dict[str, int]:
        return {}

    def _write_files(self) -> None:
        write_stages(self._layout.stages)

    def _spawn(self, component: str) -> ProcessRecord:
        return processes.spawn(command_line(component, self._layout), log=self._log(component))

    def _is_listening(self, port: int) -> bool:
        return is_listening(port)

    def _start(self, component: str) -> None:
        if not self._find(component):
            try:
                record = self._spawn(component)
            except OSError as error:
                raise self._failed(f"{component} could not be started.") from error
            self._state.processes[component] = record
            self._folder.write(self._state)
        if component == "etcd":
            self._await(lambda: self._is_listening(self._layout.ports["etcd"]), component)
        elif component == "kube-apiserver":
            with ApiServer(self._layout.server, self._layout.pki) as api:
                self._await(api.ready, component)

    def _seed(self, api: ApiServer) -> None:
        objects = [
            ("/apis/storage.k8s.io/v1/storageclasses", storage_class()),
            *(
                ("/api/v1/nodes", node(index, pods=self._pods_per_node))
                for index in range(self._nodes)
            ),
        ]
        for path, manifest in objects:
            status, _ = api.call("POST", path, manifest)
            if status not in {201, 409}:
                raise self._failed("The cluster's first objects could not be created.")
        # Present from an earlier start, it would say nothing about this one.
        api.call("DELETE", ROOT_CERTIFICATE)

    def _settled(self, api: ApiServer) -> bool:
        nodes = [f"/api/v1/nodes/{node_name(index)}" for index in range(self._nodes)]
        return (
            api.exists(f"/apis/storage.k8s.io/v1/storageclasses/{STORAGE_CLASS}")
            and api.exists("/api/v1/namespaces/default/serviceaccounts/default")
            and api.exists(ROOT_CERTIFICATE)
            and all(_is_ready(api.call("GET", path)[1]) for path in nodes)
        )

    def _await(self, condition: Callable[[], bool], *components: str) -> None:
        while not condition():
            for component in components:
                if not self._find(component):
                    raise self._ended(component)
            if time.monotonic() > self._deadline:
                raise self._failed(
                    f"The cluster was not ready within {self._timeout:.0f} seconds.", *components
                )
            time.sleep(POLL)
        for component in components:
            # Somebody else may be listening on the port that the component could not have.
            if not self._find(component):
                raise self._ended(component)

    def _ended(self, component: str) -> ClusterStartFailed:
        ports = [port for purpose, port in self._layout.ports.items() if component in purpose]
        if any(self._is_listening(port) for port in ports):
            return PortTaken(
                f"Another program took a port of {component}.",
                hint="Run the same command again.",
            )
        return self._failed(f"{component} ended before it was ready.", component)

    def _failed(self, message: str, *components: str) -> ClusterStartFailed:
        logs = " and ".join(str(self._log(c)) for c in components) or str(self._folder.logs)
        return ClusterStartFailed(message, hint=f"See the log: {logs}")

    def _find(self, component: str) -> bool:
        record = self._state.processes.get(component)
        return record is not None and processes.find(record) is not None

    def _log(self, component: str) -> Path:
        return self._folder.logs / f"{component}.log"

    def _write_kubeconfig(self, path: Path, client: str) -> None:
        layout = self._layout
        write_kubeconfig(path, server=layout.server, pki=layout.pki, client=client)


def _is_ready(manifest: dict[str, Any]) -> bool:
    conditions = manifest.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
