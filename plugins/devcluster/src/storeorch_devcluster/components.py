"""How each program of the control plane is started.

Flags that are not here have upstream's defaults: admission, garbage
collection, scheduling and quota behave as on any other cluster. What is here
binds to the loopback interface, names files in the state folder, or makes
controllers as quick as tests want them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storeorch_devcluster.certs import SERVICE_RANGE, Pki
from storeorch_devcluster.nodes import NODE_SELECTOR

if TYPE_CHECKING:
    from pathlib import Path

    from storeorch_devcluster.state import StateFolder

LOOPBACK = "127.0.0.1"
PORTS = ("kube-apiserver", "etcd", "etcd-peer")
"""Purposes that need a port; the other programs are told not to listen at all."""

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
"""All daemons, in the order in which they start."""

CONTROLLER_SYNCS = (
    "deployment",
    "endpoint",
    "job",
    "namespace",
    "replicaset",
    "resource-quota",
    "service-endpoint",
    "statefulset",
)
"""Controllers that get more workers than by default: tests create stores by the dozen."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that command lines refer to.

    Attributes:
        binaries: Folder of the built programs.
        folder: The state folder.
        ports: Ports on the loopback interface by purpose.
    """

    binaries: Path
    folder: StateFolder
    ports: dict[str, int]

    @property
    def pki(self) -> Pki:
        """The cluster's certificates."""
        return Pki(self.folder.pki)

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://{LOOPBACK}:{self.ports['kube-apiserver']}"

    @property
    def stages(self) -> Path:
        """The file that tells kwok how simulated nodes and pods behave."""
        return self.folder.config / "stages.yaml"

    def client_config(self, client: str) -> Path:
        """Return the kubeconfig of one of the control plane's own clients."""
        return self.folder.config / f"{client}.kubeconfig"


def command_line(component: str, layout: Layout) -> list[str]:
    """Return program and arguments of one component.

    Args:
        component: One of `COMPONENTS`.
        layout: Where everything is.
    """
    arguments = {
        "etcd": _etcd,
        "kube-apiserver": _apiserver,
        "kube-controller-manager": _controller_manager,
        "kube-scheduler": _scheduler,
        "kwok": _kwok,
    }[component](layout)
    return [str(layout.binaries / component), *arguments]


def _etcd(layout: Layout) -> list[str]:
    client = f"https://{LOOPBACK}:{layout.ports['etcd']}"
    peer = f"https://{LOOPBACK}:{layout.ports['etcd-peer']}"
    own = layout.pki.identity("etcd")
    # Loopback is open to every user of the machine, hence certificates on both ports.
    return [
        "--name=storeorch",
        f"--data-dir={layout.folder.data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=storeorch={peer}",
        "--client-cert-auth",
        f"--trusted-ca-file={layout.pki.authority}",
        f"--cert-file={own.certificate}",
        f"--key-file={own.key}",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={layout.pki.authority}",
        f"--peer-cert-file={own.certificate}",
        f"--peer-key-file={own.key}",
        # Only a crash of the whole machine can lose data, and it is a throw-away cluster.
        "--unsafe-no-fsync",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=5m",
        "--log-level=warn",
    ]


def _apiserver(layout: Layout) -> list[str]:
    pki = layout.pki
    serving = pki.identity("kube-apiserver")
    etcd = pki.identity("etcd-client")
    return [
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={layout.ports['kube-apiserver']}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={pki.authority}",
        f"--etcd-servers=https://{LOOPBACK}:{layout.ports['etcd']}",
        f"--etcd-cafile={pki.authority}",
        f"--etcd-certfile={etcd.certificate}",
        f"--etcd-keyfile={etcd.key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.service_account_public_key}",
        f"--service-account-signing-key-file={pki.service_account_key}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        # No pod can reach the loopback address, and an endpoint may not carry it.
        "--endpoint-reconciler-type=none",
        "--max-requests-inflight=1600",
        "--max-mutating-requests-inflight=800",
        "--profiling=false",
    ]


def _controller_manager(layout: Layout) -> list[str]:
    return [
        *_client(layout, "kube-controller-manager"),
        "--secure-port=0",
        f"--service-account-private-key-file={layout.pki.service_account_key}",
        "--use-service-account-credentials=true",
        f"--root-ca-file={layout.pki.authority}",
        "--enable-hostpath-provisioner=true",
        "--namespace-sync-period=5s",
        "--resource-quota-sync-period=30s",
        "--pvclaimbinder-sync-period=5s",
        *(f"--concurrent-{kind}-syncs=20" for kind in CONTROLLER_SYNCS),
    ]


def _scheduler(layout: Layout) -> list[str]:
    return [*_client(layout, "kube-scheduler"), "--secure-port=0"]


def _kwok(layout: Layout) -> list[str]:
    return [
        f"--kubeconfig={layout.client_config('kwok')}",
        f"--config={layout.stages}",
        f"--manage-nodes-with-annotation-selector={NODE_SELECTOR}",
        "--node-lease-duration-seconds=40",
        "--cidr=10.244.0.0/16",
        "--node-ip=10.0.0.1",
        "--v=WARN",
    ]


def _client(layout: Layout, name: str) -> list[str]:
    return [
        f"--kubeconfig={layout.client_config(name)}",
        "--leader-elect=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--profiling=false",
    ]
