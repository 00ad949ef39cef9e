"""The contract of the hosts, over the double and over a hosts file."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
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
        return HostsFile(path, "127.0.0.1")

    @pytest.fixture
    def known(self, path: Path) -> Callable[[], set[str]]:
        def read() -> set[str]:
            lines = [line.partition("#")[0].split() for line in path.read_text().splitlines()]
            return {fields[1] for fields in lines if len(fields) > 1} - {"localhost"}

        return read

    @pytest.fixture
    def make_unwritable(self) -> Iterator[Callable[[], None]]:
        """Forbid files to grow: unlike a file's mode, that holds for root as well."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
