"""Make hosts known in a hosts file, in a block of our own.

```
# BEGIN storeorch
127.0.0.1	my-store.local.test	# storeorch 0f8fad5b-d9cb-469f-a165-70867728950e
# END storeorch
```

- Every other line stays as it is, byte for byte, wherever it stands: also one
  that somebody wrote into the block, or that follows a block without an end.
- A line is ours only if it follows our first marker and has our form; it is
  changed and removed only for the store that it names.
- Nothing is written where nothing changes. Writers, also of other processes,
  come one after the other. Whoever reads meanwhile sees the file as it was or
  as it is now, except where the file cannot be replaced (see ``_write``).

``add_entry`` and ``remove_entry`` are pure; ``HostsFile`` locks, reads and writes.

This module must know no cluster and no database.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import fcntl
import ipaddress
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Final

import anyio
from typing_extensions import override

from storeorch.errors import HostsFileUnwritable
from storeorch.fencing import check_lease
from storeorch.ports import Hosts, Owner

BEGIN: Final = b"# BEGIN storeorch"
END: Final = b"# END storeorch"

LOCK_WAIT: Final = 10.0
"""Seconds to wait for another process that has the file; a change takes milliseconds."""

_IN_PLACE: Final = frozenset({errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS})
_POLL: Final = 0.01

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# The scope of an IPv6 address may be any text at all for the ipaddress module.
_ADDRESS = re.compile(r"[0-9a-f.:]+(?:%[A-Za-z0-9._-]+)?")
_STORE_ID = re.compile(r"[A-Za-z0-9._-]{1,63}")
_OURS = re.compile(rb"\S+\t\S+\t# storeorch (?P<id>[A-Za-z0-9._-]{1,63})")


def add_entry(text: bytes, *, address: str, host: str, store_id: str) -> bytes:
    """Return the text of a hosts file with exactly one line for a store.

    A file that does not end with a newline still does not afterwards, so that
    ``remove_entry`` gives back just what was there before.

    Args:
        text: The whole file.
        address: IP address of the host.
        host: The host, in lower case.
        store_id: The store that the line belongs to.

    Raises:
        ValueError: Address, host or id cannot stand in a hosts file.
    """
    entry = _entry(address, host, store_id)
    lines = _split(text)
    mine = _entries_of(lines, store_id)
    if mine:
        first = mine[0]
        lines[first] = entry + _newline(lines[first])
        return b"".join(_drop(lines, mine[1:]))
    for begin, end in _blocks(lines):
        lines.insert(end, entry + _newline(lines[begin]))
        return b"".join(lines)
    newline = b"\r\n" if 2 * text.count(b"\r\n") > text.count(b"\n") else b"\n"
    block = newline.join([BEGIN, entry, END])
    if text and not text.endswith(b"\n"):
        return text + newline + block
    return text + block + newline


def remove_entry(text: bytes, *, store_id: str) -> bytes:
    """Return the text of a hosts file without the lines of a store.

    Args:
        text: The whole file.
        store_id: The store.
    """
    lines = _split(text)
    return b"".join(_drop(lines, _entries_of(lines, store_id)))


def _entry(address: str, host: str, store_id: str) -> bytes:
    if not _HOST.fullmatch(host):
        raise ValueError("host is not a lower-case DNS name")
    if not _STORE_ID.fullmatch(store_id):
        raise ValueError("store id is not a word")
    ip = str(ipaddress.ip_address(address))
    if not _ADDRESS.fullmatch(ip):
        raise ValueError("address has a scope that is not a word")
    return f"{ip}\t{host}\t# storeorch {store_id}".encode()


def _split(text: bytes) -> list[bytes]:
    # bytes.splitlines would also split at a lone carriage return, which a resolver does not.
    return re.findall(rb"[^\n]*\n|[^\n]+\Z", text)


def _bare(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _newline(line: bytes) -> bytes:
    return line[len(_bare(line)) :]


def _blocks(lines: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield where the first and the last line of each complete block are."""
    begin = None
    for at, line in enumerate(map(_bare, lines)):
        if line == BEGIN:
            begin = at
        elif line == END and begin is not None:
            yield begin, at
            begin = None


def _entries(lines: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield where our lines are, of every store, and the store's id."""
    inside = False
    for at, line in enumerate(map(_bare, lines)):
        if line in {BEGIN, END}:
            inside = line == BEGIN
        elif inside and (match := _OURS.fullmatch(line)):
            yield at, match["id"]


def _entries_of(lines: Sequence[bytes], store_id: str) -> list[int]:
    return [at for at, owner in _entries(lines) if owner == store_id.encode()]


def _drop(lines: Sequence[bytes], gone: Sequence[int]) -> list[bytes]:
    """Return the lines without those, and without blocks that are then empty."""
    if not gone:
        return list(lines)
    kept = [line for at, line in enumerate(lines) if at not in set(gone)]
    ours = sum(1 for _ in _entries(kept))
    for begin, end in reversed(list(_blocks(kept))):
        rest = kept[:begin] + kept[end + 1 :]
        # After a block without an end, an empty one may be what keeps foreign lines foreign.
        if end != begin + 1 or sum(1 for _ in _entries(rest)) != ours:
            continue
        if begin and not _newline(kept[end]):
            # The block was put after a last line without a newline: give that one back.
            rest[-1] = rest[-1].removesuffix(_newline(kept[begin]))
        kept = rest
    return kept


class NoHosts(Hosts):
    """Hosts are made known by others, for example by a DNS with a wildcard."""

    @override
    async def ensure(self, host: str, owner: Owner) -> None:
        return None

    @override
    async def remove(self, host: str, owner: Owner) -> None:
        return None


class HostsFile(Hosts):
    """A hosts file with a managed block.

    Args:
        path: The file; it is created when the first host is made known. Where it
            is a symbolic link, what it points to is changed.
        address: IP address that every host gets.
        lock_wait: Seconds to wait for another process that has the file.
    """

    def __init__(self, path: Path, address: str, *, lock_wait: float = LOCK_WAIT) -> None:
        self._path = path
        self._address = address
        self._lock_wait = lock_wait
        # Many stores of one process would otherwise wait for the lock in many threads.
        self._turn = asyncio.Lock()

    @override
    async def ensure(self, host: str, owner: Owner) -> None:
        change = partial(add_entry, address=self._address, host=host, store_id=owner.store_id)
        try:
            change(b"")
        except ValueError as error:
            raise HostsFileUnwritable(
                "The host or its address cannot stand in a hosts file.",
                hint="Check STOREORCH_DOMAIN and STOREORCH_INGRESS_ADDRESS.",
            ) from error
        await self._change(change)

    @override
    async def remove(self, host: str, owner: Owner) -> None:
        await self._change(partial(remove_entry, store_id=owner.store_id))

    async def _change(self, change: Callable[[bytes], bytes]) -> None:
        async with self._turn:
            try:
                await _in_thread(partial(_rewrite, self._path, change, self._lock_wait))
            except (OSError, ValueError) as error:
                raise HostsFileUnwritable from error


async def _in_thread(work: Callable[[threading.Event], None]) -> None:
    """Run blocking work; on cancellation tell it to give up, and wait until it has ended.

    A write must not happen after whoever asked for it has gone on.
    """
    given_up = threading.Event()
    context = contextvars.copy_context()
    working = asyncio.get_running_loop().run_in_executor(None, context.run, work, given_up)
    try:
        await asyncio.wait([working])
    except asyncio.CancelledError:
        given_up.set()
        # Without the shield, a cancelled anyio scope would cancel again at every turn.
        with anyio.CancelScope(shield=True):
            while not working.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([working])
        working.exception()  # retrieved: nobody is left to be told
        raise
    working.result()


def _rewrite(
    path: Path, change: Callable[[bytes], bytes], lock_wait: float, given_up: threading.Event
) -> None:
    # Path.resolve raises RuntimeError for links in a circle.
    path = Path(os.path.realpath(path))
    if not path.exists():
        if not change(b""):
            return
    elif not path.is_file():
        # A pipe would block whoever reads it; a device such as /dev/null would be replaced.
        raise OSError(errno.EINVAL, "not a regular file")
    try:
        file = _lock(path, lock_wait, given_up)
    except OSError:
        # It takes no right to write to find that there is nothing to write.
        before = path.read_bytes()
        if change(before) == before:
            return
        raise
    with file:
        before = file.readall()
        after = change(before)
        if after != before:
            check_lease()
            _write(path, file, before, after)


def _lock(path: Path, lock_wait: float, given_up: threading.Event) -> FileIO:
    """Open the file and take its own lock (flock), which closing it gives back.

    A lock file beside it could not be made where the folder is not writable, as
    in containers, and would be litter in ``/etc``. As the file may be replaced
    while the lock is waited for, it is then tried again on the new one.
    """
    deadline = time.monotonic() + lock_wait
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(os.fdopen(fd, "r+b", buffering=0))
            while not _try_lock(fd):
                if given_up.wait(_POLL) or time.monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "the hosts file is locked")
            if path.exists() and os.path.samestat(os.fstat(fd), path.stat()):
                stack.pop_all()
                return file


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, file: FileIO, before: bytes, after: bytes) -> None:
    """Replace the file at once; where that is not possible, change it in place.

    It is not possible where the file is a mount point of its own, as
    ``/etc/hosts`` in containers, where nobody may create files in its folder,
    and where its owner could not be kept. In place, only what follows the first
    difference is written: lines before the block are not touched. If that
    fails, as on a full disk, what was there is put back.
    """
    try:
        _replace(path, after)
    except OSError as error:
        if error.errno not in _IN_PLACE:
            raise
        pairs = enumerate(zip(before, after, strict=False))
        same = next((at for at, (old, new) in pairs if old != new), min(len(before), len(after)))
        try:
            _overwrite(file, same, after)
        except OSError:
            _overwrite(file, same, before)
            raise


def _overwrite(file: FileIO, same: int, text: bytes) -> None:
    file.seek(same)
    rest = memoryview(text)[same:]
    while rest:
        rest = rest[file.write(rest) :]
    file.truncate()
    os.fsync(file.fileno())


def _replace(path: Path, text: bytes) -> None:
    stat = path.stat()
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(text)
            file.flush()
            os.fchown(fd, stat.st_uid, stat.st_gid)
            shutil.copystat(path, name)
            os.utime(name)
            os.fsync(fd)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
