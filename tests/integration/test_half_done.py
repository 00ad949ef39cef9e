"""Half-done work that is found in the cluster converges by itself, or says what a person must do.

What Helm or a person left behind is made on a real API server: Helm is killed at
random times, its records are given the status of every step it may die at, and
namespaces and Secrets are deleted by hand.
"""

from __future__ import annotations

import base64
import random
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from storeorch import Orchestrator, Status, Store
from storeorch.helm import storage
from storeorch.models import EventKind
from storeorch_devcluster import ensure_helm3

from .api import PATIENCE, Api, Json
from .workplace import Workplace, assert_gone, condition, seen

pytestmark = pytest.mark.cluster

OF_HELM: Final = "labelSelector=owner%3Dhelm"

UNFINISHED: Final = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")
"""Every status that Helm writes before it works, and leaves where it is killed."""

SURE_KILL: Final = 0.03
"""Seconds: before Helm can have done anything that counts."""

LATEST_KILL: Final = 0.3
"""Seconds: about as long as Helm takes for the probe on two cores."""


@dataclass
class MortalHelm:
    """Helm behind a program that kills it, and notes what it was started for."""

    program: Path
    _kills: Path
    _calls: Path

    def kill_after(self, *seconds: float) -> None:
        """Kill as many of the next installs, upgrades and uninstalls, so long after their start."""
        self._kills.write_text("".join(f"{each:.3f}\n" for each in seconds))

    def calls(self, command: str) -> int:
        """Return how often Helm was started for this."""
        return self._calls.read_text().split().count(command) if self._calls.exists() else 0


@pytest.fixture
def real_helm(workplace: Workplace, request: pytest.FixtureRequest) -> Path:
    """Return the Helm that the cluster brings, or Helm 3 where a test asks for it."""
    return ensure_helm3(print) if getattr(request, "param", "") == "helm3" else workplace.helm


@pytest.fixture
def helm(workplace: Workplace, real_helm: Path) -> MortalHelm:
    folder = workplace.folder
    made = MortalHelm(folder / "mortal-helm", folder / "kills", folder / "calls")
    made.kill_after()
    kills, calls, real = (shlex.quote(str(path)) for path in (made._kills, made._calls, real_helm))
    lines = (
        "#!/bin/sh",
        f'echo "$1" >> {calls}',
        'case "$1" in upgrade|uninstall)',
        f"  after=$(head -n 1 {kills}); sed -i 1d {kills}",
        '  [ -z "$after" ] || { sleep "$after"; kill -KILL $$; } &',
        "esac",
        f'exec {real} "$@"',
    )
    made.program.write_text("\n".join(lines))
    made.program.chmod(0o755)
    return made


async def ready(o: Orchestrator, name: str) -> Store:
    store = await o.wait(name, timeout=PATIENCE)
    assert store is not None
    assert (store.status, store.fault) == (Status.READY, None)
    return store


async def degraded(o: Orchestrator, name: str, code: str) -> Store:
    return await seen(
        o,
        name,
        lambda store: (
            store.status is Status.DEGRADED and store.fault is not None and store.fault.code == code
        ),
    )


def uid_of(api: Api, store: Store) -> str:
    (deployment,) = api.within(store.namespace, "deployments")
    uid: str = deployment["metadata"]["uid"]
    return uid


def leave_release(api: Api, store: Store, status: str) -> int:
    """Give the newest revision a status, as a Helm that was killed, and return its number."""
    path = f"/api/v1/namespaces/{store.namespace}/secrets"
    secrets = api.items(f"{path}?{OF_HELM}")
    newest = max(secrets, key=lambda each: int(each["metadata"]["labels"]["version"]))
    release = storage.decode(
        {key: base64.b64decode(value) for key, value in newest["data"].items()}
    )
    release["info"]["status"] = status
    data = storage.encode(release)
    api.merge(
        f"{path}/{newest['metadata']['name']}",
        {
            "metadata": {"labels": {"status": status}},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        },
    )
    return int(newest["metadata"]["labels"]["version"])


async def deployed_after(api: Api, store: Store, revision: int) -> None:
    """Wait until a later revision than this is deployed."""

    def holds(secrets: Sequence[Json]) -> bool:
        found = [each["metadata"]["labels"] for each in secrets]
        return any(
            int(each["version"]) > revision and each["status"] == "deployed" for each in found
        )

    await api.until(f"/api/v1/namespaces/{store.namespace}/secrets", holds, select=OF_HELM)


async def pods_arrive(api: Api, namespace: str) -> None:
    """Let the pods run that a simulated node is slow to start."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    for pod in await api.until(path, bool):
        patch = {"metadata": {"annotations": {"storeorch.io/simulate": None}}}
        api.merge(f"{path}/{pod['metadata']['name']}", patch)


# -- releases -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "real_helm"), [(0, "helm4"), (1, "helm4"), (2, "helm3")], indirect=["real_helm"]
)
async def test_helm_that_is_killed_at_any_time_loses_nothing(
    seed: int, workplace: Workplace, api: Api, helm: MortalHelm
) -> None:
    rng = random.Random(seed)

    def kill_some() -> None:
        helm.kill_after(SURE_KILL, *(rng.uniform(SURE_KILL, LATEST_KILL) for _ in range(3)))

    async with workplace.orchestrator(helm=helm.program) as o:
        kill_some()
        await o.create("my-store", type="probe")
        store = await ready(o, "my-store")
        uid = uid_of(api, store)
        credentials = api.secret(store.namespace, "store-credentials")

        kill_some()
        await o.update("my-store", parameters={"replicas": 2})
        store = await ready(o, "my-store")
        assert api.within(store.namespace, "deployments")[0]["spec"]["replicas"] == 2
        assert uid_of(api, store) == uid
        assert api.secret(store.namespace, "store-credentials") == credentials
        statuses = [status for _, status in api.revisions(store.namespace)]
        assert statuses.count("deployed") == 1
        assert not set(statuses) & set(UNFINISHED)
        assert helm.calls("upgrade") >= 4, "some were to be killed"
        assert helm.calls("uninstall") == 0, "what may hold data was to be left in place"

        kill_some()
        await o.delete("my-store")
        assert await o.wait(store.id, timeout=PATIENCE) is None
        assert helm.calls("uninstall") >= 2
        await assert_gone(store, workplace)


@pytest.mark.parametrize("status", UNFINISHED)
async def test_an_unfinished_release_of_a_ready_store_is_upgraded_over(
    status: str, workplace: Workplace, api: Api, helm: MortalHelm
) -> None:
    async with workplace.orchestrator(helm=helm.program) as o:
        await o.create("my-store", type="probe")
        store = await ready(o, "my-store")
        uid = uid_of(api, store)
        credentials = api.secret(store.namespace, "store-credentials")

        left = leave_release(api, store, status)
        await deployed_after(api, store, left)
        await seen(o, "my-store", lambda store: store.status is Status.READY)
        assert uid_of(api, store) == uid
        assert api.secret(store.namespace, "store-credentials") == credentials
        assert helm.calls("uninstall") == 0


@pytest.mark.parametrize("status", ["pending-install", "uninstalling"])
async def test_a_first_revision_that_was_never_ready_is_taken_over(
    status: str, workplace: Workplace, api: Api
) -> None:
    async with workplace.orchestrator() as o:
        await o.create("my-store", type="probe", parameters={"simulate": "slow"})
        store = await seen(o, "my-store", lambda store: store.condition("WorkloadsReady"))
    left = leave_release(api, store, status)
    async with workplace.orchestrator() as o:
        await deployed_after(api, store, left)
        await pods_arrive(api, store.namespace)
        await ready(o, "my-store")


async def test_stores_with_unfinished_releases_can_be_deleted(
    workplace: Workplace, api: Api
) -> None:
    async with workplace.orchestrator() as o:
        for status in UNFINISHED:
            await o.create(status, type="probe")
        stores = [await ready(o, status) for status in UNFINISHED]
    for store in stores:
        leave_release(api, store, store.name)
    async with workplace.orchestrator(engine=False) as o:
        for store in stores:
            await o.delete(store.name)
        await o.start_engine()
        for store in stores:
            assert await o.wait(store.id, timeout=PATIENCE) is None
    for store in stores:
        await assert_gone(store, workplace)


# -- namespace ----------------------------------------------------------------


def due_at(workplace: Workplace, store: Store) -> datetime:
    ((milliseconds,),) = workplace.rows(f"SELECT due_at FROM stores WHERE id = '{store.id}'")
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


async def test_a_namespace_that_hangs_names_what_holds_it_and_is_followed_by_watch(
    workplace: Workplace, api: Api
) -> None:
    async with workplace.orchestrator() as o:
        await o.create("my-store", type="probe")
        store = await ready(o, "my-store")
        claims = f"/api/v1/namespaces/{store.namespace}/persistentvolumeclaims"
        api.create(
            claims,
            {
                "metadata": {"name": "data", "finalizers": ["example.com/backup"]},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Mi"}},
                },
            },
        )
        await o.delete("my-store")
        store = await seen(
            o, "my-store", lambda store: "backup" in condition(store, "NamespaceReady").message
        )
        assert (store.status, store.attempts) == (Status.DELETING, 0)
        assert condition(store, "NamespaceReady").reason == "NamespaceTerminating"
        # Kubernetes' own finalizer may be named too, for a moment.
        assert condition(store, "NamespaceReady").message.startswith(
            f"The namespace {store.namespace} is being deleted. "
            "It is held by finalizer example.com/backup on PersistentVolumeClaim data"
        )

        next_look = due_at(workplace, store)
        api.merge(f"{claims}/data", {"metadata": {"finalizers": None}})
        assert await o.wait(store.id, timeout=PATIENCE) is None
        *_, last = await o.events(store.id)
        assert last.kind is EventKind.DELETED
        assert last.at < next_look, "a watch was to tell of it"


async def test_a_namespace_that_is_deleted_while_the_store_starts_is_made_again(
    workplace: Workplace, api: Api
) -> None:
    async with workplace.orchestrator() as o:
        await o.create("my-store", type="probe", parameters={"simulate": "slow"})
        store = await seen(o, "my-store", lambda store: store.condition("WorkloadsReady"))
        before = api.namespace(store.namespace)
        assert before is not None

        api.delete(f"/api/v1/namespaces/{store.namespace}")
        await api.until("/api/v1/namespaces", another(before))
        await pods_arrive(api, store.namespace)
        await ready(o, "my-store")
        assert api.revisions(store.namespace) == [("1", "deployed")]


def another(before: Json) -> Callable[[Sequence[Json]], bool]:
    """Return what says whether a namespace of the same name has come after this one."""
    name, uid = before["metadata"]["name"], before["metadata"]["uid"]
    return lambda namespaces: any(
        each["metadata"]["name"] == name and each["metadata"]["uid"] != uid for each in namespaces
    )


async def test_the_lost_namespace_of_a_ready_store_is_made_again_only_on_request(
    workplace: Workplace, api: Api
) -> None:
    async with workplace.orchestrator() as o:
        await o.create("my-store", type="probe")
        store = await ready(o, "my-store")
        lost = api.secret(store.namespace, "store-credentials")

        api.delete(f"/api/v1/namespaces/{store.namespace}")
        store = await degraded(o, "my-store", "data-missing")
        assert store.fault is not None
        assert store.fault.message == (
            f"The namespace {store.namespace} is gone, and its data with it."
        )
        assert "retry" in (store.fault.hint or "")
        assert api.namespace(store.namespace) is None

        await o.retry("my-store")
        await ready(o, "my-store")
        made = api.secret(store.namespace, "store-credentials")
        assert made is not None
        assert made != lost


# -- credentials --------------------------------------------------------------


async def test_lost_credentials_are_generated_anew_only_on_request(
    workplace: Workplace, api: Api
) -> None:
    async with workplace.orchestrator() as o:
        await o.create("my-store", type="probe")
        store = await ready(o, "my-store")
    lost = api.secret(store.namespace, "store-credentials")
    api.delete(f"/api/v1/namespaces/{store.namespace}/secrets/store-credentials")

    async with workplace.orchestrator() as o:
        store = await degraded(o, "my-store", "data-missing")
        assert store.fault is not None
        assert store.fault.message == (
            "The credentials of the store are gone; its database cannot be read."
        )
        assert api.secret(store.namespace, "store-credentials") is None

        await o.retry("my-store")
        await ready(o, "my-store")
        made = api.secret(store.namespace, "store-credentials")
        assert made is not None
        assert made != lost
