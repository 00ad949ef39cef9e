"""From declaration to deletion on a real API server, with real Helm and real SQLite."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from storeorch import HelmStoreType, Orchestrator, Status, Store, sync
from storeorch.errors import InvalidTransition, StoreNotFound
from storeorch.names import ownership_labels, store_labels

from .api import NAMESPACED_KINDS, PATIENCE, Api, Json
from .workplace import HOSTS, Workplace, assert_gone, condition

pytestmark = pytest.mark.cluster

CONDITIONS = [
    "NamespaceReady",
    "GuardrailsReady",
    "CredentialsReady",
    "ReleaseInstalled",
    "WorkloadsReady",
    "AddressReady",
    "StorefrontReady",
]
WORKLOADS = {
    "woocommerce": {("statefulsets", "mysql"), ("deployments", "wordpress"), ("jobs", "install")},
    "medusa": {("statefulsets", "postgresql"), ("deployments", "medusa"), ("jobs", "setup")},
}
SERVICES = {"woocommerce": {"mysql", "wordpress"}, "medusa": {"postgresql", "medusa"}}
JOB_DIGEST = re.compile(r"-[0-9a-f]{10}$")
OURS = {"limitranges", "resourcequotas", "networkpolicies"}
NOT_OURS = {"kube-root-ca.crt", "default", "data-mysql-0", "data-postgresql-0"}
"""What Kubernetes creates by itself, claims of StatefulSets included."""


@pytest.mark.parametrize("type_", ["woocommerce", "medusa"])
async def test_a_script_brings_a_store_up_and_removes_it_without_a_trace(
    type_: str, workplace: Workplace, api: Api
) -> None:
    async with Orchestrator.from_settings() as o:
        store = await o.create("my-store", type=type_)
        assert store.status is Status.PROVISIONING
        ready = await o.wait(store.id, timeout=PATIENCE)

        assert ready is not None
        assert_ready(ready, workplace)
        assert_stands(ready, api, o.type(type_))
        secret = api.secret(ready.namespace, "store-credentials")

        with pytest.raises(InvalidTransition):
            await o.retry("my-store")
        await o.delete("my-store")
        assert await o.wait(store.id, timeout=PATIENCE) is None

        await assert_gone(ready, workplace)
        with pytest.raises(StoreNotFound):
            await o.get("my-store")
        events = await o.events("my-store")
        assert [event.reason for event in events if event.status is not None] == [
            "Create",
            "Ready",
            "Delete",
        ]
        assert events[-1].reason == "Deleted"
        assert {event.store_id for event in events} == {store.id}
    assert secret is not None
    for value in secret.values():
        assert value.encode() not in workplace.database.read_bytes()


async def test_helm_is_started_once_for_each_store_and_once_for_an_update(
    workplace: Workplace, api: Api
) -> None:
    async with workplace.orchestrator() as o:
        first = await o.create("one", type="woocommerce")
        second = await o.create("two", type="medusa", parameters={"admin_email": "me@example.com"})
        for store in (first, second):
            assert await o.wait(store.id, timeout=PATIENCE)
        versions_asked = 1
        looked_at = 2  # charts, once for each set of parameters
        assert workplace.helm_started == 2 + looked_at + versions_asked
        assert api.revisions(first.namespace) == [("1", "deployed")]
        database_before = pods(api, first.namespace, "mysql")

        image = "wordpress:6.9-php8.4-apache"
        updated = await o.update("one", parameters={"wordpress": {"image": image}})
        assert (updated.status, updated.generation) == (Status.UPDATING, 2)
        ready = await o.wait("one", timeout=PATIENCE)

        assert ready is not None
        assert (ready.status, ready.observed_generation) == (Status.READY, 2)
        looked_at += 1
        assert workplace.helm_started == 3 + looked_at + versions_asked
        assert api.revisions(first.namespace) == [("1", "superseded"), ("2", "deployed")]
        assert {images(pod) for pod in pods(api, first.namespace, "wordpress")} == {(image,)}
        assert pods(api, first.namespace, "mysql") == database_before
        assert api.revisions(second.namespace) == [("1", "deployed")]

        await asyncio.gather(o.delete("one"), o.delete("two"))
        gone = await asyncio.gather(*(o.wait(name, timeout=PATIENCE) for name in ("one", "two")))
        assert gone == [None, None]
        for store in (first, second):
            await assert_gone(store, workplace)


async def test_an_engine_of_another_process_does_the_work(workplace: Workplace, api: Api) -> None:
    async with workplace.engine() as engine, workplace.orchestrator(engine=False) as o:
        store = await o.create("my-store", type="woocommerce")
        ready = await o.wait(store.id, timeout=PATIENCE)
        assert ready is not None
        assert_ready(ready, workplace)

        await assert_told_as_json(workplace, ready)
        deleted = await workplace.cli("store", "delete", "my-store", "--yes", "--wait")
        assert (deleted.code, deleted.out) == (0, "store/my-store deleted\n")
        await assert_gone(store, workplace)

        engine.process.terminate()
        ended = await engine.ended()
    assert ended.code == 0
    assert "The engine has stopped." in ended.err
    assert workplace.wired == [], "this process was not to touch the cluster"


async def test_the_command_line_runs_an_engine_of_its_own_where_there_is_none(
    workplace: Workplace, api: Api
) -> None:
    created = await workplace.cli(
        *("store", "create", "my-store", "--type", "medusa", "--wait", "--timeout", "2m"),
        *("--set", "postgresql.storage_size=1Gi"),
    )
    assert (created.code, created.out) == (
        0,
        "store/my-store ready http://my-store.local.test\n",
    )
    got = await workplace.cli("store", "get", "my-store", "-o", "json")
    store = Store.model_validate(
        {key: value for key, value in json.loads(got.out).items() if key != "error_message"}
    )
    assert_ready(store, workplace)
    sizes = {
        claim["metadata"]["name"]: claim["spec"]["resources"]["requests"]["storage"]
        for claim in api.within(store.namespace, "persistentvolumeclaims")
    }
    assert sizes == {"data-postgresql-0": "1Gi", "uploads": "5Gi"}

    deleted = await workplace.cli("store", "delete", "my-store", "--yes", "--wait")
    assert (deleted.code, deleted.out) == (0, "store/my-store deleted\n")
    await assert_gone(store, workplace)


def test_a_program_without_an_event_loop_can_do_the_same(workplace: Workplace) -> None:
    with sync.Orchestrator.from_settings() as o:
        store = o.create("my-store", type="woocommerce")
        ready = o.wait(store.id, timeout=PATIENCE)
        assert ready is not None
        assert_ready(ready, workplace)
        o.delete(store.id)
        seen = [each.status for each in o.watch(store.id)]
        assert set(seen) == {Status.DELETING}
        asyncio.run(assert_gone(store, workplace))


def assert_ready(store: Store, workplace: Workplace) -> None:
    assert store.status is Status.READY
    assert store.observed_generation == store.generation == 1
    assert store.url == "http://my-store.local.test"
    assert store.error_message is None
    assert store.namespace == f"store-my-store-{store.id[:8]}"
    assert [each.type for each in store.conditions] == CONDITIONS
    assert all(each.status for each in store.conditions)
    assert condition(store, "WorkloadsReady").message == "All 3 workloads are ready."
    block = f"# BEGIN storeorch\n127.0.0.1\tmy-store.local.test\t# storeorch {store.id}\n"
    assert workplace.hosts.read_bytes() == HOSTS + block.encode() + b"# END storeorch\n"


def assert_stands(store: Store, api: Api, type_: object) -> None:
    """Check every object in the store's namespace, and its labels."""
    assert isinstance(type_, HelmStoreType)
    namespace = api.namespace(store.namespace)
    assert namespace is not None
    owned = ownership_labels(store.name, store.id)
    assert owned.items() <= namespace["metadata"]["labels"].items()
    found = {kind: api.within(store.namespace, kind) for kind in NAMESPACED_KINDS}

    (quota,) = found["resourcequotas"]
    assert quota["metadata"]["name"] == "store-quota"
    assert quota["spec"]["hard"] == {
        "requests.cpu": "2",
        "requests.memory": "4Gi",
        "limits.cpu": "4",
        "limits.memory": "8Gi",
        "persistentvolumeclaims": "3",
    }
    (limits,) = found["limitranges"]
    (per_container,) = limits["spec"]["limits"]
    assert per_container["type"] == "Container"
    assert per_container["min"].keys() == {"cpu", "memory"}
    # Kubernetes itself asks for the least where a container asks for nothing.
    assert "default" not in per_container
    assert limits["metadata"]["creationTimestamp"] <= quota["metadata"]["creationTimestamp"]
    policies = {each["metadata"]["name"]: each["spec"] for each in found["networkpolicies"]}
    deny = policies.pop("default-deny")
    assert (deny["podSelector"], deny["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert "ingress" not in deny
    assert "egress" not in deny
    (from_ingress,) = policies["allow-ingress-controller"]["ingress"]
    assert from_ingress["ports"] == [{"protocol": "TCP", "port": type_.http_port}]
    assert not policies.pop("allow-egress").get("egress"), "nothing outside can be reached"
    assert policies.keys() == {"allow-own-pods", "allow-dns", "allow-ingress-controller"}

    workloads = {
        (kind, JOB_DIGEST.sub("", each["metadata"]["name"]))
        for kind in ("statefulsets", "deployments", "jobs")
        for each in found[kind]
    }
    assert workloads == WORKLOADS[store.type]
    assert {each["metadata"]["name"] for each in found["services"]} == SERVICES[store.type]
    (ingress,) = found["ingresses"]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == [store.host]
    assert all(claim["status"]["phase"] == "Bound" for claim in found["persistentvolumeclaims"])

    secrets = {each["metadata"]["name"]: each for each in found.pop("secrets")}
    release = secrets.pop(f"sh.helm.release.v1.{store.helm_release}.v1")
    assert release["metadata"]["labels"]["status"] == "deployed"
    credentials = secrets.pop("store-credentials")
    assert credentials["data"].keys() == type_.credentials.keys()
    assert not secrets
    values = api.secret(store.namespace, "store-credentials")
    assert values is not None
    assert {key: len(value) for key, value in values.items()} == type_.credentials
    assert len(set(values.values())) == len(values)

    assert owned.items() <= credentials["metadata"]["labels"].items()
    for kind, objects in found.items():
        wanted = owned if kind in OURS else store_labels(store.name, store.id)
        for each in objects:
            if each["metadata"]["name"] not in NOT_OURS:
                labels = each["metadata"].get("labels", {})
                assert wanted.items() <= labels.items(), (kind, each["metadata"]["name"])


async def assert_told_as_json(workplace: Workplace, store: Store) -> None:
    """Check what scripts read: ``store list``, ``get`` and ``events`` as JSON."""
    listed = await workplace.cli("store", "list", "-o", "json")
    got = await workplace.cli("store", "get", store.name, "-o", "json")
    told = await workplace.cli("store", "events", store.name, "-o", "json")
    assert [each.code for each in (listed, got, told)] == [0, 0, 0]
    data: dict[str, Any] = json.loads(got.out)
    assert json.loads(listed.out) == [data]
    expected = store.model_dump(mode="json")
    for key in (
        *("id", "name", "type", "status", "namespace", "url", "helm_release"),
        *("error_message", "created_at", "updated_at", "conditions"),
    ):
        assert data[key] == expected[key]
    events = json.loads(told.out)
    assert [event["reason"] for event in events if event["kind"] != "step"] == ["Create", "Ready"]
    assert {event["actor"] for event in events if event["kind"] == "declared"} == {"tester"}
    steps = [event["step"] for event in events if event["reason"] == "Done"]
    assert steps == ["namespace", "guardrails", "credentials", "release", "workloads", "address"]


def pods(api: Api, namespace: str, workload: str) -> list[Json]:
    return [
        {"name": each["metadata"]["name"], "uid": each["metadata"]["uid"], "spec": each["spec"]}
        for each in api.within(namespace, "pods")
        if each["metadata"]["name"].startswith(f"{workload}-")
        and "deletionTimestamp" not in each["metadata"]
    ]


def images(pod: Json) -> tuple[str, ...]:
    return tuple(each["image"] for each in pod["spec"]["containers"])
