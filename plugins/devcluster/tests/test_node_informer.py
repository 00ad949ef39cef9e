from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3
from typing_extensions import override

from storeorch_devcluster.realnode import informer
from storeorch_devcluster.realnode.informer import Informer, Kind


def thing(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": name, "resourceVersion": str(version)}}


class Server(ThreadingHTTPServer):
    """An API server of one kind: each watch ends when the test says so."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.items = [thing("one", 1)]
        self.lists = queue.Queue[int]()
        self.events = queue.Queue[dict[str, Any] | None]()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        if "watch=1" in self.path:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while (event := self.server.events.get()) is not None:
                line = json.dumps(event).encode() + b"\n"
                # In two parts: an event may be cut anywhere.
                for part in (line[:5], line[5:]):
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            return
        status = self.server.lists.get()
        document = {"metadata": {"resourceVersion": "5"}, "items": self.server.items}
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.events.put(None)
    made.lists.put(503)
    made.shutdown()
    thread.join()
    made.server_close()


def test_the_copy_follows_the_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informer, "PAUSE", 0.0)
    changes = queue.Queue[None]()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    pool = urllib3.PoolManager(retries=False)
    copy = Informer(address, pool, (Kind("things", "/things"),), lambda: changes.put(None))
    assert not copy.synced()
    copy.start()

    def names() -> list[str]:
        changes.get(timeout=60)
        return [item["metadata"]["name"] for item in copy.objects("things")]

    server.lists.put(500)  # down at first
    server.lists.put(200)
    assert names() == ["one"]
    assert copy.synced()
    server.events.put({"type": "ADDED", "object": thing("two", 6)})
    assert names() == ["one", "two"]
    server.events.put({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})
    server.events.put({"type": "DELETED", "object": thing("one", 10)})
    assert names() == ["two"]
    # The end of a watch, and a version that is too old: everything is listed anew.
    server.items = [thing("three", 11)]
    server.events.put(None)
    server.lists.put(200)
    assert names() == ["three"]
    server.items = [thing("four", 12)]
    server.events.put({"type": "ERROR", "object": {"code": 410}})
    server.events.put(None)
    server.lists.put(200)
    assert names() == ["four"]
