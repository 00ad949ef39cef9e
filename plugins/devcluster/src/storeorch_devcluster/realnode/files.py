"""The configuration files of a node's programs.

Paths that begin with ``/run`` or ``/var`` are those of the node's mount
namespace: folders of the state folder, see `storeorch_devcluster.realnode.holder`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import yaml

from storeorch_devcluster.certs import NODE_ADDRESS, write_private
from storeorch_devcluster.realnode import gate
from storeorch_devcluster.realnode.addresses import DNS_ADDRESS, POD_RANGE
from storeorch_devcluster.realnode.images import PAUSE_IMAGE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from storeorch_devcluster.realnode.components import NodeLayout

KUBELET_PORT: Final = 10250
CONTAINERD_SOCKET: Final = "/run/containerd/containerd.sock"
CNI_PROGRAMS: Final = "/usr/lib/cni"
"""Where Debian keeps the programs of containernetworking-plugins."""


def write_files(layout: NodeLayout) -> None:
    """Write every configuration file of the node.

    Args:
        layout: Where everything is.

    Raises:
        OSError: A file cannot be written.
    """
    layout.cni.mkdir(mode=0o700, exist_ok=True)
    texts: Mapping[Path, str] = {
        layout.containerd_config: containerd_config(layout),
        layout.kubelet_config: yaml.safe_dump(kubelet_config(layout)),
        layout.proxy_config: yaml.safe_dump(proxy_config(layout)),
        layout.resolv_conf: f"nameserver {DNS_ADDRESS}\n",
        layout.cni / "10-pods.conflist": json.dumps(network(), indent=2),
    }
    for path, text in texts.items():
        write_private(path, text.encode())
    layout.cni_programs.mkdir(mode=0o700, exist_ok=True)
    plugin = layout.cni_programs / gate.PLUGIN
    write_private(plugin, gate.plugin().encode())
    plugin.chmod(0o700)


def containerd_config(layout: NodeLayout) -> str:
    """Return containerd's configuration, TOML of version 3."""
    return f"""\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE_IMAGE}"

[plugins.'io.containerd.cri.v1.runtime']
  # Without the capability SYS_RESOURCE no process may raise its protection from the OOM killer.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{CNI_PROGRAMS}", {json.dumps(str(layout.cni_programs))}]
  conf_dir = {json.dumps(str(layout.cni))}

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins.'io.containerd.internal.v1.opt']
  path = "/var/lib/containerd/opt"
"""


def network() -> dict[str, Any]:
    """Return the pods' network, a CNI configuration list.

    Each pod has a line of its own to the node (``ptp``) and none to its
    neighbours, so that the node routes, and may refuse, every packet. The last
    plugin holds it back until the agent has put its rules in place.
    """
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": POD_RANGE}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": "/run/cni/networks",
                },
            },
            {"type": gate.PLUGIN},
        ],
    }


def kubelet_config(layout: NodeLayout) -> dict[str, Any]:
    """Return the kubelet's configuration; what is not here has upstream's defaults."""
    serving = layout.pki.identity("kubelet-server")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "port": KUBELET_PORT,
        "readOnlyPort": 0,
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki.authority)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.group}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_ADDRESS],
        "resolvConf": str(layout.resolv_conf),
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "maxPods": 250,
        # A developer's disk is often nearly full, and images here cannot be pulled again.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "serializeImagePulls": False,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }


def proxy_config(layout: NodeLayout) -> dict[str, Any]:
    """Return kube-proxy's configuration; what is not here has upstream's defaults."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": layout.node_name,
        "clientConnection": {"kubeconfig": str(layout.client_config("kube-proxy"))},
        # Settings of connection tracking are the machine's and stay as they are.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "iptables": {"localhostNodePorts": False, "minSyncPeriod": "100ms"},
    }
