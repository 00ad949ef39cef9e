"""The web app as users have it: a process of its own, started by its command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from tests.integration import probe
from tests.integration.workplace import environment_of
from tests.web.sse import messages

PATIENCE: Final = 120.0
"""Seconds after which something that does not come true fails the test."""

_COMMAND: Final = (sys.executable, "-m", "storeorch_webapp")


@dataclass
class LiveApp:
    """The app, its engine and its database, in one process.

    Attributes:
        folder: Where its files are; ``storeorch.db``, ``hosts``, ``private/operator.log``.
        environ: Its environment.
        url: Where it is served, without a slash at the end.
        process: The process.
    """

    folder: Path
    environ: dict[str, str]
    url: str
    process: subprocess.Popen[str]

    def token(self, role: str, owner: str, *arguments: str) -> str:
        """Make a token as an administrator does."""
        return command(
            self.environ, "token", "create", "--role", role, "--owner", owner, *arguments
        )

    def client(self, token: str | None = None) -> httpx.Client:
        """Return a client, with a token if one is given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)

    def stop(self) -> int:
        """Stop it as an administrator does; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait(PATIENCE)


def environment(folder: Path, kubeconfig: Path, **given: str) -> dict[str, str]:
    """Return the environment of an app with a folder and a database of its own.

    The store type ``probe``, which fails as a test wants it, is installed there.
    """
    found = environment_of(folder, kubeconfig, os.environ)
    # Long enough to be seen waiting, and much shorter than tests wait.
    found["STOREORCH_UNSCHEDULABLE_GRACE"] = "15"
    packages = folder / "packages"
    if not packages.exists():
        install_probe(packages)
    return {**found, "PORT": "0", "HOST": "127.0.0.1", "PYTHONPATH": str(packages), **given}


def install_probe(packages: Path) -> None:
    """Make the probe an installed distribution in a folder of packages."""
    shutil.copytree(Path(probe.__file__).parent, packages / "storeorch_probe")
    info = packages / "storeorch_probe-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: storeorch-probe\nVersion: 1.0")
    (info / "entry_points.txt").write_text("[storeorch.plugins]\nprobe = storeorch_probe\n")


def command(environ: Mapping[str, str], *arguments: str) -> str:
    """Run a command of the app to its end; return what it prints."""
    done = subprocess.run(
        [*_COMMAND, *arguments], env=dict(environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def live(folder: Path, environ: Mapping[str, str]) -> Iterator[LiveApp]:
    """Run the app, and stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"web-{len(list(folder.glob('web-*')))}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            _COMMAND,
            env=dict(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        yield LiveApp(folder, dict(environ), line.split()[-1], process)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


def until_ready(client: httpx.Client, store_id: str) -> dict[str, Any]:
    """Follow the app's own stream until a store is ready; return it.

    Fails as soon as the store does.
    """
    with client.stream("GET", f"/api/events/stream?store={store_id}", timeout=PATIENCE) as answer:
        found = client.get(f"/api/stores/{store_id}").json()["data"]
        for message in messages(answer):
            found = message.json().get("store") or found
            assert found["status"] != "failed", found
            if found["status"] == "ready":
                return dict(found)
    raise AssertionError(f"the stream ended before the store was ready: {found}")


def until_gone(client: httpx.Client, store_id: str) -> None:
    """Follow the app's own stream until a store is gone."""
    with client.stream("GET", f"/api/events/stream?store={store_id}", timeout=PATIENCE) as answer:
        if client.get(f"/api/stores/{store_id}").status_code == 404:
            return
        for message in messages(answer):
            if message.event == "change" and message.json()["store"] is None:
                return
    raise AssertionError("the stream ended before the store was gone")
