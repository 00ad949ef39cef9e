"""What every Helm has to hold."""

# ruff: noqa: S101 - a test suite asserts

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from storeorch.errors import ClusterRefused, ReleaseFailed
from storeorch.ports import (
    Cluster,
    ObjectRef,
    Owner,
    ReleaseRequest,
    Releases,
    ReleaseStatus,
    WorkloadRef,
)
from storeorch.testing.contracts.cluster import ByHand, namespace_of, new_owner, until

RELEASE = "my-store"
WEB = ObjectRef("Deployment", "web")


class ReleasesContract:
    """``ports.Releases``.

    Give the fixtures ``cluster``, ``by_hand`` which changes it, ``releases`` on it,
    ``chart`` (a chart that becomes ready without values) and ``inventory`` (the
    workloads that it consists of, a Deployment ``web`` among them).
    """

    @pytest.fixture
    def owner(self) -> Owner:
        """Return a store of this test's own."""
        return new_owner(RELEASE)

    @pytest.fixture
    async def namespace(self, cluster: Cluster, owner: Owner) -> AsyncIterator[str]:
        """Return a namespace of that store."""
        name = namespace_of(owner)
        await cluster.create_namespace(name, owner)
        yield name
        await cluster.delete_namespace(name, owner)

    @staticmethod
    def request_for(namespace: str, chart: Path, digest: str = "first") -> ReleaseRequest:
        """Return what to install."""
        values = {"note": digest}
        return ReleaseRequest(namespace, RELEASE, chart, values, digest)

    async def test_version(self, releases: Releases) -> None:
        """It is told in numbers."""
        assert re.fullmatch(r"\d+\.\d+(\.\d+)?", await releases.check())

    @pytest.mark.parametrize("live", [False, True])
    async def test_nothing_installed(
        self, releases: Releases, namespace: str, *, live: bool
    ) -> None:
        """There is no release, neither here nor in a namespace that is not there."""
        assert await releases.get(namespace, RELEASE, live=live) is None
        assert await releases.get("store-nowhere", RELEASE, live=live) is None

    async def test_installation(
        self,
        releases: Releases,
        cluster: Cluster,
        namespace: str,
        chart: Path,
        inventory: Sequence[WorkloadRef],
    ) -> None:
        """It is deployed, says what it was made from, and is found again."""
        installed = await releases.install(self.request_for(namespace, chart))
        assert (installed.status, installed.revision) == (ReleaseStatus.DEPLOYED, 1)
        assert installed.digest == "first"
        assert sorted(installed.workloads) == sorted(inventory)
        assert await releases.get(namespace, RELEASE, live=True) == installed

        async def is_seen() -> bool:
            return await releases.get(namespace, RELEASE) == installed

        await until(cluster, is_seen)

    async def test_workloads_become_ready(
        self,
        releases: Releases,
        cluster: Cluster,
        namespace: str,
        chart: Path,
        inventory: Sequence[WorkloadRef],
    ) -> None:
        """Not by the time the installation returns, but soon, and the watch tells of it."""

        async def all_ready() -> bool:
            states = await cluster.workloads(namespace, inventory, live=True)
            return all(state.ready for state in states)

        async with cluster.watch():
            await releases.install(self.request_for(namespace, chart))
            await until(cluster, all_ready)

    async def test_upgrade(self, releases: Releases, namespace: str, chart: Path) -> None:
        """It is a revision of its own, and the newest is the one that is told of."""
        await releases.install(self.request_for(namespace, chart))
        upgraded = await releases.install(self.request_for(namespace, chart, "second"))
        assert (upgraded.status, upgraded.revision) == (ReleaseStatus.DEPLOYED, 2)
        assert upgraded.digest == "second"
        assert await releases.get(namespace, RELEASE, live=True) == upgraded

    async def test_uninstallation(self, releases: Releases, namespace: str, chart: Path) -> None:
        """Nothing is left, and what is gone already is fine."""
        await releases.install(self.request_for(namespace, chart))
        await releases.uninstall(namespace, RELEASE)
        assert await releases.get(namespace, RELEASE, live=True) is None
        await releases.uninstall(namespace, RELEASE)
        await releases.uninstall("store-nowhere", RELEASE)
        again = await releases.install(self.request_for(namespace, chart))
        assert again.status is ReleaseStatus.DEPLOYED

    async def test_what_a_release_consists_of(
        self, releases: Releases, cluster: Cluster, namespace: str, chart: Path
    ) -> None:
        """Its manifests are those of its objects, and nobody has touched them."""
        async with cluster.watch():
            release = await releases.install(self.request_for(namespace, chart))
            assert WEB in release.objects
            manifests = await releases.manifests(namespace, RELEASE, release.revision)
            assert manifests is not None
            named = [ObjectRef(each["kind"], each["metadata"]["name"]) for each in manifests]
            assert named == list(release.objects)

            async def are_seen() -> bool:
                seen = await cluster.fingerprints(namespace, release.objects)
                return all(each and each.untouched for each in seen.values())

            await until(cluster, are_seen)
            assert list(await cluster.differing(namespace, RELEASE, manifests)) == []

    async def test_manifests_of_what_is_not_the_newest(
        self, releases: Releases, namespace: str, chart: Path
    ) -> None:
        """There are none: an upgrade must not be undone."""
        assert await releases.manifests(namespace, RELEASE, 1) is None
        first = await releases.install(self.request_for(namespace, chart))
        second = await releases.install(self.request_for(namespace, chart, "second"))
        assert await releases.manifests(namespace, RELEASE, first.revision) is None
        assert await releases.manifests(namespace, RELEASE, second.revision)
        await releases.uninstall(namespace, RELEASE)
        assert await releases.manifests(namespace, RELEASE, second.revision) is None

    @pytest.mark.parametrize("missing", [False, True])
    async def test_restoring(
        self,
        releases: Releases,
        cluster: Cluster,
        by_hand: ByHand,
        namespace: str,
        chart: Path,
        *,
        missing: bool,
    ) -> None:
        """What somebody changed or deleted differs until it is restored."""
        async with cluster.watch():
            await releases.install(self.request_for(namespace, chart))
            manifests = await releases.manifests(namespace, RELEASE, 1)
            assert manifests is not None
            before = (await cluster.fingerprints(namespace, [WEB], live=True))[WEB]
            await (by_hand.delete if missing else by_hand.change)(namespace, WEB)
            (found,) = await cluster.differing(namespace, RELEASE, manifests)
            assert (found.ref, found.missing) == (WEB, missing)

            async def is_seen() -> bool:
                seen = (await cluster.fingerprints(namespace, [WEB]))[WEB]
                return seen != before

            await until(cluster, is_seen)
            text = await cluster.restore(namespace, RELEASE, found.manifest)
            assert list(await cluster.differing(namespace, RELEASE, manifests)) == []
            after = (await cluster.fingerprints(namespace, [WEB], live=True))[WEB]
            assert before is not None
            assert after is not None
            assert after.text == before.text == text
            assert await cluster.restore(namespace, RELEASE, found.manifest) == text

    async def test_restoring_what_is_of_another_release(
        self, releases: Releases, cluster: Cluster, namespace: str, chart: Path
    ) -> None:
        """It is neither compared nor changed."""
        await releases.install(self.request_for(namespace, chart))
        manifests = await releases.manifests(namespace, RELEASE, 1)
        assert manifests is not None
        with pytest.raises(ClusterRefused):
            await cluster.differing(namespace, "another", manifests)
        with pytest.raises(ClusterRefused):
            await cluster.restore(namespace, "another", manifests[0])

    async def test_interrupted_installation_is_taken_over(
        self, releases: Releases, cluster: Cluster, namespace: str, chart: Path
    ) -> None:
        """Whatever a cancelled installation left behind, the next one succeeds."""
        async with cluster.watch() as changes:
            task = asyncio.create_task(releases.install(self.request_for(namespace, chart)))
            first = asyncio.ensure_future(anext(changes))
            await asyncio.wait([task, first], return_when=asyncio.FIRST_COMPLETED)
            for each in (task, first):
                each.cancel()
            await asyncio.gather(task, first, return_exceptions=True)
        installed = await releases.install(self.request_for(namespace, chart, "second"))
        assert (installed.status, installed.digest) == (ReleaseStatus.DEPLOYED, "second")

    async def test_no_namespace(self, releases: Releases, owner: Owner, chart: Path) -> None:
        """It cannot be installed for now, and it is not Helm that makes the namespace."""
        with pytest.raises(ReleaseFailed) as failed:
            await releases.install(self.request_for(namespace_of(owner), chart))
        assert failed.value.retryable

    def test_digest_of_a_chart(self, releases: Releases, chart: Path, tmp_path: Path) -> None:
        """It depends on the files, not on where they are."""
        copies = [tmp_path / name / "chart" for name in ("same", "changed", "more", "renamed")]
        for copy in copies:
            shutil.copytree(chart, copy)
        same, changed, more, renamed = copies
        (changed / "Chart.yaml").write_bytes((chart / "Chart.yaml").read_bytes() + b"# changed\n")
        (more / "another.txt").write_text("more")
        (renamed / "Chart.yaml").rename(renamed / "Renamed.yaml")
        digest = releases.chart_digest(chart)
        assert re.fullmatch(r"[0-9a-f]{64}", digest)
        assert releases.chart_digest(chart) == digest
        assert releases.chart_digest(same) == digest
        digests = {releases.chart_digest(copy) for copy in copies}
        assert len(digests) == len(copies)
