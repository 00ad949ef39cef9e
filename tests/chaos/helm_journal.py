"""A program in front of Helm that writes down who starts it for which store, and its end.

It holds a lock of the store for as long as Helm lives: the system frees it with the
very last moment of the process, however that ends. So a second Helm for the store is
seen for certain, and none is suspected that came after. This module must not know
workers.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKER_VARIABLE = "CHAOS_WORKER"
"""Environment variable that names the worker which starts Helm."""

# The program becomes Helm, so that it is Helm that signals reach. What it leaves behind
# to tell of the end is in a session of its own, where no signal to Helm's group comes.
_PROGRAM = """\
#!{python} -IS
import fcntl, json, os, sys
namespace = sys.argv[sys.argv.index("--namespace") + 1] if "--namespace" in sys.argv else ""
words = {{"worker": os.environ.get("{variable}", ""), "pid": os.getpid(),
         "verb": sys.argv[1], "namespace": namespace}}
journal = os.open({journal!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def note(event):
    os.write(journal, (json.dumps({{"event": event, **words}}) + "\\n").encode())
if namespace:
    lock = os.open(os.path.join({locks!r}, namespace), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note("overlap")
    os.set_inheritable(lock, True)
    note("begin")
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(writer)
        os.close(lock)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        os.read(reader, 1)
        note("end")
        os._exit(0)
    os.close(reader)
    os.set_inheritable(writer, True)
os.execv({helm!r}, [{helm!r}, *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Entry:
    """One line of the journal.

    Attributes:
        event: ``begin``, ``end``, or ``overlap`` where another Helm was alive.
        worker: Who started it.
        pid: The process.
        verb: Helm's command.
        namespace: The store's namespace.
    """

    event: str
    worker: str
    pid: int
    verb: str
    namespace: str


class HelmJournal:
    """The program, and what it wrote.

    Args:
        folder: Where it keeps its files.
        helm: The real Helm.
    """

    def __init__(self, folder: Path, helm: Path) -> None:
        self.program = folder / "journalled-helm"
        self._journal = folder / "helm-journal"
        self._locks = folder / "helm-locks"
        self._locks.mkdir(parents=True)
        self._journal.touch()
        text = _PROGRAM.format(
            python=sys.executable,
            variable=WORKER_VARIABLE,
            journal=str(self._journal),
            locks=str(self._locks),
            helm=str(helm),
        )
        self.program.write_text(text)
        self.program.chmod(0o755)

    def entries(self) -> Sequence[Entry]:
        """Return all lines so far."""
        return [Entry(**_read(line)) for line in self._journal.read_text().splitlines()]

    def alive(self) -> list[str]:
        """Return the namespaces for which a Helm lives now."""
        return [path.name for path in self._locks.iterdir() if _is_locked(path)]


@dataclass(frozen=True)
class HelmCounts:
    """What Helm was started for.

    Attributes:
        upgrades: Installations and upgrades.
        uninstalls: Removals.
        overlaps: Starts for a store for which another Helm lived.
        most_at_once: Most processes of all workers at once.
        most_upgrades: Most upgrades of one store.
    """

    upgrades: int
    uninstalls: int
    overlaps: int
    most_at_once: int
    most_upgrades: int


def count(entries: Sequence[Entry]) -> HelmCounts:
    """Count what a journal tells of."""
    now = most = 0
    for entry in entries:
        now += {"begin": 1, "end": -1}.get(entry.event, 0)
        most = max(most, now)
    begun = [entry for entry in entries if entry.event == "begin"]
    upgrades = Counter(entry.namespace for entry in begun if entry.verb == "upgrade")
    return HelmCounts(
        upgrades=upgrades.total(),
        uninstalls=sum(entry.verb == "uninstall" for entry in begun),
        overlaps=sum(entry.event == "overlap" for entry in entries),
        most_at_once=most,
        most_upgrades=max(upgrades.values(), default=0),
    )


def _read(line: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(line)
    return read


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
