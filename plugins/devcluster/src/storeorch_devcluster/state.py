"""What the development cluster remembers between two calls.

One folder holds everything: ``state.json`` (this module), the kubeconfig, the
logs, certificates and etcd's data. The file is replaced atomically, so a
killed process leaves the last complete state behind.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from storeorch_devcluster.certs import write_private
from storeorch_devcluster.errors import StateUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_TIMEOUT: Final = 600.0
"""Seconds to wait for another process that is starting or stopping this cluster."""

Provider = Literal["embedded", "kind", "context"]
Nodes = Literal["simulated", "real"]


class ProcessRecord(BaseModel):
    """One daemon that was started.

    Attributes:
        pid: Its process id at that time; the system may have given it to
            somebody else since.
        argv: Its full command line, which names the state folder and so tells
            it from every other process.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    argv: list[str]


class State(BaseModel):
    """The remembered state.

    Attributes:
        version: Version of this format.
        provider: Who runs the cluster.
        context: The kubeconfig context that was named, for provider ``context``.
        nodes: Whether nodes really run pods, for provider ``embedded``.
        ports: Ports on 127.0.0.1 by purpose.
        processes: Daemons by component.
    """

    version: Literal[1] = 1
    provider: Provider
    context: str | None = None
    nodes: Nodes = "simulated"
    ports: dict[str, int] = Field(default_factory=dict)
    processes: dict[str, ProcessRecord] = Field(default_factory=dict)


class StateFolder:
    """The state folder of one cluster.

    Args:
        path: The folder; it is created when something is first written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.kubeconfig = self.path / "kubeconfig"
        self.logs = self.path / "logs"
        self.pki = self.path / "pki"
        self.data = self.path / "etcd"
        self.config = self.path / "config"
        self.node = self.path / "node"
        self.volumes = self.path / "volumes"
        self._file = self.path / "state.json"
        self._lock = self.path / ".storeorch-devcluster"

    def read(self) -> State | None:
        """Return the remembered state, or None if there is none.

        Raises:
            StateUnusable: The file is there and cannot be understood or read.
        """
        try:
            return State.model_validate_json(self._file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValidationError) as error:
            raise StateUnusable(
                "The state file of the development cluster cannot be read.",
                hint=f"Look at {self._file}, or remove that folder and start anew.",
            ) from error

    def write(self, state: State) -> None:
        """Replace the remembered state.

        Raises:
            StateUnusable: The folder cannot be written.
        """
        self.create()
        try:
            write_private(self._file, state.model_dump_json(indent=2).encode())
        except OSError as error:
            raise self._unwritable() from error

    def create(self) -> None:
        """Create the folder, for its owner only.

        Raises:
            StateUnusable: The folder cannot be created, or holds files of
                somebody else, which must not come into reach of `remove`.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours() and any(self.path.iterdir()):
                raise StateUnusable(
                    "The folder chosen for the state of the development cluster is not empty.",
                    hint=f"Set STOREORCH_DEV_HOME to a new folder; {self.path} holds other files.",
                )
            self._lock.touch(mode=0o600)
            for folder in (self.logs, self.config):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._unwritable() from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from starting or stopping this cluster meanwhile.

        A folder in which no state was remembered by then is removed again.

        Raises:
            StateUnusable: Another process kept the lock for too long, or the
                folder cannot be written.
        """
        self.create()
        lock = FileLock(self._lock, timeout=LOCK_TIMEOUT)
        try:
            lock.acquire()
        except Timeout as error:
            raise StateUnusable(
                "Another process has been working on this development cluster for too long.",
                hint=f"Find who holds {self._lock}, or wait and try again.",
            ) from error
        except OSError as error:
            raise self._unwritable() from error
        try:
            yield
        finally:
            if not self._file.exists():
                self.remove(keep_data=False)
            lock.release()

    def remove(self, *, keep_data: bool) -> None:
        """Remove what this package wrote, and the folder itself if nothing else is in it.

        A folder that this package did not create is left alone.

        Args:
            keep_data: Keep what a later start needs to go on with the same
                data: etcd's folder, volumes, images, certificates, ports and logs.
        """
        if not self._is_ours():
            return
        self.kubeconfig.unlink(missing_ok=True)
        if keep_data:
            return
        for folder in (self.data, self.volumes, self.node, self.pki, self.logs, self.config):
            shutil.rmtree(folder, ignore_errors=True)
        self._file.unlink(missing_ok=True)
        if list(self.path.iterdir()) == [self._lock]:
            self._lock.unlink()
            self.path.rmdir()

    def _is_ours(self) -> bool:
        return self._lock.exists() or self._file.exists()

    def _unwritable(self) -> StateUnusable:
        return StateUnusable("The state folder of the development cluster cannot be written.")
