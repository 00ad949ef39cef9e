from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from storeorch.kube import KubeCluster
from storeorch.kube.connection import Connection
from storeorch.kube.resources import (
    APPLY_PATCH,
    KNOWN,
    MERGE_PATCH,
    WORKLOADS,
    Call,
    Json,
    Resource,
    Verb,
)
from storeorch.names import namespace_for, store_labels
from storeorch.ports import Owner

T = TypeVar("T")

PATIENCE = 60
"""Seconds after which a condition that does not come true fails the test."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def container(image: str, *, cpu: str = "10m") -> dict[str, Any]:
    resources = {"cpu": cpu, "memory": "16Mi"}
    return {
        "name": "web",
        "image": image,
        "resources": {"requests": resources, "limits": resources},
    }


@dataclass
class Someone:
    """A person with all rights, who uses the API beside storeorch."""

    connection: Connection

    async def apply(self, manifest: Json, namespace: str | None = None) -> Json:
        call = Call(
            Verb.PATCH,
            _resource(manifest),
            name=manifest["metadata"]["name"],
            namespace=namespace,
            params={"fieldManager": "someone", "force": "true"},
            body=manifest,
            content_type=APPLY_PATCH,
        )
        return await self.connection.request(call)

    async def merge(
        self, resource: Resource, name: str, patch: Json, namespace: str | None
    ) -> Json:
        call = Call(
            Verb.PATCH,
            resource,
            name=name,
            namespace=namespace,
            body=patch,
            content_type=MERGE_PATCH,
        )
        return await self.connection.request(call)

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Json:
        return await self.connection.request(
            Call(Verb.GET, resource, name=name, namespace=namespace)
        )

    async def delete(self, resource: Resource, name: str, namespace: str | None = None) -> Json:
        return await self.connection.request(
            Call(Verb.DELETE, resource, name=name, namespace=namespace)
        )


def _resource(manifest: Json) -> Resource:
    key = manifest["apiVersion"], manifest["kind"]
    rbac = "rbac.authorization.k8s.io"
    roles = {
        "ClusterRole": Resource(rbac, "v1", "clusterroles", "ClusterRole", namespaced=False),
        "ClusterRoleBinding": Resource(
            rbac, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
        ),
    }
    return KNOWN.get(key) or roles[manifest["kind"]]


@dataclass
class Shop:
    """A store as the tests see it, with its objects made by a stand-in for Helm."""

    cluster: KubeCluster
    someone: Someone
    owner: Owner = field(default_factory=lambda: Owner(str(uuid.uuid4()), "shop"))

    @property
    def namespace(self) -> str:
        return namespace_for(self.owner.store_name, self.owner.store_id)

    async def workload(
        self, kind: str, name: str, image: str = "registry.example/web:1", *, cpu: str = "10m"
    ) -> None:
        labels = {"app": name, **store_labels(self.owner.store_name, self.owner.store_id)}
        pod: dict[str, Any] = {
            "metadata": {"labels": labels},
            "spec": {"containers": [container(image, cpu=cpu)]},
        }
        spec: dict[str, Any] = {"template": pod}
        if kind == "Job":
            pod["spec"]["restartPolicy"] = "Never"
            spec["backoffLimit"] = 0
        else:
            spec |= {"replicas": 1, "selector": {"matchLabels": {"app": name}}}
        if kind == "StatefulSet":
            spec["serviceName"] = name
        manifest = {
            "apiVersion": WORKLOADS[kind].api_version,
            "kind": kind,
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "Helm"}},
            "spec": spec,
        }
        await self.someone.apply(manifest, self.namespace)


@pytest.fixture
async def connection(cluster_kubeconfig: Path) -> AsyncIterator[Connection]:
    made = Connection(kubeconfig=cluster_kubeconfig, environ={})
    yield made
    await made.close()


@pytest.fixture
def someone(connection: Connection) -> Someone:
    return Someone(connection)


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
async def cluster(cluster_kubeconfig: Path) -> AsyncIterator[KubeCluster]:
    made = KubeCluster.from_kubeconfig(kubeconfig=cluster_kubeconfig, clock=SystemClock())
    yield made
    await made.close()


@pytest.fixture
async def shop(cluster: KubeCluster, someone: Someone) -> AsyncIterator[Shop]:
    made = Shop(cluster, someone)
    yield made
    await cluster.delete_namespace(made.namespace, made.owner)


class Watcher:
    """Looks again whenever the watch says that the store changed, and never else."""

    def __init__(self, changes: AsyncIterator[str], store_id: str) -> None:
        self._changes = changes
        self._store_id = store_id

    async def until(self, look: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
        async with asyncio.timeout(PATIENCE):
            while not holds(seen := await look()):
                while await anext(self._changes) != self._store_id:
                    pass
            return seen


@pytest.fixture
def watching(
    cluster: KubeCluster, shop: Shop
) -> Callable[[], AbstractAsyncContextManager[Watcher]]:
    @asynccontextmanager
    async def enter() -> AsyncIterator[Watcher]:
        async with cluster.watch() as changes:
            yield Watcher(changes, shop.owner.store_id)

    return enter


def write_yaml(path: Path, content: Any) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def kubeconfig_content(cluster_kubeconfig: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(cluster_kubeconfig.read_text())
    return content


@pytest.fixture
def untrusting_kubeconfig(kubeconfig_content: dict[str, Any], tmp_path: Path) -> Path:
    """Make a kubeconfig that does not name the cluster's authority."""
    kubeconfig_content["clusters"][0]["cluster"].pop("certificate-authority-data", None)
    return write_yaml(tmp_path / "untrusting", kubeconfig_content)


@pytest.fixture
def limited_kubeconfig(
    kubeconfig_content: dict[str, Any], someone: Someone, tmp_path: Path
) -> Callable[[list[Mapping[str, Any]]], Awaitable[Path]]:
    """Make a kubeconfig of a user who has the rights that are given, and no others."""

    async def make(rules: list[Mapping[str, Any]]) -> Path:
        name = f"limited-{uuid.uuid4().hex[:8]}"
        rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
        await someone.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, "default"
        )
        role = {**rbac, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
        await someone.apply(role)
        await someone.apply(
            {
                **rbac,
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": name,
                },
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
            }
        )
        accounts = Resource("", "v1", f"serviceaccounts/{name}/token", "TokenRequest")
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = await someone.connection.request(
            Call(Verb.CREATE, accounts, namespace="default", body=body)
        )
        kubeconfig_content["users"][0]["user"] = {"token": answer["status"]["token"]}
        return write_yaml(tmp_path / "limited", kubeconfig_content)

    return make
