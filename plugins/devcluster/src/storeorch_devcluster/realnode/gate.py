"""A pod's network is opened only when its policies are in place: both ends of that.

A CNI plugin, last of the chain, tells the agent which address a new pod has and
waits for the answer; containerd starts no container before. They speak through
an abstract socket of the node's network namespace, which no pod is in.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Callable
from typing import Final

from typing_extensions import override

SOCKET: Final = "\0storeorch-agent"
"""Name of the abstract socket."""

PLUGIN: Final = "storeorch-gate"
"""Name of the CNI plugin."""

TIMEOUT: Final = 30.0
"""Seconds that the plugin waits for the agent; then kubelet tries the pod again."""

Admit = Callable[[str, str, str], bool]
"""Takes namespace, name and address of a pod; says whether its rules are in place."""

_PROGRAM: Final = """\
#!{interpreter} -IS
import json, os, socket, sys

config = json.load(sys.stdin)
command = os.environ["CNI_COMMAND"]
if command == "VERSION":
    print(json.dumps({{"cniVersion": "1.0.0", "supportedVersions": ["0.4.0", "1.0.0"]}}))
elif command == "ADD":
    result = config["prevResult"]
    arguments = dict(p.split("=", 1) for p in os.environ["CNI_ARGS"].split(";") if "=" in p)
    pod = {{
        "namespace": arguments["K8S_POD_NAMESPACE"],
        "name": arguments["K8S_POD_NAME"],
        "address": result["ips"][0]["address"].partition("/")[0],
    }}
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout({timeout})
            agent.connect({socket!r})
            agent.sendall(json.dumps(pod).encode() + b"\\n")
            admitted = agent.makefile().readline() == "yes\\n"
    except OSError:
        admitted = False
    if not admitted:
        message = "the node's agent did not admit the pod"
        print(json.dumps({{"cniVersion": config["cniVersion"], "code": 11, "msg": message}}))
        sys.exit(1)
    print(json.dumps(result))
"""


def plugin() -> str:
    """Return the CNI plugin, a program that needs nothing but an interpreter."""
    return _PROGRAM.format(interpreter=sys.executable, timeout=TIMEOUT, socket=SOCKET)


def serve(admit: Admit) -> None:
    """Answer the plugin, in a thread of its own.

    Args:
        admit: Called for each new pod, from any thread.

    Raises:
        OSError: Another agent answers already.
    """

    class Handler(socketserver.StreamRequestHandler):
        @override
        def handle(self) -> None:
            pod = json.loads(self.rfile.readline())
            admitted = admit(pod["namespace"], pod["name"], pod["address"])
            self.wfile.write(b"yes\n" if admitted else b"no\n")

    server = socketserver.ThreadingUnixStreamServer(SOCKET, Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="gate", daemon=True).start()
