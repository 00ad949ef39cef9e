"""Connect the adapters of one cluster, as the settings say."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from storeorch.helm import HelmReleases
from storeorch.hosts import HostsFile, NoHosts
from storeorch.kube import KubeCluster
from storeorch.ports import Clock, Cluster, Hosts, Releases
from storeorch.settings import Settings


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters that an engine works with.

    Attributes:
        cluster: The cluster.
        releases: Helm.
        hosts: Where hosts are made known.
        close: Closes their connections.
    """

    cluster: Cluster
    releases: Releases
    hosts: Hosts
    close: Callable[[], Awaitable[None]]


def connect(
    settings: Settings, find_executable: Callable[[str], Path | None], clock: Clock
) -> Adapters:
    """Make the adapters; nothing is contacted yet.

    Args:
        settings: Which cluster, which Helm, which hosts file.
        find_executable: Asked for a program that is neither set nor on ``PATH``.
        clock: Time.
    """

    def helm() -> Path | None:
        on_path = shutil.which("helm")
        return settings.helm or (Path(on_path) if on_path else find_executable("helm"))

    cluster = KubeCluster.from_kubeconfig(context=settings.kube_context, clock=clock)
    releases = HelmReleases(
        executable=helm,
        secrets=cluster,
        kubeconfig=None,
        context=settings.kube_context,
        max_processes=settings.max_releases,
        timeout=settings.helm_timeout,
        clock=clock,
    )
    hosts: Hosts = NoHosts()
    if settings.hosts_file is not None:
        hosts = HostsFile(settings.hosts_file, settings.ingress_address)
    return Adapters(cluster, releases, hosts, cluster.close)
