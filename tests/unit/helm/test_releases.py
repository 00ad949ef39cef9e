from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from storeorch.clock import SystemClock
from storeorch.errors import (
    ChartRefused,
    HelmMissing,
    LeaseLost,
    ReleaseFailed,
    ReleaseInterrupted,
)
from storeorch.fencing import Lease, held
from storeorch.helm import ChartPolicy, HelmReleases
from storeorch.ports import ObjectRef, Release, ReleaseRequest, ReleaseStatus, WorkloadRef

from .conftest import FakeHelm, MemorySecrets, release

INVENTORY = (WorkloadRef("Deployment", "wordpress"), WorkloadRef("StatefulSet", "mysql"))
OBJECTS = (ObjectRef("Deployment", "wordpress"), ObjectRef("StatefulSet", "mysql"))
GOING = "unable to create new content in namespace shop because it is being terminated"

Make = Callable[..., HelmReleases]


@pytest.fixture
def make(secrets: MemorySecrets, fake_helm: FakeHelm) -> Make:
    def make(
        executable: Path | Callable[[], Path | None] = fake_helm.program,
        max_processes: int = 4,
        policy: ChartPolicy | None = None,
    ) -> HelmReleases:
        return HelmReleases(
            executable=executable,
            secrets=secrets,
            kubeconfig=None,
            context=None,
            max_processes=max_processes,
            timeout=60,
            clock=SystemClock(),
            policy=policy,
        )

    return make


@pytest.fixture
def releases(make: Make) -> HelmReleases:
    return make()


@pytest.fixture
def request_(chart: Path) -> ReleaseRequest:
    return ReleaseRequest("shop-ns", "shop", chart, {"a": 1}, "abc")


def verbs(fake_helm: FakeHelm) -> list[str]:
    return [call.arguments[0] for call in fake_helm.calls()]


async def test_get_starts_nothing_and_reads_a_revision_once(
    releases: HelmReleases, secrets: MemorySecrets
) -> None:
    assert await releases.get("shop-ns", "shop") is None
    secrets.put(release("superseded", 1), digest="old")
    secrets.put(release("deployed", 2), digest="abc")
    for live in (False, True):
        found = await releases.get("shop-ns", "shop", live=live)
        assert found == Release(ReleaseStatus.DEPLOYED, 2, "abc", INVENTORY, OBJECTS)
    assert (secrets.reads, releases.started) == (1, 0)


async def test_a_revision_of_somebody_else_is_read_again_once_it_changed(
    releases: HelmReleases, secrets: MemorySecrets
) -> None:
    secrets.put(release("deployed", 1))
    await releases.get("shop-ns", "shop")
    await releases.get("shop-ns", "shop")
    assert secrets.reads == 1
    secrets.put(release("deployed", 1, manifest="kind: Job\nmetadata: {name: new}"))
    ((secret, data),) = secrets.kept.values()
    secrets.kept[secret.name] = (type(secret)(secret.name, secret.labels, "changed"), data)
    found = await releases.get("shop-ns", "shop")
    assert found
    assert found.workloads == (WorkloadRef("Job", "new"),)


async def test_kept_history_is_no_release(releases: HelmReleases, secrets: MemorySecrets) -> None:
    secrets.put(release("uninstalled"))
    assert await releases.get("shop-ns", "shop") is None


async def test_install_is_one_process_and_its_answer_is_enough(
    releases: HelmReleases, secrets: MemorySecrets, fake_helm: FakeHelm, request_: ReleaseRequest
) -> None:
    fake_helm.answers("v4.3.1", release())
    installed = await releases.install(request_)
    assert installed == Release(ReleaseStatus.DEPLOYED, 1, "abc", INVENTORY, OBJECTS)
    secrets.put(release(), digest="abc")
    assert await releases.get("shop-ns", "shop") == installed
    assert secrets.reads == 0
    assert verbs(fake_helm) == ["upgrade"]
    assert releases.started == 2


async def test_a_chart_is_validated_once(
    releases: HelmReleases, fake_helm: FakeHelm, request_: ReleaseRequest
) -> None:
    refused = "Error: values don't meet the specifications of the schema(s)"
    fake_helm.answers("v4.3.1", release(), fails=[refused])
    with pytest.raises(ReleaseFailed):
        await releases.install(request_)
    for _ in range(3):
        await releases.install(request_)
    unchecked = ["--disable-openapi-validation" in call.arguments for call in fake_helm.calls()]
    assert unchecked == [False, False, True, True]


@pytest.fixture
def strict(make: Make) -> HelmReleases:
    return make(policy=ChartPolicy())


async def test_a_chart_is_looked_at_once_for_stores_that_are_declared_alike(
    strict: HelmReleases, fake_helm: FakeHelm, request_: ReleaseRequest
) -> None:
    fake_helm.answers("v4.3.1", release(), rendered="kind: ConfigMap\nmetadata: {name: a}")
    await strict.install(replace(request_, values={"a": 1, "storeorch": {"host": "a.test"}}))
    await strict.install(replace(request_, values={"a": 1, "storeorch": {"host": "b.test"}}))
    assert verbs(fake_helm) == ["template", "upgrade", "upgrade"]
    await strict.install(replace(request_, values={"a": 2, "storeorch": {"host": "b.test"}}))
    assert verbs(fake_helm) == ["template", "upgrade", "upgrade", "template", "upgrade"]
    looked_at = fake_helm.calls()[0]
    assert "--include-crds" in looked_at.arguments
    assert json.loads(looked_at.stdin) == {"a": 1, "storeorch": {"host": "a.test"}}


async def test_a_chart_that_reaches_beyond_its_namespace_is_never_installed(
    strict: HelmReleases, fake_helm: FakeHelm, request_: ReleaseRequest
) -> None:
    fake_helm.answers("v4.3.1", release(), rendered="kind: ClusterRole\nmetadata: {name: all}")
    for _ in range(2):
        with pytest.raises(ChartRefused, match="ClusterRole all"):
            await strict.install(request_)
    assert verbs(fake_helm) == ["template", "template"]


async def test_a_chart_that_renders_no_yaml_is_not_installed(
    strict: HelmReleases, fake_helm: FakeHelm, request_: ReleaseRequest
) -> None:
    fake_helm.answers("v4.3.1", release(), rendered="a: [b")
    with pytest.raises(ReleaseFailed, match="not YAML"):
        await strict.install(request_)
    fake_helm.answers("v4.3.1", release(), fails=["Error: parse error at (x.yaml:1)"])
    with pytest.raises(ReleaseFailed, match="cannot be rendered"):
        await strict.install(request_)
    assert verbs(fake_helm) == ["template", "template"]


@pytest.mark.parametrize(
    "status", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"]
)
async def test_unfinished_is_marked_failed_and_upgraded(
    releases: HelmReleases,
    secrets: MemorySecrets,
    fake_helm: FakeHelm,
    request_: ReleaseRequest,
    status: str,
) -> None:
    secrets.put(release(status))
    fake_helm.answers("v4.3.1", release(version=2))
    assert (await releases.install(request_)).revision == 2
    ((secret, _),) = secrets.kept.values()
    assert secret.labels["status"] == "failed"
    assert verbs(fake_helm) == ["upgrade"]


@pytest.mark.parametrize("status", ["failed", "superseded", "deployed", "uninstalled"])
async def test_nothing_is_uninstalled_unasked(
    releases: HelmReleases,
    secrets: MemorySecrets,
    fake_helm: FakeHelm,
    request_: ReleaseRequest,
    status: str,
) -> None:
    secrets.put(release(status))
    fake_helm.answers("v4.3.1", release(version=2))
    await releases.install(request_)
    assert verbs(fake_helm) == ["upgrade"]


async def test_answer_that_is_no_json(
    releases: HelmReleases, fake_helm: FakeHelm, request_: ReleaseRequest
) -> None:
    fake_helm.answers("v4.3.1", "Happy Helming!")
    with pytest.raises(ReleaseFailed, match="does not understand"):
        await releases.install(request_)


async def test_nothing_to_uninstall_is_no_process(
    releases: HelmReleases, fake_helm: FakeHelm
) -> None:
    await releases.uninstall("shop-ns", "shop")
    assert releases.started == 0
    assert verbs(fake_helm) == []


@pytest.mark.parametrize(
    ("fails", "hooks"),
    [
        ([], [True]),
        (["Error: uninstall: Release not loaded: shop: release: not found"], [True]),
        ([GOING], [True, False]),
    ],
)
async def test_uninstall(
    releases: HelmReleases,
    secrets: MemorySecrets,
    fake_helm: FakeHelm,
    fails: list[str],
    hooks: list[bool],
) -> None:
    secrets.put(release("failed"))
    fake_helm.answers("v4.3.1", {}, fails=fails)
    await releases.uninstall("shop-ns", "shop")
    assert verbs(fake_helm) == ["uninstall"] * len(hooks)
    assert ["--no-hooks" not in call.arguments for call in fake_helm.calls()] == hooks


async def test_uninstall_that_fails(
    releases: HelmReleases, secrets: MemorySecrets, fake_helm: FakeHelm
) -> None:
    secrets.put(release())
    fake_helm.answers("v4.3.1", {}, fails=[GOING, GOING])
    with pytest.raises(ReleaseInterrupted):
        await releases.uninstall("shop-ns", "shop")


async def test_helm_does_not_begin_when_the_lease_ends_while_it_is_started(
    releases: HelmReleases, fake_helm: FakeHelm, request_: ReleaseRequest
) -> None:
    """As in a process that stands still between asking for a program and having it."""
    await releases.check()
    times = iter([0.0, 2.0])
    with held(Lease(1.0, lambda: next(times))), pytest.raises(LeaseLost):
        await releases.install(request_)
    assert (releases.started, fake_helm.calls()) == (2, [])


async def test_inventory_is_forgotten_with_the_release(
    releases: HelmReleases, secrets: MemorySecrets
) -> None:
    secrets.put(release(), digest="abc")
    await releases.get("shop-ns", "shop")
    await releases.uninstall("shop-ns", "shop")
    await releases.get("shop-ns", "shop")
    assert secrets.reads == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [("v3.13.9", "too old"), ("v2.17.0", "too old"), ("hello", "does not tell its version")],
)
async def test_unfit_helm(make: Make, fake_helm: FakeHelm, text: str, words: str) -> None:
    fake_helm.answers(text, {})
    with pytest.raises(HelmMissing, match=words):
        await make().check()


async def test_helm_that_does_not_work(make: Make, tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(HelmMissing, match="does not work"):
        await make(program).check()


async def test_helm_is_looked_for_until_it_is_found(make: Make, fake_helm: FakeHelm) -> None:
    found: list[Path] = []
    releases = make(lambda: found[0] if found else None)
    with pytest.raises(HelmMissing):
        await releases.check()
    found.append(fake_helm.program)
    assert await releases.check() == "4.3"


async def test_version_is_asked_for_once(make: Make, fake_helm: FakeHelm) -> None:
    releases = make()
    assert await asyncio.gather(*(releases.check() for _ in range(5))) == ["4.3"] * 5
    assert releases.started == 1
    fake_helm.answers("v3.18.0-of-another-size", {})
    assert await releases.check() == "3.18"


async def test_processes_are_bounded(
    make: Make, fake_helm: FakeHelm, request_: ReleaseRequest, tmp_path: Path
) -> None:
    fake_helm.answers("v4.3.1", release())
    marks = tmp_path / "running"
    marks.mkdir()
    # Each start leaves a mark until its end, and writes down how many there are.
    text = fake_helm.program.read_text()
    count = f'mark=$(mktemp "{marks}/XXXXXX"); ls "{marks}" | wc -l >> "{tmp_path}/counts"'
    ended = f"{count}; trap 'rm \"$mark\"' EXIT"
    fake_helm.program.write_text(text.replace("#!/bin/sh\n", f"#!/bin/sh\n{ended}\n", 1))
    releases = make(max_processes=2)
    await asyncio.gather(*(releases.install(request_) for _ in range(8)))
    counts = [int(line) for line in (tmp_path / "counts").read_text().split()]
    assert len(counts) == releases.started == 9
    assert max(counts) <= 2


async def test_manifests_are_those_of_the_newest_revision_or_none(
    releases: HelmReleases, secrets: MemorySecrets, fake_helm: FakeHelm
) -> None:
    assert await releases.manifests("shop-ns", "shop", 1) is None
    secrets.put(release("superseded", 1), digest="old")
    secrets.lag()
    secrets.put(release("deployed", 2), digest="abc")
    watched = await releases.get("shop-ns", "shop")
    assert watched is not None
    assert await releases.manifests("shop-ns", "shop", watched.revision) is None
    found = await releases.manifests("shop-ns", "shop", 2)
    assert found is not None
    assert [ObjectRef(each["kind"], each["metadata"]["name"]) for each in found] == list(OBJECTS)
    for each in found:
        assert each["metadata"]["annotations"]["meta.helm.sh/release-name"] == "shop"
    assert fake_helm.calls() == []
