"""Starting the components of a real node and its control plane, in order, until it is ready."""

from __future__ import annotations

import subprocess
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import urllib3
import yaml
from typing_extensions import override

from storeorch_devcluster import processes
from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.launch import ROOT_CERTIFICATE, Launch, PortTaken
from storeorch_devcluster.ports import LOOPBACK, is_listening
from storeorch_devcluster.realnode import linux
from storeorch_devcluster.realnode.addresses import DNS_ADDRESS, INGRESS_ADDRESS
from storeorch_devcluster.realnode.components import (
    COMPONENTS,
    NODE,
    PORTS,
    WELL_KNOWN,
    NodeLayout,
    command_line,
    start_command,
)
from storeorch_devcluster.realnode.enter import command
from storeorch_devcluster.realnode.files import (
    CONTAINERD_SOCKET,
    write_files,
)
from storeorch_devcluster.realnode.gateway import (
    GATEWAY,
    GATEWAY_NAMESPACE,
    GATEWAY_PATH,
    definitions,
    programmed,
)
from storeorch_devcluster.realnode.images import COREDNS_IMAGE, TRAEFIK_IMAGE
from storeorch_devcluster.realnode.machine import SYSTEM_PATH
from storeorch_devcluster.realnode.nftables import TABLE
from storeorch_devcluster.realnode.provisioner import storage_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from storeorch_devcluster.errors import ClusterStartFailed
    from storeorch_devcluster.state import ProcessRecord, State

COMMAND_TIMEOUT: Final = 300.0
"""Seconds for one call of a program in the node; a large image takes its time."""

COLLECTIONS: Final = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "Gateway": "/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways",
    "GatewayClass": "/apis/gateway.networking.k8s.io/v1/gatewayclasses",
    "IngressClass": "/apis/networking.k8s.io/v1/ingressclasses",
    "Namespace": "/api/v1/namespaces",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
}
"""Path of each kind of the first objects."""

SERVICES: Final = (
    "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
    "/apis/apps/v1/namespaces/traefik/deployments/traefik",
)
"""What has to be available before the cluster is ready."""


class RealLaunch(Launch):
    """One start of a real node and its control plane.

    Args:
        layout: Where everything is; its ports are filled in.
        state: What is remembered; written after each daemon that is started.
        images: Archives of the images that the node brings, by name.
        timeout: Seconds until the start is given up.
        report: Receives one short phrase for each piece of work.
    """

    components = COMPONENTS
    ports = PORTS
    clients = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")

    def __init__(
        self,
        layout: NodeLayout,
        state: State,
        *,
        images: Mapping[str, Path],
        timeout: float,
        report: Callable[[str], object],
    ) -> None:
        super().__init__(layout, state, nodes=1, pods_per_node=0, timeout=timeout, report=report)
        self._node_layout = layout
        self._images = images

    @override
    def run(self) -> None:
        """Start every component that does not run, and wait until the cluster is ready.

        Raises:
            PortTaken: Another program was faster; choose other ports.
            ClusterStartFailed: A component ended or the time is over.
            StateUnusable: The state folder cannot be written.
        """
        self._prepare()
        self._report("Making the node's namespaces")
        self._start("namespaces")
        self._start("forwarder")
        self._report("Starting the control plane")
        self._start("etcd")
        self._start("kube-apiserver")
        with ApiServer(self._layout.server, self._layout.pki) as api:
            self._seed(api)
            for component in ("kube-controller-manager", "kube-scheduler", "containerd", "agent"):
                self._start(component)
            self._report("Loading the node's images")
            self._load_own_images()
            self._report("Starting the node")
            for component in ("kubelet", "kube-proxy"):
                self._start(component)
            self._await(lambda: self._settled(api), *self.components)
            self._report("Waiting for DNS and ingress")
            self._await(lambda: all(_is_available(api, path) for path in SERVICES), *NODE)
            self._await(lambda: programmed(api.status(GATEWAY_PATH)), *NODE)
            # Available is not yet reachable: the way to it through the service comes later.
            self._await(self._ingress_answers, *NODE)
        self._write_kubeconfig(self._folder.kubeconfig, "admin")

    @override
    def one(self, component: str) -> None:
        super().one(component)
        if component == "containerd":
            self._await(self._containerd_answers, component)

    def in_node(self, argv: list[str], *, stdin: Path | None = None) -> bool:
        """Run a program in the node.

        Args:
            argv: Program and arguments; the program is an absolute path.
            stdin: File that it reads from.

        Returns:
            Whether it succeeded; what it says is in the log ``commands``.

        Raises:
            OSError: The file cannot be read.
        """
        layout = self._node_layout
        executed = command(layout.group, argv, holder=self._holder, network=True, mounts=True)
        with self._log("commands").open("ab") as log:
            given = subprocess.DEVNULL if stdin is None else stdin.open("rb")
            try:
                finished = subprocess.run(
                    executed,
                    stdin=given,
                    stdout=log,
                    stderr=log,
                    timeout=COMMAND_TIMEOUT,
                    check=False,
                )
            finally:
                if not isinstance(given, int):
                    given.close()
        return finished.returncode == 0

    def load(self, archive: Path) -> bool:
        """Load the images of an archive into containerd; return whether it took them.

        Raises:
            OSError: The archive cannot be read.
        """
        return self.in_node([*self._ctr(), "images", "import", "-"], stdin=archive)

    @property
    def _holder(self) -> int:
        record = self._state.processes.get("namespaces")
        return 0 if record is None else record.pid

    def _ctr(self) -> list[str]:
        program = str(self._node_layout.programs["ctr"])
        return [program, f"--address={CONTAINERD_SOCKET}", "--namespace=k8s.io"]

    def _containerd_answers(self) -> bool:
        return self.in_node([*self._ctr(), "version"])

    def _load_own_images(self) -> None:
        for name, archive in self._images.items():
            if not self.in_node([*self._ctr(), "images", "inspect", name]) and not self.load(
                archive
            ):
                raise self._failed("An image of the node could not be loaded.", "commands")

    @override
    def _preferred_ports(self) -> dict[str, int]:
        return dict(WELL_KNOWN)

    @override
    def _write_files(self) -> None:
        self._node_layout.root.mkdir(mode=0o700, exist_ok=True)
        self._node_layout.volumes.mkdir(mode=0o711, exist_ok=True)
        write_files(self._node_layout)

    @override
    def _spawn(self, component: str) -> ProcessRecord:
        layout = self._node_layout
        argv = command_line(component, layout, self._holder)
        executed = start_command(component, argv, layout, self._holder)
        return processes.spawn(argv, log=self._log(component), executed=executed, path=SYSTEM_PATH)

    @override
    def _is_listening(self, port: int) -> bool:
        return linux.listens(self._holder, port)

    @override
    def _start(self, component: str) -> None:
        if component == "namespaces" and not self._find(component):
            self._node_layout.prepared.unlink(missing_ok=True)
        super()._start(component)
        match component:
            case "namespaces":
                self._await(self._node_layout.prepared.exists, component)
            case "forwarder":
                port = self._layout.ports["kube-apiserver"]
                self._await(lambda: is_listening(port), component)
            case "containerd":
                self._await(self._containerd_answers, component)
            case "agent":
                self._await(self._enforces, component)
            case _:
                pass

    def _ingress_answers(self) -> bool:
        address = f"http://{LOOPBACK}:{self._layout.ports['ingress']}/"
        try:
            urllib3.request("GET", address, timeout=2.0, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return True

    def _enforces(self) -> bool:
        return self.in_node(["/usr/sbin/nft", "list", "table", "ip", TABLE])

    @override
    def _ended(self, component: str) -> ClusterStartFailed:
        if component == "forwarder":
            return PortTaken(
                "Another program took a port of the cluster.", hint="Run the same command again."
            )
        return super()._ended(component)

    @override
    def _seed(self, api: ApiServer) -> None:
        self._apply(api, [*definitions(self._node_layout.gateway_api), storage_class()])
        self._apply(api, first_objects("node.yaml", "coredns.yaml", "traefik.yaml"))
        gateway = first_objects("gateway.yaml")
        # What a definition defines is served a moment after that was taken.
        self._await(
            lambda: all(api.exists(_collection(each)) for each in gateway), "kube-apiserver"
        )
        self._apply(api, gateway)
        # Present from an earlier start, it would say nothing about this one.
        api.call("DELETE", ROOT_CERTIFICATE)

    def _apply(self, api: ApiServer, manifests: Iterable[dict[str, Any]]) -> None:
        for manifest in manifests:
            path = f"{_collection(manifest)}/{manifest['metadata']['name']}"
            if not api.apply(path, manifest):
                raise self._failed("The cluster's first objects could not be created.")

    @override
    def _settled(self, api: ApiServer) -> bool:
        node = api.status(f"/api/v1/nodes/{self._node_layout.node_name}")
        conditions = node.get("conditions", [])
        return (
            api.exists("/api/v1/namespaces/default/serviceaccounts/default")
            and api.exists(ROOT_CERTIFICATE)
            and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        )


def first_objects(*names: str) -> list[dict[str, Any]]:
    """Return the manifests of the node's rights, the DNS server and the ingress controller.

    Args:
        *names: Which of the files in the folder ``manifests``.
    """
    places = {
        "__DNS_ADDRESS__": DNS_ADDRESS,
        "__INGRESS_ADDRESS__": INGRESS_ADDRESS,
        "__GATEWAY__": GATEWAY,
        "__GATEWAY_NAMESPACE__": GATEWAY_NAMESPACE,
        "__COREDNS_IMAGE__": COREDNS_IMAGE,
        "__TRAEFIK_IMAGE__": TRAEFIK_IMAGE,
    }
    manifests: list[dict[str, Any]] = []
    for name in names:
        text = (files(__package__) / "manifests" / name).read_text("utf-8")
        for place, value in places.items():
            text = text.replace(place, value)
        manifests.extend(yaml.safe_load_all(text))
    return manifests


def _collection(manifest: dict[str, Any]) -> str:
    namespace = manifest["metadata"].get("namespace")
    return COLLECTIONS[manifest["kind"]].format(namespace=namespace)


def _is_available(api: ApiServer, path: str) -> bool:
    status = api.status(path)
    return bool(status.get("availableReplicas")) and not status.get("unavailableReplicas")
