"""A cluster of one node that really runs containers, without Docker.

Guarantees, each of them a test:

- outside the state folder nothing of the machine is changed but one control
  group: interfaces, routes, packet filter rules, mounts and network settings
  are the node's own and end with it;
- nothing listens but on the loopback interface;
- after `RealNodeCluster.stop` no process, mount, control group or file is left,
  and what a killed run left behind is cleared by the next start of any node.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from typing_extensions import override

from storeorch_devcluster import processes
from storeorch_devcluster.build import ensure_node_binaries
from storeorch_devcluster.embedded import EmbeddedCluster
from storeorch_devcluster.errors import ClusterStartFailed, ImageRefused, NoDevCluster
from storeorch_devcluster.progress import Progress, Report, silent
from storeorch_devcluster.realnode import cgroups, machine
from storeorch_devcluster.realnode.components import COMPONENTS, NodeLayout
from storeorch_devcluster.realnode.gateway import GATEWAY, GATEWAY_NAMESPACE
from storeorch_devcluster.realnode.images import ensure_images
from storeorch_devcluster.realnode.launch import RealLaunch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storeorch_devcluster.state import State

HOLDER = "storeorch_devcluster.realnode.holder"
"""The module that a node's holder runs, by which a living node is known."""


class RealNodeCluster(EmbeddedCluster):
    """One cluster with one real node; several with different state folders run side by side.

    Its use is that of `EmbeddedCluster`; beside that images can be loaded, and
    the ingress answers on a port of the loopback interface.

    Args:
        state_dir: Folder for everything the cluster writes.
        binaries: Folder of the control plane's programs; by default they are
            built at the first start.
        programs: The node's programs by name; by default they are built at the
            first start.
        timeout: Seconds that a start may take once the programs are built.
        progress: Receives reports of what a start is doing.
    """

    components = COMPONENTS
    node_kind = "real"

    def __init__(
        self,
        state_dir: Path,
        *,
        binaries: Path | None = None,
        programs: dict[str, Path] | None = None,
        timeout: float = 180.0,
        progress: Report = silent,
    ) -> None:
        super().__init__(state_dir, binaries=binaries, timeout=timeout, progress=progress)
        self._programs = programs
        self._images: dict[str, Path] = {}

    @property
    @override
    def ingress(self) -> str | None:
        """The ingress' address, ``http://127.0.0.1:80`` or so; None before the first start."""
        port = self._state().ports.get("ingress")
        return None if port is None else f"http://127.0.0.1:{port}"

    @property
    @override
    def ingress_tls(self) -> str | None:
        """The ingress' address for TLS; None before the first start."""
        port = self._state().ports.get("ingress-tls")
        return None if port is None else f"https://127.0.0.1:{port}"

    @property
    @override
    def gateway(self) -> str | None:
        """The Gateway that takes HTTPRoutes of all namespaces, as ``NAMESPACE/NAME``."""
        return f"{GATEWAY_NAMESPACE}/{GATEWAY}"

    @property
    def volumes(self) -> Path:
        """The folder of the volumes."""
        return self._layout(self._state()).volumes

    def load_images(self, archives: Iterable[Path]) -> None:
        """Load images into the node's containerd.

        Args:
            archives: OCI or Docker archives, tar files.

        Raises:
            ImageRefused: An archive cannot be read, or holds no image.
            NoDevCluster: The cluster is not running.
        """
        state = self._state()
        if not self.running():
            raise NoDevCluster
        self._build()
        launch = self._launch(state)
        for archive in archives:
            self._progress(Progress(f"Loading {archive.name}"))
            try:
                loaded = launch.load(archive)
            except OSError as error:
                raise ImageRefused(f"The archive {archive.name} cannot be read.") from error
            if not loaded:
                raise ImageRefused(
                    f"The archive {archive.name} could not be loaded.",
                    hint=f"See the log: {self.logs / 'commands.log'}",
                )

    def run_in_node(self, argv: list[str]) -> bool:
        """Run a program in the node's namespaces, for tests.

        Args:
            argv: Program and arguments; the program is an absolute path.

        Returns:
            Whether it succeeded; what it says is in the log ``commands``.
        """
        self._build()
        return self._launch(self._state()).in_node(argv)

    def restart_containerd(self) -> None:
        """Restart the container runtime; containers go on.

        Raises:
            ClusterStartFailed: It did not become ready.
            NoDevCluster: The cluster was never started.
        """
        self.restart("containerd")

    @override
    def _make_ready(self, state: State) -> None:
        machine.check()
        machine.install_packages(self.logs / "packages.log", self._progress)
        self._build()
        clear_leftovers()
        record = state.processes.get("namespaces")
        if record is None or processes.find(record) is None:
            self._end_all(state)

    @override
    def _build(self) -> None:
        super()._build()
        if self._programs is None:
            self._programs = ensure_node_binaries(self._progress)
        self._images = ensure_images(self._programs, self._progress)

    @override
    def _end_all(self, state: State) -> None:
        layout = self._layout(state)
        self._end(state, [c for c in self.components if c != "namespaces"])
        if not cgroups.remove(layout.group):
            raise ClusterStartFailed(
                "Processes of the node do not end.", hint="Restart the machine to get rid of them."
            )
        state.processes.clear()
        self._folder.write(state)
        # What a kept cluster goes on with is containerd's images and nothing else.
        for folder in layout.root.glob("*"):
            if folder.name != "var":
                shutil.rmtree(folder, ignore_errors=True)
        layout.prepared.unlink(missing_ok=True)

    @override
    def _launch(self, state: State) -> RealLaunch:
        return RealLaunch(
            self._layout(state),
            state,
            images=self._images,
            timeout=self._timeout,
            report=lambda message: self._progress(Progress(message)),
        )

    @override
    def _layout(self, state: State) -> NodeLayout:
        return NodeLayout(
            self._binaries or Path(), self._folder, state.ports, programs=self._programs or {}
        )


def clear_leftovers() -> None:
    """End what is left of nodes whose holder is gone, on this whole machine."""
    for group in cgroups.groups():
        if not any(_is_holder(pid) for pid in cgroups.members(group)):
            cgroups.remove(group)


def _is_holder(pid: int) -> bool:
    with suppress(psutil.Error):
        return HOLDER in psutil.Process(pid).cmdline()
    return False
