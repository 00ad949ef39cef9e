"""The node's agent: enforces NetworkPolicies and provides volumes: ``python -m`` this module.

It is a tool for development: one node, IPv4, and rules that are made anew as a
whole at each change. Production clusters bring a network that enforces
policies, and storage.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.certs import Pki
from storeorch_devcluster.realnode import gate
from storeorch_devcluster.realnode.addresses import POD_RANGE
from storeorch_devcluster.realnode.informer import Informer, Kind
from storeorch_devcluster.realnode.nftables import render
from storeorch_devcluster.realnode.policies import Cluster
from storeorch_devcluster.realnode.provisioner import Provisioner

KINDS: Final = (
    Kind("pods", "/api/v1/pods"),
    Kind("namespaces", "/api/v1/namespaces"),
    Kind("policies", "/apis/networking.k8s.io/v1/networkpolicies"),
    Kind("claims", "/api/v1/persistentvolumeclaims"),
    Kind("volumes", "/api/v1/persistentvolumes"),
)

RETRY: Final = 1.0
"""Seconds until what failed is tried again."""

ADMISSION: Final = 10.0
"""Seconds that a new pod waits for the news of itself to arrive."""

POLL: Final = 0.01
"""Seconds between two looks for it."""

FOR_EVER: Final = 3600.0
"""Seconds until everything is looked at again where nothing changed."""


def command(server: str, pki: Path, volumes: Path, node: str) -> list[str]:
    """Return the command line of an agent.

    Args:
        server: The API server's address.
        pki: Folder of the cluster's certificates.
        volumes: Folder for volumes.
        node: Name of the node.
    """
    module = f"{__package__}.agent"
    options = ("--server", server, "--pki", str(pki), "--volumes", str(volumes), "--node", node)
    return [sys.executable, "-I", "-m", module, *options]


class Agent:
    """Brings the kernel's rules and the volumes in line with the API's objects.

    Args:
        informer: The copy of the API's objects.
        provisioner: Who creates and removes volumes.
    """

    def __init__(self, informer: Informer, provisioner: Provisioner) -> None:
        self._informer = informer
        self._provisioner = provisioner
        self._rules = ""
        self._addresses: dict[tuple[str, str], str] = {}
        self._lock = threading.RLock()

    def admit(self, namespace: str, name: str, address: str) -> bool:
        """Put the rules of a new pod in place, before it runs.

        Args:
            namespace: Its namespace.
            name: Its name.
            address: Its address.

        Returns:
            Whether they are in place; if not, the pod must not run.
        """
        key = (namespace, name)
        deadline = time.monotonic() + ADMISSION
        # The kubelet's news of the pod may be a little older than ours.
        while key not in self._known():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        with self._lock:
            self._addresses[key] = address
            return self._enforce()

    def _known(self) -> set[tuple[str, str]]:
        pods = (pod["metadata"] for pod in self._informer.objects("pods"))
        return {(pod["namespace"], pod["name"]) for pod in pods}

    def reconcile(self) -> bool:
        """Look at everything once; return whether nothing has to be tried again."""
        if not self._informer.synced():
            return True
        with self._lock:
            known = self._known()
            self._addresses = {k: a for k, a in self._addresses.items() if k in known}
            enforced = self._enforce()
        claims, volumes = self._informer.objects("claims"), self._informer.objects("volumes")
        try:
            provided = self._provisioner.reconcile(claims, volumes)
        except OSError as error:
            _say(f"A volume could not be created: {error}")
            provided = False
        return enforced and provided

    def _enforce(self) -> bool:
        cluster = Cluster.of(
            self._informer.objects("pods"),
            self._informer.objects("namespaces"),
            self._informer.objects("policies"),
            self._addresses,
        )
        rules = render(cluster, POD_RANGE)
        if rules == self._rules:
            return True
        result = subprocess.run(
            ["nft", "-f", "-"], input=rules, text=True, capture_output=True, check=False
        )
        if result.returncode != 0:
            _say(f"The rules could not be set: {result.stderr.strip()}")
            return False
        self._rules = rules
        _say(f"Rules for {len(cluster.pods)} pods and {len(cluster.policies)} policies are set.")
        return True


def main(arguments: list[str]) -> None:
    """Run for ever."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--pki", type=Path, required=True)
    parser.add_argument("--volumes", type=Path, required=True)
    parser.add_argument("--node", required=True)
    options = parser.parse_args(arguments)
    changed = threading.Event()
    with ApiServer(options.server, Pki(options.pki), client="agent") as api:
        informer = Informer(api.server, api.pool, KINDS, changed.set)
        agent = Agent(informer, Provisioner(api, options.volumes, options.node))
        informer.start()
        gate.serve(agent.admit)
        patience = FOR_EVER
        while True:
            changed.wait(patience)
            changed.clear()
            patience = FOR_EVER if agent.reconcile() else RETRY


def _say(message: str) -> None:
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    print(f"{stamp} {message}", file=sys.stderr, flush=True)  # noqa: T201 - its log


if __name__ == "__main__":
    main(sys.argv[1:])
