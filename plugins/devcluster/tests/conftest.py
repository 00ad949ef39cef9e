"""Fixtures: stand-in programs on the search path, a stub API server, and real clusters."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from storeorch_devcluster import EmbeddedCluster, ensure_binaries
from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.certs import Pki
from storeorch_devcluster.state import StateFolder


class Programs:
    """A folder of stand-in programs, the only one on the search path beside the shell's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal"

    def add(self, name: str, body: str) -> Path:
        """Add a program written in Python that notes its arguments; `args` has them."""
        path = self.folder / name
        path.write_text(
            f"#!{sys.executable} -IS\n"
            "import json, os, pathlib, sys\n"
            "args = sys.argv[1:]\n"
            f"with open({str(self.journal)!r}, 'a') as journal:\n"
            f"    journal.write(json.dumps([{name!r}, *args]) + '\\n')\n"
            f"{body}\n"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def calls(self) -> list[list[str]]:
        """Return program and arguments of each call, in order."""
        if not self.journal.exists():
            return []
        return [json.loads(line) for line in self.journal.read_text().splitlines()]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return Programs(folder)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of the commands, not created yet."""
    path = tmp_path / "home"
    monkeypatch.setenv("STOREORCH_DEV_HOME", str(path))
    return path


@pytest.fixture
def folder(home: Path) -> StateFolder:
    return StateFolder(home)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of built programs, empty."""
    path = tmp_path / "cache"
    monkeypatch.setenv("STOREORCH_DEV_CACHE", str(path))
    return path


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers: dict[str, Any] = {
            "/version/": {
                "major": "1",
                "minor": "37",
                "gitVersion": "v1.37.0",
                "gitCommit": "",
                "gitTreeState": "",
                "buildDate": "",
                "goVersion": "",
                "compiler": "",
                "platform": "",
            },
            "/api/v1/nodes": {
                "kind": "NodeList",
                "apiVersion": "v1",
                "items": [
                    {
                        "metadata": {"name": "one"},
                        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
                    }
                ],
            },
        }
        body = json.dumps(answers.get(self.path, {})).encode()
        self.send_response(200 if self.path in answers else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def stub_server() -> Iterator[str]:
    """The address of a server that answers like a cluster of one node."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def kubeconfig_document(name: str, server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": f"token-of-{name}"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


@pytest.fixture
def kubeconfig_of() -> Callable[[str, str], dict[str, Any]]:
    """Makes a kubeconfig of one context, from its name and its server."""
    return kubeconfig_document


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The real programs; built if this machine has not built them yet."""
    return ensure_binaries(print)


@pytest.fixture(scope="session")
def cluster(binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """One real cluster for all tests that do not break it."""
    path = tmp_path_factory.mktemp("cluster")
    with EmbeddedCluster(path / "state", binaries=binaries) as running:
        yield running


@pytest.fixture
def api(cluster: EmbeddedCluster) -> Iterator[ApiServer]:
    assert cluster.server is not None
    with ApiServer(cluster.server, Pki(cluster.state_dir / "pki")) as server:
        yield server


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Any]:
    """Look again and again until something is true; the limit is generous, not a figure."""

    def look(condition: Callable[[], object]) -> object:
        deadline = time.monotonic() + 60
        while not (found := condition()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)
        return found

    return look


@pytest.fixture
def namespace(api: ApiServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"t{os.urandom(4).hex()}"
    status, _ = api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert status == 201
    yield name
    api.call("DELETE", f"/api/v1/namespaces/{name}")
