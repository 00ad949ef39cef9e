"""The contract of the hosts, over the double and over a hosts file."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from storeorch.hosts import HostsFile
from storeorch.testing import MemoryHosts
from storeorch.testing.contracts import HostsContract


class TestMemoryHosts(HostsContract):
    @pytest.fixture
    def hosts(self) -> MemoryHosts:
        return MemoryHosts()

    @pytest.fixture
    def known(self, hosts: MemoryHosts) -> Callable[[], set[str]]:
        return lambda: set(hosts.known)

    @pytest.fixture
    def make_unwritable(self, hosts: MemoryHosts) -> Callable[[], None]:
        return lambda: setattr(hosts, "unwritable", True)


class TestHostsFile(HostsContract):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "hosts"
        path.write_text("127.0.0.1\tlocalhost\n")
        return path

    @pytest.fixture
    def hosts(self, path: Path) -> HostsFile:
        return HostsFile(path, "127.0.0.1", lock_wait=0)

    @pytest.fixture
    def known(self, path: Path) -> Callable[[], set[str]]:
        def read() -> set[str]:
            lines = [line.partition("#")[0].split() for line in path.read_text().splitlines()]
            return {fields[1] for fields in lines if len(fields) > 1} - {"localhost"}

        return read

    @pytest.fixture
    def make_unwritable(self, path: Path) -> Iterator[Callable[[], None]]:
        """Hold the file's lock: unlike a file's mode, that keeps root out as well."""
        with ExitStack() as stack:

            def hold() -> None:
                file = stack.enter_context(path.open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX)

            yield hold
