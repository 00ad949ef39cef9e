"""Each step fails once: what the user is told, and that it goes well once the cause is gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from storeorch import Event, Orchestrator, Status, Store, hookimpl
from storeorch.errors import StoreFailed
from storeorch.models import EventKind
from storeorch.plugins import Plugins

from .api import PATIENCE, Api, Json
from .limited import EVERYTHING, Limited, everything_but, limited_user
from .probe import CrampedProbe
from .workplace import HOSTS, Workplace, condition, seen

pytestmark = pytest.mark.cluster

LONG = 600
"""Seconds until the deadline: a failure that comes in this test was not brought by it."""

SHORT = 3.0
"""Seconds until the deadline where it is what fails the store."""

Figures = Callable[[str, object], None]


async def failed(o: Orchestrator, name: str) -> Store:
    """Wait until a store has failed, and check that users are told so."""
    with pytest.raises(StoreFailed) as caught:
        await o.wait(name, timeout=PATIENCE)
    store = await o.get(name)
    assert store.status is Status.FAILED
    assert store.fault is not None
    assert store.fault.message in caught.value.message
    assert caught.value.hint == store.fault.hint
    assert store.fault.hint
    assert store.fault.error_id
    assert store.error_message == store.fault.message
    assert store.url is None
    return store


async def ready(o: Orchestrator, name: str) -> Store:
    store = await o.wait(name, timeout=PATIENCE)
    assert store is not None
    assert (store.status, store.fault) == (Status.READY, None)
    return store


# -- namespace ----------------------------------------------------------------


@pytest.fixture
def foreign(api: Api) -> Iterator[Callable[[str], Json]]:
    """Make a namespace that belongs to somebody else."""
    made = []

    def make(name: str) -> Json:
        made.append(name)
        labels = {"team": "somebody-else"}
        return api.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})

    yield make
    for name in made:
        api.delete(f"/api/v1/namespaces/{name}")


async def test_a_namespace_of_somebody_else_is_left_alone(
    workplace: Workplace, api: Api, foreign: Callable[[str], Json]
) -> None:
    async with workplace.orchestrator(engine=False) as o:
        store = await o.create("my-store", type="probe")
        theirs = foreign(store.namespace)
        await o.start_engine()

        store = await failed(o, "my-store")
        assert store.fault is not None
        assert store.fault.code == "namespace-not-ours"
        assert store.fault.message == (
            f"The namespace {store.namespace} exists and does not belong to this store."
        )
        assert condition(store, "NamespaceReady").reason == "NamespaceNotOurs"
        now = api.namespace(store.namespace)
        assert now is not None
        assert now["metadata"]["labels"] == theirs["metadata"]["labels"]
        assert api.within(store.namespace, "resourcequotas") == []
        assert api.within(store.namespace, "secrets") == []

        api.delete(f"/api/v1/namespaces/{store.namespace}")
        await api.until("/api/v1/namespaces", partial(without, store.namespace))
        await o.retry("my-store")
        await ready(o, "my-store")


async def test_the_deletion_of_a_store_spares_a_namespace_of_somebody_else(
    workplace: Workplace, api: Api, foreign: Callable[[str], Json]
) -> None:
    async with workplace.orchestrator(engine=False) as o:
        store = await o.create("my-store", type="probe")
        theirs = foreign(store.namespace)
        await o.start_engine()
        await failed(o, "my-store")
        await o.delete("my-store")
        assert await o.wait(store.id, timeout=PATIENCE) is None
        left = api.namespace(store.namespace)
        assert left is not None
        assert left["metadata"]["uid"] == theirs["metadata"]["uid"]
        assert left["status"]["phase"] == "Active"


def without(name: str, namespaces: Any) -> bool:
    return all(each["metadata"]["name"] != name for each in namespaces)


# -- guardrails and credentials -----------------------------------------------


@pytest.fixture
def limited(
    api: Api, cluster_kubeconfig: Path, workplace: Workplace
) -> Callable[[list[Json]], AbstractContextManager[Limited]]:
    return partial(limited_user, api, cluster_kubeconfig, workplace.folder)


@pytest.mark.parametrize(
    ("resource", "verbs", "broken", "step", "right"),
    [
        ("resourcequotas", ("create", "patch"), "GuardrailsReady", "guardrails", "resourcequotas"),
        ("networkpolicies", ("create", "patch"), "GuardrailsReady", "guardrails", "networkpol"),
        ("secrets", ("create",), "CredentialsReady", "credentials", "create secrets"),
    ],
)
async def test_a_missing_right_is_named_and_waited_for(
    *,
    resource: str,
    verbs: tuple[str, ...],
    broken: str,
    step: str,
    right: str,
    workplace: Workplace,
    limited: Callable[[list[Json]], AbstractContextManager[Limited]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with limited(everything_but(resource, verbs)) as user:
        monkeypatch.setenv("KUBECONFIG", str(user.kubeconfig))
        async with workplace.orchestrator() as o:
            await o.create("my-store", type="probe")
            store = await seen(o, "my-store", lambda store: store.attempts >= 2)
            assert store.status is Status.PROVISIONING
            assert store.fault is not None
            assert store.fault.code == "permission-missing"
            assert right in store.fault.message
            assert condition(store, broken).reason == "PermissionMissing"
            assert not condition(store, broken).status
            errors = [each for each in await o.events("my-store") if each.kind is EventKind.ERROR]
            assert [(each.step, each.message) for each in errors] == [(step, store.fault.message)]

            user.give([EVERYTHING])
            await ready(o, "my-store")


# -- release ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ({"refuse": True}, {"refuse": False}, "The chart cannot be rendered with these values."),
        ({"replicas": 4}, {"replicas": 2}, "The values do not fit the chart's schema."),
    ],
)
async def test_a_release_that_helm_refuses(
    wrong: Mapping[str, Any],
    right: Mapping[str, Any],
    message: str,
    workplace: Workplace,
    api: Api,
) -> None:
    async with workplace.orchestrator() as o:
        await o.create("my-store", type="probe", parameters=wrong)
        store = await failed(o, "my-store")
        assert store.fault is not None
        assert (store.fault.code, store.fault.message) == ("release-failed", message)
        assert condition(store, "ReleaseInstalled").reason == "ReleaseFailed"
        assert condition(store, "CredentialsReady").status
        assert store.fault.error_id is not None

        again = await o.retry("my-store")
        assert again.status is Status.PROVISIONING
        assert (await failed(o, "my-store")).fault != store.fault, "it has an error id of its own"

        await o.update("my-store", parameters=right)
        await ready(o, "my-store")
        assert ("1", "deployed") in api.revisions(store.namespace)


# -- workloads ----------------------------------------------------------------

WORKLOADS = [
    pytest.param(
        "woocommerce",
        {"mysql": {"resources": {"limits": {"memory": "9Gi"}}}},
        {"mysql": {"resources": {"limits": {"memory": "1Gi"}}}},
        "QuotaExceeded",
        "ResourceQuota store-quota refuses the pods of mysql: limits.memory: 9Gi requested",
        id="quota",
    ),
    pytest.param(
        "woocommerce",
        {"wordpress": {"image": "registry.invalid/missing:1"}},
        {"wordpress": {"image": "wordpress:6.9-php8.4-apache"}},
        "ImagePullFailed",
        # The install job's pod has the same image, and which of the two is seen first is open.
        "The image registry.invalid/missing:1 of init container ",
        id="image-of-an-init-container",
    ),
    pytest.param(
        "medusa",
        {"postgresql": {"image": "registry.invalid/missing:1"}},
        {"postgresql": {"image": "postgres:17"}},
        "ImagePullFailed",
        "The image registry.invalid/missing:1 of",
        id="image-of-a-stateful-set",
    ),
    pytest.param(
        "woocommerce",
        {"mysql": {"image": "registry.invalid/crash:1"}},
        {"mysql": {"image": "mysql:8.0.44"}},
        "CrashLoop",
        "Container mysql of mysql ends with exit code 1, restarted 3 times.",
        id="crash-loop",
    ),
]


@pytest.mark.parametrize(("type_", "wrong", "right", "reason", "message"), WORKLOADS)
async def test_what_keeps_pods_from_running_is_told_at_once(
    *,
    type_: str,
    wrong: Mapping[str, Any],
    right: Mapping[str, Any],
    reason: str,
    message: str,
    workplace: Workplace,
    record_property: Figures,
) -> None:
    async with workplace.orchestrator(provision_timeout=LONG) as o:
        await o.create("my-store", type=type_, parameters=wrong)
        store = await failed(o, "my-store")
        assert store.fault is not None
        assert store.fault.code == "workload-failed"
        assert store.fault.message.startswith(message)
        assert condition(store, "WorkloadsReady").reason == reason
        took = seconds_to_report(await o.events("my-store"))
        record_property(f"seconds until {reason} was reported", f"{took:.2f}")
        print(f"\n{reason} of {type_}: reported {took:.2f} s after Helm was started")

        await o.update("my-store", parameters=right)
        await ready(o, "my-store")


def seconds_to_report(events: Any) -> float:
    """Return the seconds from Helm's start, before the workloads were there, to the failure."""
    release: Event = next(each for each in events if each.step == "release")
    end: Event = next(each for each in events if each.status is Status.FAILED)
    return (end.at - release.at).total_seconds() + (release.duration or 0)


async def test_a_quota_that_was_enlarged_lets_a_retry_succeed(
    workplace: Workplace, api: Api
) -> None:
    class Cramped:
        @staticmethod
        @hookimpl
        def storeorch_store_types() -> list[CrampedProbe]:
            return [CrampedProbe()]

    cramped: Plugins = workplace.plugins(Cramped())
    async with workplace.orchestrator(plugins=cramped, provision_timeout=LONG) as o:
        await o.create("my-store", type="probe", parameters={"memory": "128Mi"})
        store = await failed(o, "my-store")
        assert store.error_message == (
            "ResourceQuota store-quota refuses the pods of web: "
            "limits.memory: 128Mi requested, 64Mi allowed."
        )

    async with workplace.orchestrator(provision_timeout=LONG) as o:
        assert (await o.get("my-store")).status is Status.FAILED
        await o.retry("my-store")
        store = await ready(o, "my-store")
        assert api.revisions(store.namespace) == [("1", "deployed")], "nothing was to upgrade"


async def test_pods_that_no_node_takes(workplace: Workplace) -> None:
    async with workplace.orchestrator(provision_timeout=LONG, unschedulable_grace=1) as o:
        await o.create("my-store", type="probe", parameters={"node": "nowhere"})
        store = await failed(o, "my-store")
        assert store.error_message == (
            "The pods of web wait for a node: no node matches their selector."
        )
        assert condition(store, "WorkloadsReady").reason == "Unschedulable"
        await o.update("my-store", parameters={"node": ""})
        await ready(o, "my-store")


async def test_workloads_that_never_become_ready_fail_at_the_deadline(
    workplace: Workplace,
) -> None:
    async with workplace.orchestrator(provision_timeout=SHORT) as o:
        slow = {"medusa": {"image": "registry.invalid/slow:1"}}
        await o.create("my-store", type="medusa", parameters=slow)
        store = await failed(o, "my-store")
        assert store.fault is not None
        assert store.fault.code == "deadline-exceeded"
        message = re.sub(r"setup-[0-9a-f]{10}", "setup", store.fault.message)
        assert message == "Not ready within 3 seconds: Deployment medusa, Job setup."
        assert condition(store, "WorkloadsReady").reason == "DeadlineExceeded"

    async with workplace.orchestrator(provision_timeout=LONG) as o:
        await o.update("my-store", parameters={"medusa": {"image": "storeorch/medusa:2"}})
        await ready(o, "my-store")


# -- address ------------------------------------------------------------------


async def test_a_hosts_file_that_cannot_be_written_is_tried_again(workplace: Workplace) -> None:
    def obstruct() -> None:
        # The tests may run as root, to whom every file is writable.
        workplace.hosts.rename(workplace.folder / "aside")
        workplace.hosts.mkdir()

    def clear() -> None:
        workplace.hosts.rmdir()
        (workplace.folder / "aside").rename(workplace.hosts)

    obstruct()
    async with workplace.orchestrator() as o:
        store = await o.create("my-store", type="probe")
        store = await seen(o, "my-store", lambda store: store.attempts >= 2)
        assert store.status is Status.PROVISIONING
        assert store.fault is not None
        assert store.fault.code == "hosts-file-unwritable"
        assert str(workplace.folder) not in store.fault.message
        assert condition(store, "WorkloadsReady").status
        assert condition(store, "AddressReady").reason == "HostsFileUnwritable"

        clear()
        await ready(o, "my-store")
        assert store.id in workplace.hosts.read_text()

        obstruct()
        await o.delete("my-store")
        store = await seen(o, "my-store", lambda store: store.attempts >= 2)
        assert store.status is Status.DELETING
        assert store.fault is not None
        assert store.fault.code == "hosts-file-unwritable"
        assert workplace.api.namespace(store.namespace) is not None

        clear()
        assert await o.wait(store.id, timeout=PATIENCE) is None
    assert workplace.hosts.read_bytes() == HOSTS
