"""A real control plane with simulated nodes, on the loopback interface.

Guarantees, each of them a test:

- every listener is bound to 127.0.0.1 and asks for a certificate;
- all files are below the state folder, keys and kubeconfig readable by the
  owner only;
- daemons outlive the process that started them, and another process finds
  them again through the state folder;
- only a process whose whole command line is the recorded one is ever ended;
- after `EmbeddedCluster.stop` no daemon is left.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from storeorch_devcluster import processes
from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.build import ensure_binaries
from storeorch_devcluster.components import COMPONENTS, Layout
from storeorch_devcluster.errors import NoDevCluster, ProviderConflict
from storeorch_devcluster.launch import Launch, PortTaken
from storeorch_devcluster.progress import Progress, Report, silent
from storeorch_devcluster.state import Nodes, State, StateFolder
from storeorch_devcluster.volumes import remove_volumes, volume_folders

if TYPE_CHECKING:
    from types import TracebackType

ATTEMPTS = 3
"""How often a start is tried when another program takes a chosen port."""


class EmbeddedCluster:
    """One embedded cluster; several with different state folders run side by side.

    As a context manager it is started, and stopped without a trace:

    ```python
    with EmbeddedCluster(tmp_path / "cluster") as cluster:
        subprocess.run(["kubectl", "get", "nodes"], env={"KUBECONFIG": str(cluster.kubeconfig)})
    ```

    Attributes:
        components: All daemons, in the order in which they start.
        node_kind: Whether its nodes really run pods.

    Args:
        state_dir: Folder for everything the cluster writes.
        binaries: Folder of the built programs; by default `ensure_binaries` is
            asked at the first start.
        nodes: Number of simulated nodes.
        pods_per_node: How many pods fit on one of them, with as many cores and
            GiB of memory.
        timeout: Seconds that a start may take once the programs are built.
        progress: Receives reports of what a start is doing.
    """

    components: tuple[str, ...] = COMPONENTS
    node_kind: Nodes = "simulated"

    def __init__(
        self,
        state_dir: Path,
        *,
        binaries: Path | None = None,
        nodes: int = 1,
        pods_per_node: int = 100_000,
        timeout: float = 60.0,
        progress: Report = silent,
    ) -> None:
        self._folder = StateFolder(state_dir)
        self._binaries = binaries
        self._nodes = nodes
        self._pods_per_node = pods_per_node
        self._timeout = timeout
        self._progress = progress

    @property
    def state_dir(self) -> Path:
        """The state folder, absolute."""
        return self._folder.path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; the file exists while the cluster is up."""
        return self._folder.kubeconfig

    @property
    def logs(self) -> Path:
        """The folder with one log file for each component."""
        return self._folder.logs

    @property
    def server(self) -> str | None:
        """The API server's address, or None before the first start."""
        state = self._state()
        return self._layout(state).server if state.ports else None

    @property
    def ingress(self) -> str | None:
        """The ingress' address; simulated nodes have none."""
        return None

    @property
    def ingress_tls(self) -> str | None:
        """The ingress' address for TLS; simulated nodes have none."""
        return None

    @property
    def gateway(self) -> str | None:
        """The Gateway there is, as ``NAMESPACE/NAME``; simulated nodes have none."""
        return None

    def start(self) -> None:
        """Start what does not run and return when the cluster is ready.

        A cluster that is up is left as it is; data and ports of an earlier
        start are taken up again.

        Raises:
            BuildFailed: The programs could not be built.
            ClusterStartFailed: A component ended, or the cluster was not ready
                within the timeout; nothing of it is left running.
            ProviderConflict: The state folder belongs to another kind of cluster.
            StateUnusable: The state folder cannot be read or written.
        """
        with self._folder.locked():
            state = self._state()
            if self._is_up(state):
                return
            self._make_ready(state)
            for attempt in range(ATTEMPTS):
                launch = self._launch(state)
                try:
                    launch.run()
                except PortTaken:
                    self._end_all(state)
                    state.ports.clear()
                    if attempt == ATTEMPTS - 1:
                        raise
                except BaseException:
                    self._end_all(state)
                    raise
                else:
                    return

    def stop(self, *, keep_data: bool = False) -> None:
        """End every daemon and remove what the cluster wrote; not an error if nothing runs.

        Args:
            keep_data: Keep etcd's data, certificates and logs for a later start.

        Raises:
            ProviderConflict: The state folder belongs to another kind of cluster.
            StateUnusable: The state folder cannot be read or written.
        """
        if not self._folder.path.is_dir():
            return
        with self._folder.locked():
            state = self._state()
            self._end_all(state)
            if not keep_data:
                remove_volumes(volume_folders(self._folder.data))
            self._folder.remove(keep_data=keep_data)

    def restart(self, component: str) -> None:
        """End one component, start it again on the same port and wait until it is ready.

        Args:
            component: For example ``kube-apiserver``; see
                `storeorch_devcluster.components.COMPONENTS`.

        Raises:
            ClusterStartFailed: It did not become ready.
            NoDevCluster: The cluster was never started.
            ValueError: There is no such component.
        """
        with self._folder.locked():
            state = self._known(component)
            self._end(state, [component])
            self._build()
            self._launch(state).one(component)

    def kill(self, component: str) -> None:
        """End one component by force, as a crash would; `start` or `restart` bring it back.

        Args:
            component: For example ``etcd``.

        Raises:
            NoDevCluster: The cluster was never started.
            ValueError: There is no such component.
        """
        record = self._known(component).processes.get(component)
        if record is not None:
            processes.kill(record)

    def running(self) -> bool:
        """Whether every component runs; says nothing about being ready."""
        return None not in self.pids().values()

    def pids(self) -> dict[str, int | None]:
        """Return the process id of each component, None for one that does not run."""
        return self._pids(self._state())

    def ready(self) -> bool:
        """Whether every component runs and the API server says that it is ready."""
        return self._is_up(self._state())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _is_up(self, state: State) -> bool:
        if None in self._pids(state).values():
            return False
        layout = self._layout(state)
        with ApiServer(layout.server, layout.pki) as api:
            return self.kubeconfig.exists() and api.ready()

    def _make_ready(self, state: State) -> None:  # noqa: ARG002 - for those who derive from this
        """Do what a start needs before the first daemon is started."""
        self._build()

    def _build(self) -> None:
        if self._binaries is None:
            self._binaries = ensure_binaries(self._progress)

    def _end_all(self, state: State) -> None:
        self._end(state, self.components)

    def _end(self, state: State, components: list[str] | tuple[str, ...]) -> None:
        # etcd last: an API server without storage hangs in its own shutdown.
        for group in (
            [c for c in components if c != "etcd"],
            [c for c in components if c == "etcd"],
        ):
            processes.terminate([state.processes[c] for c in group if c in state.processes])
        for component in components:
            state.processes.pop(component, None)
        self._folder.write(state)

    def _known(self, component: str) -> State:
        if component not in self.components:
            raise ValueError(f"no component is called {component!r}")
        state = self._state()
        if not state.ports:
            raise NoDevCluster
        return state

    def _launch(self, state: State) -> Launch:
        return Launch(
            self._layout(state),
            state,
            nodes=self._nodes,
            pods_per_node=self._pods_per_node,
            timeout=self._timeout,
            report=lambda message: self._progress(Progress(message)),
        )

    def _layout(self, state: State) -> Layout:
        return Layout(self._binaries or Path(), self._folder, state.ports)

    def _state(self) -> State:
        state = self._folder.read() or State(provider="embedded", nodes=self.node_kind)
        if state.provider != "embedded":
            raise ProviderConflict(f"The state folder belongs to a cluster of '{state.provider}'.")
        if state.nodes != self.node_kind:
            raise ProviderConflict(f"The state folder belongs to a cluster of {state.nodes} nodes.")
        return state

    def _pids(self, state: State) -> dict[str, int | None]:
        records = state.processes
        return {
            name: record.pid if (record := records.get(name)) and processes.find(record) else None
            for name in self.components
        }
