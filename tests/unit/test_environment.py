"""What an engine needs around it: each thing is looked at, and its fix is named."""

from __future__ import annotations

import pytest

from storeorch.environment import Check, check_all, require_all
from storeorch.errors import ClusterUnavailable, HelmMissing, PermissionMissing
from storeorch.testing import Sandbox, virtual_time
from storeorch.testing.clock import VirtualClock

pytest_plugins = ["storeorch.testing.plugin"]

HELM = Check("helm", ok=True, detail="Helm 4.0.0")
CLUSTER = Check("cluster", ok=True, detail="The cluster answers and permits what is needed.")
NETWORK = Check("network policies", ok=True, detail="They are enforced by memory.")


@virtual_time
async def test_all_is_there(sandbox: Sandbox, virtual_clock: VirtualClock) -> None:
    assert await check_all(sandbox) == [HELM, CLUSTER, NETWORK]
    await require_all(sandbox)


@virtual_time
async def test_each_is_looked_at_although_another_is_missing(
    sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    sandbox.releases.errors["check"] = HelmMissing
    helm, cluster, _ = await check_all(sandbox)
    assert (helm.ok, helm.code) == (False, "helm-missing")
    assert helm.detail == HelmMissing().message
    assert helm.hint == HelmMissing().hint
    assert cluster == CLUSTER
    with pytest.raises(HelmMissing):
        await require_all(sandbox)


@virtual_time
async def test_missing_right_is_named(sandbox: Sandbox, virtual_clock: VirtualClock) -> None:
    sandbox.cluster.missing_rights = ["create namespaces"]
    helm, cluster, _ = await check_all(sandbox)
    assert helm == HELM
    assert (cluster.ok, cluster.code) == (False, "permission-missing")
    assert "create namespaces" in cluster.detail
    with pytest.raises(PermissionMissing):
        await require_all(sandbox)


@virtual_time
async def test_cluster_that_is_away(sandbox: Sandbox, virtual_clock: VirtualClock) -> None:
    sandbox.cluster.unavailable = True
    _, cluster, network = await check_all(sandbox)
    assert cluster.code == network.code == "cluster-unavailable"
    assert "KUBECONFIG" in (cluster.hint or "")
    with pytest.raises(ClusterUnavailable):
        await require_all(sandbox)


@virtual_time
async def test_defects_are_not_hidden(sandbox: Sandbox, virtual_clock: VirtualClock) -> None:
    sandbox.cluster.errors["check_access"] = ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        await check_all(sandbox)


@virtual_time
async def test_looking_writes_nothing(sandbox: Sandbox, virtual_clock: VirtualClock) -> None:
    await check_all(sandbox)
    await require_all(sandbox)
    assert sandbox.cluster.journal == []
    assert (sandbox.releases.started, sandbox.repository.queries) == (0, 0)


@virtual_time
async def test_a_network_that_may_not_keep_stores_apart_is_told_of(
    sandbox: Sandbox, virtual_clock: VirtualClock
) -> None:
    sandbox.cluster.agent = None
    network = (await check_all(sandbox))[-1]
    assert network.ok
    assert "stores may reach each other" in network.detail
    assert network.hint
    sandbox.cluster.containers = False
    network = (await check_all(sandbox))[-1]
    assert "Pods do not run here" in network.detail
    assert network.hint is None
