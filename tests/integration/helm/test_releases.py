"""HelmReleases with real Helm on a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from storeorch.errors import (
    ClusterUnavailable,
    HelmMissing,
    ReleaseFailed,
    ReleaseInterrupted,
    StoreorchError,
)
from storeorch.helm import HelmReleases
from storeorch.ports import ReleaseStatus, WorkloadRef
from storeorch.testing.contracts import ReleasesContract
from storeorch.testing.contracts.cluster import new_owner, until

from .conftest import Bench, Journal, MakeReleases, helm_of

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., Awaitable[str]]
SetStatus = Callable[[str], Awaitable[None]]

WEB = (WorkloadRef("Deployment", "web"),)
CANARY = "canary-5d0c2a"


class TestContract(ReleasesContract):
    @pytest.fixture
    def inventory(self) -> tuple[WorkloadRef, ...]:
        return WEB


BLOCK = "pre-install,pre-upgrade"
"""Which hooks of the chart run a Job that never ends."""


async def in_the_midst(bench: Bench, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start what blocks in a hook, and return when its revision is pending."""
    task = asyncio.create_task(work)

    async def pending() -> bool:
        if task.done():
            task.result()
        statuses = await bench.statuses()
        return bool(statuses) and statuses[-1].startswith("pending")

    await until(bench.cluster, pending)
    return task


async def test_the_suite_is_run_with_the_helm_that_it_names(
    releases: HelmReleases, helm_major: int
) -> None:
    assert (await releases.check()).startswith(f"{helm_major}.")


async def test_a_fresh_install_is_one_process(releases: HelmReleases, bench: Bench) -> None:
    await releases.check()
    before = releases.started
    await releases.install(bench.request())
    assert await bench.status(releases) is ReleaseStatus.DEPLOYED
    assert releases.started == before + 1


async def test_revision_carries_the_digest(releases: HelmReleases, bench: Bench) -> None:
    await releases.install(bench.request("0123456789abcdef"))
    (labels,) = await bench.labels()
    assert labels["storeorch.io/digest"] == "0123456789abcdef"


async def test_history_is_short(releases: HelmReleases, bench: Bench) -> None:
    for number in range(5):
        await releases.install(bench.request(f"d{number}", note=str(number)))
    assert await bench.statuses() == ["superseded", "superseded", "deployed"]


async def test_empty_values_do_not_bring_old_ones_back(
    releases: HelmReleases, bench: Bench
) -> None:
    await releases.install(bench.request("first", replicas=2, refuse=False))
    # A chart that refuses once it is given the old value shows that it was not.
    template = bench.chart / "templates" / "objects.yaml"
    guard = '{{ if eq (int .Values.replicas) 2 }}{{ fail "old" }}{{ end }}'
    template.write_text(guard + template.read_text())
    upgraded = await releases.install(bench.request("second"))
    assert upgraded.revision == 2


async def test_the_other_helm_goes_on_with_what_one_has_installed(
    releases: HelmReleases,
    helm_major: int,
    make_releases: MakeReleases,
    bench: Bench,
    kubectl: Kubectl,
) -> None:
    await releases.install(bench.request("first"))
    uid = await kubectl("get", "deployment/web", "-o", "jsonpath={.metadata.uid}")
    other = make_releases(helm_of(7 - helm_major))
    await kubectl("scale", "deployment/web", "--replicas=3")
    upgraded = await other.install(bench.request("second", replicas=2))
    assert (upgraded.status, upgraded.revision) == (ReleaseStatus.DEPLOYED, 2)
    replicas = await kubectl("get", "deployment/web", "-o", "jsonpath={.spec.replicas}")
    assert replicas == "2"
    assert await kubectl("get", "deployment/web", "-o", "jsonpath={.metadata.uid}") == uid
    await other.uninstall(bench.namespace, "shop")
    assert await bench.statuses() == []


async def test_drift_is_overwritten(releases: HelmReleases, bench: Bench, kubectl: Kubectl) -> None:
    await releases.install(bench.request("first"))
    await kubectl("scale", "deployment/web", "--replicas=5")
    await releases.install(bench.request("second", note="changed"))
    replicas = await kubectl("get", "deployment/web", "-o", "jsonpath={.spec.replicas}")
    assert replicas == "1"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"refuse": True}, "cannot be rendered"),
        ({"replicas": "three"}, "do not fit the chart's schema"),
        ({"app": "Not A Label!"}, "does not accept"),
    ],
)
async def test_what_can_never_succeed(
    releases: HelmReleases, bench: Bench, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ReleaseFailed, match=words) as failed:
        await releases.install(bench.request(**values))
    assert not failed.value.retryable
    assert (await releases.install(bench.request("mended"))).status is ReleaseStatus.DEPLOYED


async def test_immutable_field(releases: HelmReleases, bench: Bench) -> None:
    await releases.install(bench.request("first"))
    with pytest.raises(ReleaseFailed, match="cannot change once it is set"):
        await releases.install(bench.request("second", app="other"))
    assert await bench.status(releases) is ReleaseStatus.FAILED
    mended = await releases.install(bench.request("third"))
    assert (mended.status, mended.revision) == (ReleaseStatus.DEPLOYED, 3)


async def test_someone_elses_object(releases: HelmReleases, bench: Bench, kubectl: Kubectl) -> None:
    await kubectl("create", "configmap", "settings")
    with pytest.raises(ReleaseFailed, match="not the release's"):
        await releases.install(bench.request())


async def test_damaged_chart(releases: HelmReleases, bench: Bench) -> None:
    (bench.chart / "Chart.yaml").unlink()
    with pytest.raises(ReleaseFailed, match="missing or damaged"):
        await releases.install(bench.request())


async def test_killed_install_is_taken_over(
    make_releases: MakeReleases, journal: Journal, bench: Bench
) -> None:
    releases = make_releases(journal.program)
    task = await in_the_midst(bench, releases.install(bench.request("first", block=BLOCK)))
    journal.kill_last()
    with pytest.raises(ReleaseFailed):
        await task
    assert await bench.status(releases) is ReleaseStatus.PENDING
    installed = await releases.install(bench.request("second"))
    assert (installed.status, installed.revision) == (ReleaseStatus.DEPLOYED, 2)
    assert (await bench.statuses())[-1] == "deployed"


async def test_killed_upgrade_is_taken_over_without_loss(
    make_releases: MakeReleases, journal: Journal, bench: Bench, kubectl: Kubectl
) -> None:
    releases = make_releases(journal.program)
    await releases.install(bench.request("first"))
    uid = await kubectl("get", "deployment/web", "-o", "jsonpath={.metadata.uid}")
    task = await in_the_midst(bench, releases.install(bench.request("second", block=BLOCK)))
    journal.kill_last()
    with pytest.raises(ReleaseFailed):
        await task
    installed = await releases.install(bench.request("third"))
    assert (installed.status, installed.revision) == (ReleaseStatus.DEPLOYED, 3)
    assert await kubectl("get", "deployment/web", "-o", "jsonpath={.metadata.uid}") == uid


async def test_half_done_uninstall_is_upgraded_over_without_loss(
    releases: HelmReleases, bench: Bench, set_status: SetStatus, kubectl: Kubectl
) -> None:
    await releases.install(bench.request("first"))
    uid = await kubectl("get", "deployment/web", "-o", "jsonpath={.metadata.uid}")
    await kubectl("delete", "configmap/settings")
    await set_status("uninstalling")
    assert await bench.status(releases) is ReleaseStatus.UNINSTALLING
    installed = await releases.install(bench.request("second"))
    assert (installed.status, installed.revision) == (ReleaseStatus.DEPLOYED, 2)
    assert await kubectl("get", "deployment/web", "-o", "jsonpath={.metadata.uid}") == uid
    assert await kubectl("get", "configmap/settings", "-o", "name") == "configmap/settings\n"


@pytest.mark.parametrize(
    "status",
    ["deployed", "failed", "pending-install", "pending-upgrade", "uninstalling", "uninstalled"],
)
async def test_uninstall_in_every_state(
    releases: HelmReleases,
    bench: Bench,
    set_status: SetStatus,
    status: str,
) -> None:
    await releases.install(bench.request())
    await set_status(status)
    started = releases.started
    await releases.uninstall(bench.namespace, "shop")
    assert await bench.statuses() == []
    assert releases.started == started + 1
    await releases.uninstall(bench.namespace, "shop")
    assert releases.started == started + 1


async def test_uninstall_in_a_namespace_that_is_going(
    releases: HelmReleases, bench: Bench, kubectl: Kubectl
) -> None:
    """Hooks cannot run there any more, and must not keep the release."""
    await releases.install(bench.request(block="pre-delete"))
    held = '{"metadata":{"finalizers":["storeorch.io/test"]}}'
    await kubectl("patch", "configmap/settings", "--type=merge", "-p", held)
    await kubectl("delete", "namespace", bench.namespace, "--wait=false")
    await releases.uninstall(bench.namespace, "shop")
    assert await bench.statuses() == []
    free = '{"metadata":{"finalizers":null}}'
    await kubectl("patch", "configmap/settings", "--type=merge", "-p", free)


async def test_parallel_installs_are_bounded(
    make_releases: MakeReleases, journal_with_ends: Journal, bench: Bench
) -> None:
    releases = make_releases(journal_with_ends.program, max_processes=3)
    requests = []
    for number in range(20):
        owner = new_owner(f"shop-{number}")
        other = Bench(bench.cluster, owner, bench.chart)
        await bench.cluster.create_namespace(other.namespace, owner)
        requests.append((other, other.request()))
    installed = await asyncio.gather(*(releases.install(request) for _, request in requests))
    assert all(each.status is ReleaseStatus.DEPLOYED for each in installed)
    assert releases.started == len(requests) + 1
    assert 1 < journal_with_ends.most_at_once() <= 3
    for other, _ in requests:
        await bench.cluster.delete_namespace(other.namespace, other.owner)


async def test_cancelled_helm_records_its_failure_and_is_gone(
    make_releases: MakeReleases, journal: Journal, bench: Bench
) -> None:
    releases = make_releases(journal.program)
    task = await in_the_midst(bench, releases.install(bench.request("first", block=BLOCK)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert journal.is_gone()
    assert await bench.statuses() == ["failed"]
    assert (await releases.install(bench.request("second"))).status is ReleaseStatus.DEPLOYED


async def test_deadline(make_releases: MakeReleases, helm: Path, bench: Bench) -> None:
    releases = make_releases(helm, timeout=3.0)
    with pytest.raises(ReleaseInterrupted) as interrupted:
        await releases.install(bench.request("first", block=BLOCK))
    assert interrupted.value.retryable
    assert await bench.statuses() == ["failed"]


async def test_values_are_seen_by_nobody(
    make_releases: MakeReleases, journal: Journal, bench: Bench
) -> None:
    releases = make_releases(journal.program)
    values = {"password": CANARY, "note": CANARY, "block": BLOCK}
    task = await in_the_midst(bench, releases.install(bench.request("first", **values)))
    seen = journal.anyone_can_see()
    assert b"upgrade" in seen
    assert CANARY.encode() not in seen
    journal.kill_last()
    with pytest.raises(StoreorchError) as failed:
        await task
    assert CANARY not in f"{failed.value} {failed.value.hint}"


async def test_values_that_a_schema_refuses_are_not_quoted(
    releases: HelmReleases, bench: Bench
) -> None:
    pattern = '{"properties": {"password": {"pattern": "^[0-9]+$"}, "replicas": {"enum": [1]}}}'
    (bench.chart / "values.schema.json").write_text(pattern)
    with pytest.raises(ReleaseFailed) as failed:
        await releases.install(bench.request(password=CANARY))
    error: BaseException | None = failed.value
    while error:
        assert CANARY not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__


async def test_no_cluster(
    make_releases: MakeReleases, helm: Path, kubeconfig_to_nowhere: Path, bench: Bench
) -> None:
    releases = make_releases(helm, kubeconfig=kubeconfig_to_nowhere)
    with pytest.raises(ClusterUnavailable):
        await releases.install(bench.request())


async def test_missing_helm(make_releases: MakeReleases, tmp_path: Path) -> None:
    with pytest.raises(HelmMissing):
        await make_releases(tmp_path / "nothing").check()
