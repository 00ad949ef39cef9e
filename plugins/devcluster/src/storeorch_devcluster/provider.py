"""Choosing who runs the development cluster.

An existing cluster is used only when its context is named: the current context
may be somebody's production. A cluster that is up already stays with the
provider that it was created by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.certs import Pki
from storeorch_devcluster.embedded import EmbeddedCluster
from storeorch_devcluster.errors import ProviderConflict
from storeorch_devcluster.existing import ExistingCluster
from storeorch_devcluster.kind import KindCluster, docker_answers, kind_is_installed
from storeorch_devcluster.kubeconfig import CONTEXT
from storeorch_devcluster.progress import Progress, Report, silent
from storeorch_devcluster.status import ProcessStatus, Status, node_status

if TYPE_CHECKING:
    from storeorch_devcluster.state import Nodes, State, StateFolder

Choice = Literal["auto", "kind", "embedded"]


class DevCluster(Protocol):
    """A development cluster, whoever runs it."""

    def up(self, report: Report) -> None:
        """Bring it up, or do nothing if it is up."""

    def down(self, *, keep_data: bool) -> None:
        """Take it down and remove what was written for it."""

    def status(self) -> Status:
        """Say how it is."""


class Embedded:
    """The embedded cluster, as a provider.

    Args:
        folder: The state folder.
        nodes: Whether its nodes really run pods.
    """

    def __init__(self, folder: StateFolder, nodes: Nodes = "simulated") -> None:
        self._folder = folder
        self._nodes = nodes

    def up(self, report: Report) -> None:
        """Start what does not run; see `EmbeddedCluster.start`."""
        self._cluster(report).start()

    def down(self, *, keep_data: bool) -> None:
        """Stop it; see `EmbeddedCluster.stop`."""
        self._cluster().stop(keep_data=keep_data)

    def _cluster(self, report: Report = silent) -> EmbeddedCluster:
        if self._nodes == "simulated":
            return EmbeddedCluster(self._folder.path, progress=report)
        # Real nodes are for the few who ask for them.
        from storeorch_devcluster.realnode.cluster import RealNodeCluster  # noqa: PLC0415

        return RealNodeCluster(self._folder.path, progress=report)

    def running(self) -> bool:
        """Whether every component runs; says nothing about being ready."""
        return self._cluster().running()

    def status(self) -> Status:
        """Say how it is."""
        cluster = self._cluster()
        processes = tuple(ProcessStatus(name=name, pid=pid) for name, pid in cluster.pids().items())
        common = Status(
            provider="embedded",
            context=CONTEXT,
            simulated=self._nodes == "simulated",
            ingress=cluster.ingress,
            ingress_tls=cluster.ingress_tls,
            gateway=cluster.gateway,
            kubeconfig=str(cluster.kubeconfig),
            logs=str(cluster.logs),
            server=cluster.server,
            processes=processes,
        )
        if cluster.server is None or not cluster.ready():
            return common
        with ApiServer(cluster.server, Pki(self._folder.pki)) as api:
            nodes = tuple(node_status(item) for item in api.items("/api/v1/nodes"))
            return common.model_copy(update={"up": True, "version": api.version(), "nodes": nodes})


def remembered(folder: StateFolder) -> DevCluster | None:
    """Return the cluster that the state folder knows, or None.

    Raises:
        StateUnusable: The state folder cannot be read.
    """
    state = folder.read()
    return None if state is None else _of(state, folder)


def choose(
    folder: StateFolder,
    *,
    choice: Choice = "auto",
    context: str | None = None,
    nodes: Nodes | None = None,
    report: Report = silent,
) -> DevCluster:
    """Choose who runs the cluster that is about to come up.

    Args:
        folder: The state folder.
        choice: Whom the user wants; ``auto`` takes kind where a Docker engine
            answers and kind is installed, else the embedded cluster.
        context: An existing cluster's kubeconfig context, if the user named one.
        nodes: Whether nodes shall really run pods; real nodes are the embedded
            cluster's. None is as it was, or simulated.
        report: Told when kind would have been taken, were it installed.

    Raises:
        ProviderConflict: The state folder knows another cluster than the one wanted.
        StateUnusable: The state folder cannot be read.
    """
    state = folder.read()
    if state is not None:
        _check(state, choice, context, nodes)
        return _of(state, folder)
    if nodes == "real":
        return Embedded(folder, "real")
    if context is not None:
        return ExistingCluster(folder, context)
    if choice == "kind":
        return KindCluster(folder)
    if choice == "auto" and docker_answers():
        if kind_is_installed():
            return KindCluster(folder)
        report(Progress("Docker answers, but kind is not installed: using the embedded cluster"))
    return Embedded(folder)


def _of(state: State, folder: StateFolder) -> DevCluster:
    match state.provider:
        case "context":
            return ExistingCluster(folder, state.context or "")
        case "kind":
            return KindCluster(folder)
        case "embedded":
            return Embedded(folder, state.nodes)


def _check(state: State, choice: Choice, context: str | None, nodes: Nodes | None) -> None:
    if context is not None:
        fits = state.provider == "context" and state.context == context
    else:
        # Without a name an existing cluster is not used, not even the one named last time.
        fits = state.provider == choice or (choice == "auto" and state.provider != "context")
    if fits and nodes is not None and nodes != state.nodes:
        raise ProviderConflict(f"This development cluster is one with {state.nodes} nodes.")
    if not fits:
        known = f" '{state.context}'" if state.context else ""
        raise ProviderConflict(
            f"This development cluster is one of provider '{state.provider}'{known}."
        )
