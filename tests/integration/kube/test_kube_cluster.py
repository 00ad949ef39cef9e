"""The adapter on a real API server, with real controllers and simulated nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storeorch.errors import ClusterRefused, ClusterUnavailable, NamespaceNotOurs, PermissionMissing
from storeorch.kube import KubeCluster
from storeorch.kube.errors import RetryLater
from storeorch.kube.resources import (
    CONFIG_MAPS,
    NAMESPACES,
    NETWORK_POLICIES,
    RESOURCE_QUOTAS,
    SECRETS,
)
from storeorch.ports import NamespacePhase, NamespaceState, Owner

pytestmark = pytest.mark.cluster

LIMITS = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "store-limits"},
    "spec": {"limits": [{"type": "Container", "default": {"cpu": "100m"}}]},
}
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "store-quota"},
    "spec": {"hard": {"limits.cpu": "4000m", "persistentvolumeclaims": 3}},
}
POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "default-deny"},
    "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
}
GUARDRAILS = [LIMITS, QUOTA, POLICY]


async def test_access_of_an_administrator(cluster: KubeCluster) -> None:
    await cluster.check_access()


async def test_namespace_of_ours(cluster: KubeCluster, shop: Any) -> None:
    assert (await cluster.namespace(shop.namespace)).phase is NamespacePhase.ABSENT

    assert await cluster.create_namespace(shop.namespace, shop.owner, labels={"team": "x"})
    assert not await cluster.create_namespace(shop.namespace, shop.owner)

    state = await cluster.namespace(shop.namespace, live=True)
    assert state == NamespaceState(NamespacePhase.ACTIVE, shop.owner.store_id)
    assert shop.namespace in await cluster.orphans(lambda _: False)
    assert shop.namespace not in await cluster.orphans(lambda known: known == shop.owner.store_id)


async def test_namespace_of_others(cluster: KubeCluster, shop: Any, someone: Any) -> None:
    foreign = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop.namespace}}
    await someone.apply(foreign)

    with pytest.raises(NamespaceNotOurs):
        await cluster.create_namespace(shop.namespace, shop.owner)
    await cluster.delete_namespace(shop.namespace, shop.owner)

    state = await cluster.namespace(shop.namespace, live=True)
    assert state == NamespaceState(NamespacePhase.ACTIVE, None)
    await someone.delete(NAMESPACES, shop.namespace)


async def test_deletion_says_what_blocks_it_and_is_watched_to_its_end(
    cluster: KubeCluster, shop: Any, someone: Any, watching: Any
) -> None:
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        kept = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "kept", "finalizers": ["example.com/keep"]},
        }
        await someone.apply(kept, shop.namespace)

        await cluster.delete_namespace(shop.namespace, Owner("somebody-else", "x"))
        assert (await cluster.namespace(shop.namespace, live=True)).phase is NamespacePhase.ACTIVE

        await cluster.delete_namespace(shop.namespace, shop.owner)
        blocked = await watcher.until(
            lambda: cluster.namespace(shop.namespace), lambda state: bool(state.blocked_by)
        )
        assert blocked.blocked_by == "finalizer example.com/keep on 1 object"
        told = await cluster.namespace(shop.namespace, live=True)
        assert told.blocked_by == "finalizer example.com/keep on ConfigMap kept"
        with pytest.raises(RetryLater):
            await cluster.create_namespace(shop.namespace, shop.owner)
        with pytest.raises(ClusterRefused) as refused:
            await cluster.apply(shop.namespace, [QUOTA], shop.owner)
        assert refused.value.retryable

        released = {"metadata": {"finalizers": None}}
        await someone.merge(CONFIG_MAPS, "kept", released, shop.namespace)
        await watcher.until(
            lambda: cluster.namespace(shop.namespace),
            lambda state: state.phase is NamespacePhase.ABSENT,
        )


async def test_apply_and_drift(
    cluster: KubeCluster, shop: Any, someone: Any, watching: Any
) -> None:
    async def apply() -> int:
        return await cluster.apply(shop.namespace, GUARDRAILS, shop.owner)

    async def quota() -> Any:
        found = await someone.get(RESOURCE_QUOTAS, "store-quota", shop.namespace)
        return found["spec"]["hard"]

    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        assert await apply() == 3
        assert await apply() == 0
        assert await quota() == {"limits.cpu": "4", "persistentvolumeclaims": "3"}

        raised = {"spec": {"hard": {"limits.cpu": "400"}}}
        await someone.merge(RESOURCE_QUOTAS, "store-quota", raised, shop.namespace)
        assert await watcher.until(apply, lambda changed: changed > 0) == 1
        assert await quota() == {"limits.cpu": "4", "persistentvolumeclaims": "3"}

        # What somebody removed leaves no trace of a manager, so it is the hardest to notice.
        removed = {"spec": {"hard": {"persistentvolumeclaims": None}}}
        await someone.merge(RESOURCE_QUOTAS, "store-quota", removed, shop.namespace)
        assert await watcher.until(apply, lambda changed: changed > 0) == 1
        assert await quota() == {"limits.cpu": "4", "persistentvolumeclaims": "3"}

        await someone.delete(NETWORK_POLICIES, "default-deny", shop.namespace)
        assert await watcher.until(apply, lambda changed: changed > 0) == 1

        unlabelled = {"metadata": {"labels": {"storeorch.io/store-id": None}}}
        await someone.merge(RESOURCE_QUOTAS, "store-quota", unlabelled, shop.namespace)
        with pytest.raises(ClusterRefused, match="does not belong"):
            await watcher.until(apply, lambda changed: changed > 0)


async def test_a_field_that_a_later_manifest_leaves_out_goes(
    cluster: KubeCluster, shop: Any, someone: Any
) -> None:
    smaller = {**QUOTA, "spec": {"hard": {"limits.cpu": "4000m"}}}
    await cluster.create_namespace(shop.namespace, shop.owner)
    await cluster.apply(shop.namespace, [QUOTA], shop.owner)

    assert await cluster.apply(shop.namespace, [smaller], shop.owner) == 1

    found = await someone.get(RESOURCE_QUOTAS, "store-quota", shop.namespace)
    assert found["spec"]["hard"] == {"limits.cpu": "4"}


async def test_apply_leaves_alone_what_others_made(
    cluster: KubeCluster, shop: Any, someone: Any, watching: Any
) -> None:
    theirs = {**QUOTA, "spec": {"hard": {"pods": "1"}}}
    async with watching():
        await cluster.create_namespace(shop.namespace, shop.owner)
        await someone.apply(theirs, shop.namespace)

        with pytest.raises(ClusterRefused, match="does not belong"):
            await cluster.apply(shop.namespace, [QUOTA], shop.owner)

    found = await someone.get(RESOURCE_QUOTAS, "store-quota", shop.namespace)
    assert found["spec"]["hard"] == {"pods": "1"}


async def test_apply_without_a_watch(cluster: KubeCluster, shop: Any) -> None:
    await cluster.create_namespace(shop.namespace, shop.owner)

    assert await cluster.apply(shop.namespace, GUARDRAILS, shop.owner) == 3
    assert await cluster.apply(shop.namespace, GUARDRAILS, shop.owner) == 0


async def test_apply_of_a_manifest_that_is_not_valid(cluster: KubeCluster, shop: Any) -> None:
    await cluster.create_namespace(shop.namespace, shop.owner)
    broken = {**POLICY, "spec": {"podSelector": {}, "policyTypes": ["Canary"]}}

    with pytest.raises(ClusterRefused) as caught:
        await cluster.apply(shop.namespace, [broken], shop.owner)

    assert "Canary" not in f"{caught.value.message} {caught.value.hint}"


async def test_credentials(cluster: KubeCluster, shop: Any, someone: Any) -> None:
    await cluster.create_namespace(shop.namespace, shop.owner)

    assert not await cluster.secret_exists(shop.namespace, "credentials")
    assert await cluster.create_secret(
        shop.namespace, "credentials", lambda: {"password": "p"}, shop.owner
    )
    assert not await cluster.create_secret(shop.namespace, "credentials", dict, shop.owner)
    assert await cluster.secret_exists(shop.namespace, "credentials")
    assert await cluster.read_secret(shop.namespace, "credentials") == {"password": b"p"}
    found = await someone.get(SECRETS, "credentials", shop.namespace)
    assert found["metadata"]["labels"]["storeorch.io/store-id"] == shop.owner.store_id


async def test_release_secrets(
    cluster: KubeCluster, shop: Any, someone: Any, watching: Any
) -> None:
    name = "sh.helm.release.v1.shop.v1"
    labels = {"owner": "helm", "name": "shop", "status": "pending-install", "version": "1"}
    async with watching() as watcher:
        await cluster.create_namespace(shop.namespace, shop.owner)
        await someone.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "labels": labels},
                "type": "helm.sh/release.v1",
                "stringData": {"release": "blob"},
            },
            shop.namespace,
        )
        (seen,) = await watcher.until(
            lambda: cluster.list_release_labels(shop.namespace, "shop", live=False), bool
        )
        assert [seen] == await cluster.list_release_labels(shop.namespace, "shop", live=True)
        assert (seen.name, seen.labels) == (name, labels)
        assert await cluster.list_release_labels(shop.namespace, "other", live=False) == []

        failed = {**labels, "status": "failed"}
        await cluster.replace_secret_data(
            shop.namespace,
            name,
            {"release": b"mended"},
            failed,
            resource_version=seen.resource_version,
        )
        (mended,) = await watcher.until(
            lambda: cluster.list_release_labels(shop.namespace, "shop", live=False),
            lambda found: found[0].labels["status"] == "failed",
        )
        assert mended.labels == failed
        assert await cluster.read_secret(shop.namespace, name) == {"release": b"mended"}
        with pytest.raises(RetryLater):
            await cluster.replace_secret_data(
                shop.namespace, name, {}, labels, resource_version=seen.resource_version
            )


async def test_rights_that_are_missing_are_named(limited_kubeconfig: Any, clock: Any) -> None:
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    most = {
        "apiGroups": ["*"],
        "resources": ["*"],
        "verbs": ["create", "patch", "update", "delete"],
    }
    no_secrets = [
        everything,
        {**most, "apiGroups": ["apps", "batch", "networking.k8s.io"]},
        {
            **most,
            "apiGroups": [""],
            "resources": [
                "limitranges",
                "resourcequotas",
                "services",
                "configmaps",
                "persistentvolumeclaims",
                "serviceaccounts",
            ],
        },
    ]
    cluster = KubeCluster.from_kubeconfig(
        kubeconfig=await limited_kubeconfig(no_secrets), clock=clock
    )

    with pytest.raises(PermissionMissing) as caught:
        await cluster.check_access()
    assert caught.value.message == (
        "The cluster does not permit to create namespaces, patch namespaces, "
        "delete namespaces, create secrets, update secrets, patch secrets, delete secrets."
    )
    with pytest.raises(PermissionMissing, match="permit to create namespaces"):
        await cluster.create_namespace("store-x-1", Owner("x", "x"))
    await cluster.close()


async def test_without_any_rights(limited_kubeconfig: Any, clock: Any) -> None:
    cluster = KubeCluster.from_kubeconfig(kubeconfig=await limited_kubeconfig([]), clock=clock)

    with pytest.raises(PermissionMissing, match="list namespaces"):
        async with cluster.watch():
            pass
    with pytest.raises(PermissionMissing, match=r"and [0-9]+ more"):
        await cluster.check_access()
    await cluster.close()


async def test_another_authority(untrusting_kubeconfig: Path, clock: Any) -> None:
    cluster = KubeCluster.from_kubeconfig(kubeconfig=untrusting_kubeconfig, clock=clock)

    with pytest.raises(ClusterUnavailable, match="certificate"):
        await cluster.check_access()
    await cluster.close()
