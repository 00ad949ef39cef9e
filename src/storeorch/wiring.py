"""Connect the adapters of one cluster, as the settings say."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storeorch.helm import ChartPolicy, HelmReleases, Watchdog
from storeorch.hosts import HostsFile, NoHosts
from storeorch.kube import KubeCluster, rbac_manifests
from storeorch.ports import Clock, Cluster, Hosts, Releases, Visitor
from storeorch.settings import Settings
from storeorch.visitor import HttpVisitor, ingress_of

_PATIENCE: Final = 1 / 8
_GRACE: Final = 1 / 16
"""Shares of a lease. An engine that falls silent had its leases confirmed at most 2/3 of a
lease before; 2/3 + 1/8 + 1/16 leave a seventh until another engine may start."""

_CANCELLED: Final = 1 / 6
"""Share of a lease that a Helm has to end which does not listen to SIGTERM. Its pass is
cancelled after 2/3 of the lease; 2/3 + 1/6 leave a sixth."""

_LONGEST_GRACE: Final = 5.0
"""Helm records a failure in some 10 ms; longer leases need not wait longer than this."""


__all__ = ["Adapters", "connect", "rbac_manifests"]


@dataclass(frozen=True, slots=True)
class Adapters:
    """The adapters that an engine works with.

    Attributes:
        cluster: The cluster.
        releases: Helm.
        hosts: Where hosts are made known.
        close: Closes their connections.
        visitor: Asks for pages of stores; None asks no store.
    """

    cluster: Cluster
    releases: Releases
    hosts: Hosts
    close: Callable[[], Awaitable[None]]
    visitor: Visitor | None = None


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
        policy=ChartPolicy(frozenset(settings.chart_allow)),
        watchdog=Watchdog(
            patience=settings.lease_duration * _PATIENCE,
            grace=settings.lease_duration * _GRACE,
        ),
        grace=min(_LONGEST_GRACE, settings.lease_duration * _CANCELLED),
    )
    hosts: Hosts = NoHosts()
    if settings.hosts_file is not None:
        hosts = HostsFile(settings.hosts_file, settings.ingress_address)

    visitor = HttpVisitor(
        ingress_of(
            settings.probe_address,
            settings.ingress_address,
            domain=settings.domain,
            hosts_file=settings.hosts_file is not None,
        )
    )

    async def close() -> None:
        await visitor.close()
        await releases.close()
        await cluster.close()

    return Adapters(cluster, releases, hosts, close, visitor)
