"""Hosts beyond the node, in network namespaces that tests make: never an outside address."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import Self

from storeorch_devcluster import RealNodeCluster

NODE_SIDE = "198.51.100.1"
"""Addresses of TEST-NET-2 (RFC 5737), which no network uses."""

SERVER = """
import ctypes, http.server, subprocess, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
    raise OSError(ctypes.get_errno())

class Name(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())

print("ready", flush=True)
sys.stdin.readline()
http.server.ThreadingHTTPServer(("0.0.0.0", 80), Name).serve_forever()
"""


class TestHost:
    """A host with two addresses that serves its name, one wire away from the node."""

    __test__ = False
    name = "outside"
    address = "198.51.100.2"
    second_address = "198.51.100.3"
    url = f"http://{address}/"
    second_url = f"http://{second_address}/"

    def __init__(self, node: RealNodeCluster) -> None:
        holder = node.pids()["namespaces"]
        assert holder is not None
        self._node = holder

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        own = self._process.pid
        ends = ("name", "wire0", "netns", str(self._node), "type", "veth", "peer", "name", "wire1")
        _run("ip", "link", "add", *ends, "netns", str(own))
        _run(*_in(self._node), "ip", "address", "add", f"{NODE_SIDE}/24", "dev", "wire0")
        _run(*_in(self._node), "ip", "link", "set", "wire0", "up")
        for address in (self.address, self.second_address):
            _run(*_in(own), "ip", "address", "add", f"{address}/24", "dev", "wire1")
        _run(*_in(own), "ip", "link", "set", "lo", "up")
        _run(*_in(own), "ip", "link", "set", "wire1", "up")
        _run(*_in(own), "ip", "route", "add", "default", "via", NODE_SIDE)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The wire goes with the namespace, and that with the process.
        self._process.kill()
        self._process.communicate()


def _in(pid: int) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{pid}/ns/net", "--")


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)
