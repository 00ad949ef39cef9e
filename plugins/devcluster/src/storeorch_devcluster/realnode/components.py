"""How each program of a real node, and of its control plane, is started."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from storeorch_devcluster import components
from storeorch_devcluster.certs import NODE_ADDRESS, NODE_NAME, SERVICE_RANGE
from storeorch_devcluster.components import Layout
from storeorch_devcluster.paths import GATEWAY_API
from storeorch_devcluster.realnode import agent, cgroups, forward, holder
from storeorch_devcluster.realnode.addresses import INGRESS_ADDRESS
from storeorch_devcluster.realnode.enter import command
from storeorch_devcluster.realnode.forward import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTROL_PLANE: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
NODE: Final = ("containerd", "kubelet", "kube-proxy", "agent")
COMPONENTS: Final = ("namespaces", "forwarder", *CONTROL_PLANE, *NODE)
"""All daemons, in the order in which they start."""

PORTS: Final = ("kube-apiserver", "etcd", "etcd-peer", "ingress", "ingress-tls")
"""Purposes that need a port on the machine's loopback interface, or on the node's own."""

WELL_KNOWN: Final = {"ingress": 80, "ingress-tls": 443}
"""Ports that are taken where they are free."""

IN_MOUNTS: Final = ("containerd", "kubelet", "kube-proxy")
"""Programs that write outside the state folder by habit, and so run in the mount namespace."""


@dataclass(frozen=True, slots=True)
class NodeLayout(Layout):
    """Everything that the command lines of a node refer to.

    Attributes:
        programs: The node's own programs by name.
        node_name: Name of the node.
    """

    programs: Mapping[str, Path] = field(default_factory=dict)
    node_name: str = NODE_NAME

    @property
    def group(self) -> str:
        """Name of the node's control group."""
        return cgroups.name_of(self.folder.path)

    @property
    def root(self) -> Path:
        """Folder for what the node's programs write outside the state folder."""
        return self.folder.node

    @property
    def prepared(self) -> Path:
        """File that says that the namespaces are prepared."""
        return self.root / "prepared"

    @property
    def volumes(self) -> Path:
        """Folder of the volumes."""
        return self.folder.volumes

    @property
    def gateway_api(self) -> Path:
        """Folder of the Gateway API's definitions, beside the program that they belong to."""
        return self.programs["traefik"].parent.with_name(GATEWAY_API)

    @property
    def cni(self) -> Path:
        """Folder of the network's configuration."""
        return self.folder.config / "cni"

    @property
    def cni_programs(self) -> Path:
        """Folder of the network's programs that are ours."""
        return self.folder.config / "cni-programs"

    @property
    def containerd_config(self) -> Path:
        """Containerd's configuration file."""
        return self.folder.config / "containerd.toml"

    @property
    def kubelet_config(self) -> Path:
        """The kubelet's configuration file."""
        return self.folder.config / "kubelet.yaml"

    @property
    def proxy_config(self) -> Path:
        """kube-proxy's configuration file."""
        return self.folder.config / "kube-proxy.yaml"

    @property
    def resolv_conf(self) -> Path:
        """What pods that use the node's DNS ask."""
        return self.folder.config / "resolv.conf"


def command_line(component: str, layout: NodeLayout, holder_pid: int) -> list[str]:
    """Return the command line of a component as it will be seen in the list of processes.

    Args:
        component: One of `COMPONENTS`.
        layout: Where everything is.
        holder_pid: The process that holds the namespaces; 0 for itself.
    """
    builders: dict[str, Callable[[NodeLayout, int], list[str]]] = {
        "namespaces": _namespaces,
        "forwarder": _forwarder,
        "kube-apiserver": _apiserver,
        "containerd": _containerd,
        "kubelet": _kubelet,
        "kube-proxy": _proxy,
        "agent": _agent,
    }
    if (builder := builders.get(component)) is not None:
        return builder(layout, holder_pid)
    return components.command_line(component, layout)


def start_command(
    component: str, argv: list[str], layout: NodeLayout, holder_pid: int
) -> list[str]:
    """Return what is executed to start a component, and then becomes its command line.

    Args:
        component: One of `COMPONENTS`.
        argv: Its command line.
        layout: Where everything is.
        holder_pid: The process that holds the namespaces; 0 for itself.
    """
    outside = component in {"namespaces", "forwarder"}
    return command(
        layout.group,
        argv,
        holder=None if outside else holder_pid,
        network=not outside,
        mounts=component in IN_MOUNTS,
    )


def _namespaces(layout: NodeLayout, _holder: int) -> list[str]:
    binaries = {layout.binaries, *(path.parent for path in layout.programs.values())}
    # The interpreter runs a program of the network.
    prefixes = {Path(sys.prefix), Path(sys.base_prefix)}
    kept = [layout.folder.path, *sorted(binaries | prefixes)]
    return holder.command(layout.root, layout.prepared, kept, NODE_ADDRESS, SERVICE_RANGE)


def _forwarder(layout: NodeLayout, holder_pid: int) -> list[str]:
    ports = layout.ports
    routes = [
        Route(ports["kube-apiserver"], components.LOOPBACK, ports["kube-apiserver"]),
        Route(ports["ingress"], INGRESS_ADDRESS, 80),
        Route(ports["ingress-tls"], INGRESS_ADDRESS, 443),
    ]
    return forward.command(holder_pid, routes)


def _apiserver(layout: NodeLayout, _holder: int) -> list[str]:
    # It listens for pods too: all interfaces that it sees are the node's own.
    changed = {
        f"--bind-address={components.LOOPBACK}": "--bind-address=0.0.0.0",
        f"--advertise-address={components.LOOPBACK}": f"--advertise-address={NODE_ADDRESS}",
        "--endpoint-reconciler-type=none": "--endpoint-reconciler-type=lease",
    }
    client = layout.pki.identity("kubelet-client")
    return [
        *(changed.get(a, a) for a in components.command_line("kube-apiserver", layout)),
        f"--kubelet-client-certificate={client.certificate}",
        f"--kubelet-client-key={client.key}",
        f"--kubelet-certificate-authority={layout.pki.authority}",
        "--kubelet-preferred-address-types=InternalIP",
        "--enable-admission-plugins=NodeRestriction",
    ]


def _containerd(layout: NodeLayout, _holder: int) -> list[str]:
    program = str(layout.programs["containerd"])
    return [program, f"--config={layout.containerd_config}", "--log-level=warn"]


def _kubelet(layout: NodeLayout, _holder: int) -> list[str]:
    return [
        str(layout.programs["kubelet"]),
        f"--config={layout.kubelet_config}",
        f"--kubeconfig={layout.client_config('kubelet')}",
        f"--hostname-override={layout.node_name}",
        f"--node-ip={NODE_ADDRESS}",
        "--root-dir=/var/lib/kubelet",
    ]


def _proxy(layout: NodeLayout, _holder: int) -> list[str]:
    return [str(layout.programs["kube-proxy"]), f"--config={layout.proxy_config}"]


def _agent(layout: NodeLayout, _holder: int) -> list[str]:
    return agent.command(layout.server, layout.folder.pki, layout.volumes, layout.node_name)
