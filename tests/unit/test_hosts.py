"""The hosts file: read, locked and written; its text has tests of its own.

Failures of the disk, of rights and of mounts are made for real, in processes of
their own: a limit or a right given up there harms no one else.
"""

# ruff: noqa: ASYNC240 - these tests are about files

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest
from typing_extensions import override

from storeorch import hosts as module
from storeorch.errors import HostsFileUnwritable
from storeorch.hosts import BEGIN, END, HostsFile, NoHosts, add_entry
from storeorch.ports import Owner

A = Owner("0f8fad5b-d9cb-469f-a165-70867728950e", "a")
B = Owner("7c9e6679-7425-40de-944b-e07fc1f90ae7", "b")
LINE_A = b"127.0.0.1\ta.local.test\t# storeorch " + A.store_id.encode()
FOREIGN = b"127.0.0.1\tlocalhost\n# \xff not UTF-8\r\n\n::1 localhost"
ENTRY_A = b"\n".join([BEGIN, LINE_A, END])


def add(text: bytes) -> bytes:
    return add_entry(text, address="127.0.0.1", host="a.local.test", store_id=A.store_id)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_bytes(FOREIGN)
    return path


@pytest.fixture
def hosts(path: Path) -> HostsFile:
    return HostsFile(path, "127.0.0.1", lock_wait=0)


@pytest.fixture
def held(path: Path) -> Iterator[None]:
    """Let somebody else have the file."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def shared() -> Iterator[Path]:
    """Name a file where root can still go after giving its rights up: not below tmp_path."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "hosts"
        Path(folder).chmod(0o755)


async def test_no_hosts_does_nothing() -> None:
    await NoHosts().ensure("a.local.test", A)
    await NoHosts().remove("a.local.test", A)


class TestFile:
    """Reading and writing."""

    async def test_replaced_at_once(self, hosts: HostsFile, path: Path) -> None:
        """Who has the file open goes on to see what it was; mode and owner stay."""
        path.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(path, 12, 34)
        before = path.stat()
        with path.open("rb") as reader:
            await hosts.ensure("a.local.test", A)
            assert reader.read() == FOREIGN
        after = path.stat()
        assert path.read_bytes() == add(FOREIGN)
        assert stat.S_IMODE(after.st_mode) == 0o640
        assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
        await hosts.remove("a.local.test", A)
        assert path.read_bytes() == FOREIGN
        assert list(path.parent.iterdir()) == [path]

    async def test_nothing_written_where_nothing_changes(
        self, hosts: HostsFile, path: Path
    ) -> None:
        await hosts.ensure("a.local.test", A)
        before = path.stat()
        await hosts.ensure("a.local.test", A)
        await hosts.remove("b.local.test", B)
        after = path.stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    async def test_file_may_not_exist(self, hosts: HostsFile, path: Path) -> None:
        path.unlink()
        await hosts.remove("a.local.test", A)
        assert not path.exists()
        await hosts.ensure("a.local.test", A)
        assert path.read_bytes() == ENTRY_A + b"\n"

    @pytest.mark.parametrize("exists", [True, False])
    async def test_link_is_followed(self, tmp_path: Path, *, exists: bool) -> None:
        target = tmp_path / "real" / "hosts"
        target.parent.mkdir()
        if exists:
            target.write_bytes(b"")
        link = tmp_path / "link"
        link.symlink_to("real/hosts")
        await HostsFile(link, "127.0.0.1").ensure("a.local.test", A)
        assert link.is_symlink()
        assert not target.is_symlink()
        assert target.read_bytes() == ENTRY_A + b"\n"
        assert list(target.parent.iterdir()) == [target]

    async def test_what_is_no_file_is_refused(self, tmp_path: Path) -> None:
        folder, pipe, circle = tmp_path / "folder", tmp_path / "pipe", tmp_path / "circle"
        folder.mkdir()
        os.mkfifo(pipe)
        circle.symlink_to(circle)
        for path in (folder, pipe, circle, folder / "none" / "hosts", Path("a\0b")):
            with pytest.raises(HostsFileUnwritable) as refused:
                await HostsFile(path, "127.0.0.1").ensure("a.local.test", A)
            assert str(refused.value) == "The hosts file cannot be written."
            assert refused.value.__cause__ is not None
        assert pipe.is_fifo()
        assert list(folder.iterdir()) == []

    async def test_impossible_entry_is_refused(self, path: Path) -> None:
        with pytest.raises(HostsFileUnwritable, match="cannot stand"):
            await HostsFile(path, "fe80::1%a\n1.1.1.1 b").ensure("a.local.test", A)
        with pytest.raises(HostsFileUnwritable, match="cannot stand") as refused:
            await HostsFile(path, "127.0.0.1").ensure("canary\n1.1.1.1 b", A)
        assert "canary" not in f"{refused.value} {refused.value.hint}"
        assert path.read_bytes() == FOREIGN

    @pytest.mark.parametrize("number", sorted(module._IN_PLACE))
    async def test_written_in_place_where_it_cannot_be_replaced(
        self, hosts: HostsFile, path: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        def refuse(path: Path, text: bytes) -> None:
            raise OSError(number, "canary")

        monkeypatch.setattr(module, "_replace", refuse)
        before = path.stat().st_ino
        await hosts.ensure("a.local.test", A)
        assert path.read_bytes() == add(FOREIGN)
        await hosts.remove("a.local.test", A)
        assert path.read_bytes() == FOREIGN
        assert path.stat().st_ino == before

    async def test_replacing_fails(
        self, hosts: HostsFile, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(fd: int) -> None:
            raise OSError(errno.ENOSPC, "canary")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(HostsFileUnwritable) as refused:
            await hosts.ensure("a.local.test", A)
        assert "canary" not in str(refused.value)
        assert path.read_bytes() == FOREIGN
        assert list(path.parent.iterdir()) == [path]

    async def test_overwriting_fails(
        self, hosts: HostsFile, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What had been overwritten is put back."""
        failures = [errno.EPERM, errno.ENOSPC]
        fsync = os.fsync

        def fail(fd: int) -> None:
            if failures:
                raise OSError(failures.pop(0), "canary")
            fsync(fd)

        path.write_bytes(BEGIN + b"\n" + END + b"\n" + FOREIGN)
        before = path.read_bytes()
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(HostsFileUnwritable):
            await hosts.ensure("a.local.test", A)
        assert not failures
        assert path.read_bytes() == before


class TestLock:
    """Writers come one after the other."""

    @pytest.mark.usefixtures("held")
    async def test_held_by_another(self, hosts: HostsFile, path: Path) -> None:
        """A change waits as long as told; nothing to change is nothing to wait for."""
        await hosts.remove("a.local.test", A)
        with pytest.raises(HostsFileUnwritable):
            await hosts.ensure("a.local.test", A)
        assert path.read_bytes() == FOREIGN

    @pytest.mark.parametrize("new", [b"new\n", b""])
    def test_file_replaced_or_removed_while_waiting(self, path: Path, new: bytes) -> None:
        """The lock of a file that is no longer there protects nothing."""
        with path.open("rb") as old:
            fcntl.flock(old, fcntl.LOCK_EX)

            def act() -> None:
                path.unlink()
                if new:
                    path.write_bytes(new)
                old.close()

            module._rewrite(path, add, 3600, Meanwhile(act))
        assert path.read_bytes() == add(new)

    @pytest.mark.usefixtures("held")
    async def test_cancelled_while_waiting(self, path: Path) -> None:
        ensuring = asyncio.ensure_future(
            HostsFile(path, "127.0.0.1", lock_wait=3600).ensure("a.local.test", A)
        )
        for _ in range(3):
            await asyncio.sleep(0)
        ensuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ensuring
        assert path.read_bytes() == FOREIGN

    async def test_cancelled_while_writing(self) -> None:
        """However often it is cancelled, it returns only when nothing is written any more."""
        may_end, ended = threading.Event(), threading.Event()

        def write(given_up: threading.Event) -> None:
            given_up.wait()
            may_end.wait()
            ended.set()
            raise OSError("nobody is left to be told")

        writing = asyncio.ensure_future(module._in_thread(write))
        for _ in range(3):
            await asyncio.sleep(0)
            writing.cancel()
            await asyncio.sleep(0)
        assert not writing.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert ended.is_set()

    @pytest.mark.usefixtures("held")
    async def test_cancelled_scope(self, path: Path) -> None:
        hosts = HostsFile(path, "127.0.0.1", lock_wait=3600)
        with anyio.move_on_after(0) as scope:
            await hosts.ensure("a.local.test", A)
        assert scope.cancelled_caught
        assert path.read_bytes() == FOREIGN

    def test_many_processes(self, path: Path) -> None:
        """No entry is lost, and no foreign line."""
        processes = [start(MANY, str(path), str(number)) for number in range(8)]
        assert [finish(process) for process in processes] == [""] * 8
        text = path.read_bytes()
        assert text.startswith(FOREIGN + b"\n" + BEGIN + b"\n")
        assert text.endswith(b"\n" + END)
        expected = {f"h{n}-{m}.test".encode() for n in range(8) for m in range(10)}
        ours = text[len(FOREIGN) :].splitlines()[2:-1]
        assert len(ours) == 80
        assert {line.split(b"\t")[1] for line in ours} == expected
        assert list(path.parent.iterdir()) == [path]


class TestReality:
    """What the operating system refuses, in processes that may be spoilt."""

    def test_no_space_to_grow(self, path: Path) -> None:
        assert finish(start(LIMITED, str(path))) == "HostsFileUnwritable"
        assert path.read_bytes() == FOREIGN
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("full", [False, True])
    def test_folder_is_not_writable(self, shared: Path, *, full: bool) -> None:
        """It is written in place; on a full disk what was there is put back."""
        before = b"\n".join([BEGIN, END, FOREIGN])
        shared.write_bytes(before)
        shared.chmod(0o666)
        shared.parent.chmod(0o555)
        inode = shared.stat().st_ino
        answer = finish(start(POWERLESS, str(shared), "10" if full else ""))
        assert answer == ("HostsFileUnwritable" if full else "")
        assert shared.read_bytes() == (before if full else add(before))
        assert shared.stat().st_ino == inode

    @pytest.mark.parametrize("known", [True, False])
    def test_file_is_not_writable(self, shared: Path, *, known: bool) -> None:
        """That is no matter where there is nothing to write."""
        before = add(FOREIGN) if known else FOREIGN
        shared.write_bytes(before)
        shared.chmod(0o444)
        answer = finish(start(POWERLESS, str(shared), ""))
        assert answer == ("" if known else "HostsFileUnwritable")
        assert shared.read_bytes() == before

    def test_mounted_file(self, path: Path) -> None:
        """As the hosts file of a container."""
        mounted = path.with_name("mounted")
        mounted.write_bytes(b"")
        mount = f'mount --bind "{path}" "{mounted}"'
        unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
        if not shutil.which("unshare") or subprocess.run([*unshare, mount], check=False).returncode:
            pytest.skip("no rights to mount here")
        run = f'{mount} && exec "$0" -c "$1" "$2"'
        assert finish(popen([*unshare, run, sys.executable, ONE, str(mounted)])) == ""
        assert path.read_bytes() == add(FOREIGN)
        assert mounted.read_bytes() == b""


class Meanwhile(threading.Event):
    """Does something while the lock is waited for."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self._act()
        return False


_PRELUDE = f"""
import asyncio, os, resource, sys
from pathlib import Path
from storeorch.errors import HostsFileUnwritable
from storeorch.hosts import HostsFile
from storeorch.ports import Owner
hosts = HostsFile(Path(sys.argv[1]), "127.0.0.1", lock_wait=300)
owner = Owner({A.store_id!r}, "a")
async def ensure():
    try:
        await hosts.ensure("a.local.test", owner)
    except HostsFileUnwritable as error:
        print(type(error).__name__)
"""
ONE = _PRELUDE + "asyncio.run(ensure())"
_LIMIT = """
def limit(growth):
    size = os.stat(sys.argv[1]).st_size + growth
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
"""
LIMITED = _PRELUDE + _LIMIT + "limit(10); asyncio.run(ensure())"
POWERLESS = f"""{_PRELUDE}{_LIMIT}
asyncio.run(hosts.remove("b.local.test", Owner("b", "b")))  # imports what is imported late
try:
    if os.geteuid() == 0:
        os.setgroups([]), os.setgid(65534), os.setuid(65534)
except OSError:
    sys.exit("no right to give rights up")
if sys.argv[2]:
    limit(int(sys.argv[2]))
asyncio.run(ensure())
"""
MANY = (
    _PRELUDE
    + """
async def many():
    for n in range(10):
        name = f"h{sys.argv[2]}-{n}"
        await hosts.ensure(f"{name}.test", Owner(name, name))
asyncio.run(many())
"""
)


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return popen([sys.executable, "-c", code, *arguments])


def popen(command: list[str]) -> subprocess.Popen[str]:
    # Into pipes: the limit of a file's size does not hold for them.
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    with process:
        answer = process.communicate(timeout=300)[0].strip()
    if answer == "no right to give rights up":
        pytest.skip(answer)
    return answer
