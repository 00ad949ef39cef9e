"""What can be said about a development cluster, whoever runs it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ProcessStatus(BaseModel):
    """One daemon of the embedded cluster; ``pid`` is None where it does not run."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int | None


class NodeStatus(BaseModel):
    """One node of the cluster; ``runtime`` is what runs its containers."""

    model_config = ConfigDict(frozen=True)

    name: str
    ready: bool
    version: str
    runtime: str = ""


class Status(BaseModel):
    """The development cluster at this moment.

    Attributes:
        up: Whether its API server answers and all its daemons run.
        provider: ``embedded``, ``kind``, ``context``, or None if there is none.
        context: The context's name in the kubeconfig.
        server: The API server's address.
        version: The API server's version.
        simulated: Whether its nodes only pretend to run pods.
        kubeconfig: Path of the kubeconfig.
        logs: Folder of the logs.
        ingress: Address of the ingress, where one was brought.
        ingress_tls: Its address for TLS.
        gateway: ``NAMESPACE/NAME`` of the Gateway at that address, where one was brought.
        processes: Its daemons, for the embedded cluster.
        nodes: Its nodes.
    """

    model_config = ConfigDict(frozen=True)

    up: bool = False
    provider: str | None = None
    context: str | None = None
    server: str | None = None
    version: str | None = None
    simulated: bool = False
    kubeconfig: str | None = None
    logs: str | None = None
    ingress: str | None = None
    ingress_tls: str | None = None
    gateway: str | None = None
    processes: tuple[ProcessStatus, ...] = ()
    nodes: tuple[NodeStatus, ...] = ()


def node_status(manifest: dict[str, object]) -> NodeStatus:
    """Return what a Node object, as decoded JSON, says about its node."""
    return _Node.model_validate(manifest).summary()


class _Named(BaseModel):
    name: str = ""


class _Condition(BaseModel):
    type: str
    status: str


class _NodeInfo(BaseModel):
    kubeletVersion: str = ""  # noqa: N815 - Kubernetes' spelling
    containerRuntimeVersion: str = ""  # noqa: N815 - Kubernetes' spelling


class _NodeState(BaseModel):
    conditions: list[_Condition] = []
    nodeInfo: _NodeInfo = _NodeInfo()  # noqa: N815 - Kubernetes' spelling


class _Node(BaseModel):
    metadata: _Named = _Named()
    status: _NodeState = _NodeState()

    def summary(self) -> NodeStatus:
        ready = any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)
        return NodeStatus(
            name=self.metadata.name,
            ready=ready,
            version=self.status.nodeInfo.kubeletVersion,
            runtime=self.status.nodeInfo.containerRuntimeVersion,
        )
