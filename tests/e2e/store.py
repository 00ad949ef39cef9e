"""A store on a real node as its operator has it: made by the command, asked after with kubectl.

It must not know types: what a store serves is for the tests of its type.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml

from storeorch_devcluster import RealNodeCluster

from .objects import Kubectl, eventually, kubectl_of

STOREORCH: Final = Path(sys.executable).parent / "storeorch"
UNTOUCHED: Final = "127.0.0.1 localhost\n"


@dataclass(frozen=True)
class DeployedStore:
    """A store that is ready.

    Attributes:
        about: As ``store get`` shows it.
        kubectl: In its namespace.
        node: Where it runs.
        environment: Of the command.
    """

    about: Mapping[str, Any]
    kubectl: Kubectl
    node: RealNodeCluster
    environment: Mapping[str, str]

    @property
    def host(self) -> str:
        """The host in the store's address."""
        return str(self.about["url"]).rpartition("/")[2]

    @property
    def ingress(self) -> str:
        """Where the node's ingress listens, ``host:port``."""
        assert self.node.ingress is not None
        return self.node.ingress.removeprefix("http://")

    @property
    def ingress_tls(self) -> str:
        """Where the node's ingress listens for TLS, ``host:port``."""
        assert self.node.ingress_tls is not None
        return self.node.ingress_tls.removeprefix("https://")

    def storeorch(self, *arguments: str) -> str:
        """Run the command and return its output."""
        return storeorch(self.environment, *arguments)

    def update(self, **wanted: str) -> str:
        """Declare parameters, wait until they hold, and return the store's address.

        Args:
            **wanted: Values by path, two underlines for each dot.
        """
        told = [f"--set={path.replace('__', '.')}={value}" for path, value in wanted.items()]
        name = str(self.about["name"])
        self.storeorch("store", "update", name, *told, "--wait", "--timeout=10m")
        return str(json.loads(self.storeorch("store", "get", name, "-o", "json"))["url"])

    def sell_through(self, kind: str) -> None:
        """Be reached through an ``httproute`` or an ``ingress``, and nothing of the other kind."""
        assert self.node.gateway is not None
        namespace, _, gateway = self.node.gateway.partition("/")
        if kind == "ingress":
            namespace, gateway = "", ""
        self.update(gateway__name=gateway, gateway__namespace=namespace)
        (found,) = self.kubectl("get", "ingresses,httproutes", "-o", "name").split()
        assert found.partition(".")[0] == kind
        accepted = "jsonpath={.status.parents[0].conditions[?(@.type=='Accepted')].status}"
        eventually(
            lambda: kind == "ingress" or self.kubectl("get", found, "-o", accepted) == "True",
            "the Gateway takes the route",
        )

    def status(self, name: str) -> str:
        """Return the store's status, as the command tells it."""
        return str(json.loads(self.storeorch("store", "get", name, "-o", "json"))["status"])

    def fault(self, name: str) -> str | None:
        """Return the code of what is wrong with the store, or None."""
        fault = json.loads(self.storeorch("store", "get", name, "-o", "json"))["fault"]
        return str(fault["code"]) if fault else None

    def is_ready(self) -> bool:
        """Say whether the engine found the store ready again."""
        return self.status(str(self.about["name"])) == "ready"

    def answers(self, path: str) -> bool:
        """Say whether the store serves a page through the ingress."""
        answer = urllib3.request(
            "GET", f"http://{self.ingress}{path}", headers={"Host": self.host}, retries=False
        )
        return answer.status == HTTPStatus.OK

    def credential(self, key: str) -> str:
        """A generated credential."""
        secret = self.kubectl.get("secret", "store-credentials")
        return base64.b64decode(secret["data"][key]).decode()

    def kill(self, component: str) -> None:
        """Kill a component's pod at once, and wait until the one after it is ready."""
        select = f"--selector=app.kubernetes.io/component={component}"
        before = self._uids(select)
        self.kubectl("delete", "pod", select, "--grace-period=0", "--force")

        def replaced() -> bool:
            now = self._uids(select)
            return len(now) == 1 and now != before

        eventually(replaced, "another pod")
        self.kubectl("wait", "pod", "--for=condition=Ready", "--timeout=300s", select)

    def _uids(self, select: str) -> list[str]:
        shape = "jsonpath={.items[*].metadata.uid}"
        return self.kubectl("get", "pods", select, "-o", shape).split()


def storeorch(environment: Mapping[str, str], *arguments: str) -> str:
    """Run the command and return its output."""
    done = subprocess.run(
        [str(STOREORCH), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def parameters_of(values: Path) -> Iterator[str]:
    """A chart's file of values as parameters of its type, for ``--set``."""

    def leaves(prefix: str, node: Mapping[str, Any]) -> Iterator[str]:
        for key, value in node.items():
            name = prefix + re.sub("([A-Z])", r"_\1", key).lower()
            if isinstance(value, Mapping):
                yield from leaves(f"{name}.", value)
            else:
                yield f"--set={name}={value}"

    return leaves("", yaml.safe_load(values.read_text(encoding="utf-8")))


def _told(cluster: Kubectl, name: str) -> str:
    """What the cluster tells of a store that did not become ready."""
    select = f"--selector=storeorch.io/store-name={name}"
    told = [cluster.run("get", "pods,jobs,pvc,events", "--all-namespaces").stdout]
    for found in cluster("get", "namespaces", select, "-o", "name").split():
        where = f"--namespace={found.partition('/')[2]}"
        every = ("--all-containers", "--prefix", "--tail=60", select, where)
        told.append(cluster.run("logs", *every).stdout)
    return "\n".join(told)


@contextmanager
def _engine(environment: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [str(STOREORCH), "run"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0, log.read_text(encoding="utf-8")


@contextmanager
def deployed(
    node: RealNodeCluster, folder: Path, name: str, *wanted: str
) -> Iterator[DeployedStore]:
    """Create a store and wait for it; delete it in the end, and find nothing left.

    An engine runs beside it all the while, as on any platform.

    Args:
        node: Where.
        folder: For the database and a hosts file.
        name: Name of the store.
        *wanted: Further arguments of ``store create``.
    """
    assert node.ingress is not None
    hosts = folder / "hosts"
    hosts.write_text(UNTOUCHED)
    environment = {
        **os.environ,
        "KUBECONFIG": str(node.kubeconfig),
        "STOREORCH_DATABASE_URL": f"sqlite:///{folder / 'storeorch.db'}",
        "STOREORCH_HOSTS_FILE": str(hosts),
        "STOREORCH_DOMAIN": "local.test",
        "STOREORCH_PROBE_ADDRESS": f"{node.ingress},{node.ingress_tls}",
    }
    storeorch(environment, "db", "upgrade")
    with _engine(environment, folder / "engine.log"):
        try:
            storeorch(environment, "store", "create", name, *wanted, "--wait", "--timeout=15m")
            about = json.loads(storeorch(environment, "store", "get", name, "-o", "json"))
            yield DeployedStore(about, kubectl_of(node, about["namespace"]), node, environment)
        except AssertionError:
            print(_told(kubectl_of(node, "default"), name))
            raise
        finally:
            if name in storeorch(environment, "store", "list", "-o", "name"):
                storeorch(environment, "store", "delete", name, "--yes", "--wait")
    cluster = kubectl_of(node, "default")
    assert f"store-{name}-" not in cluster("get", "namespaces", "-o", "name")
    # Whoever provides volumes is told that a claim is gone, and takes its time.
    eventually(
        lambda: f"store-{name}-" not in cluster("get", "persistentvolumes", "-o", "json"),
        "no volume is left",
    )
    assert hosts.read_text() == UNTOUCHED
