"""No secret and no foreign text reaches what users see; the operator's log has it all."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from storeorch_devcluster import EmbeddedCluster

from .api import PATIENCE, Api
from .workplace import Command, Workplace

pytestmark = pytest.mark.cluster

CHART = "canary-of-the-chart"
ENVIRONMENT = "canary-of-the-environment"
POLICY = "canary-of-the-policy"


async def what_users_see(workplace: Workplace, engine: Command) -> str:
    """Collect what every command says of the store, and all bytes of database and hosts file."""
    ended = await asyncio.gather(
        workplace.cli("store", "get", "my-store"),
        workplace.cli("store", "get", "my-store", "-o", "json"),
        workplace.cli("store", "list", "-o", "yaml"),
        workplace.cli("store", "events", "my-store"),
        workplace.cli("store", "events", "my-store", "-o", "json"),
        workplace.cli("store", "wait", "my-store"),
    )
    files = [
        path.read_bytes().decode("utf-8", "replace")
        for path in (*workplace.folder.glob("storeorch.db*"), workplace.hosts)
    ]
    said = [text for each in ended for text in (each.out, each.err)]
    assert all("my-store" in text for text in (said[0], said[2], said[4], said[8]))
    assert "Traceback" not in "".join(said) + "\n".join(engine.err)
    return "\n".join([*said, *files, *engine.out, *engine.err])


def logged(workplace: Workplace, error_id: str) -> dict[str, Any]:
    """Return the line of the operator's log that an error id leads to."""
    lines = map(json.loads, workplace.log.read_text().splitlines())
    (line,) = [line for line in lines if line.get("error_id") == error_id]
    assert isinstance(line, dict)
    return line


async def told_error_id(workplace: Workplace) -> str:
    got = await workplace.cli("store", "get", "my-store", "-o", "json")
    error_id = json.loads(got.out)["fault"]["error_id"]
    assert isinstance(error_id, str)
    waited = await workplace.cli("store", "wait", "my-store")
    assert waited.code == 1
    assert f"Error id: {error_id}" in waited.err
    return error_id


async def namespace_of(workplace: Workplace) -> str:
    ((namespace,),) = workplace.rows("SELECT namespace FROM stores")
    return str(namespace)


async def test_what_a_chart_says_when_it_fails(workplace: Workplace, api: Api) -> None:
    workplace.install_probe()
    async with workplace.engine() as engine:
        arguments = ("--type", "probe", "--set", "leak=true", "--wait")
        created = await workplace.cli("store", "create", "my-store", *arguments)
        assert created.code == 1
        assert "Error: The chart cannot be rendered with these values." in created.err
        seen = await what_users_see(workplace, engine) + created.out + created.err
        secret = api.secret(await namespace_of(workplace), "store-credentials")
        line = logged(workplace, await told_error_id(workplace))
    assert CHART not in seen
    assert secret is not None
    assert secret["password"] not in seen
    assert CHART in line["traceback"]
    assert (line["store_name"], line["step"]) == ("my-store", "release")


async def test_what_helm_says_of_its_environment(workplace: Workplace) -> None:
    helm = workplace.folder / "helm"
    helm.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && exec "{workplace.helm}" "$@"\n'
        'echo "Error: the plugin said $CANARY and password=$CANARY-secret" >&2\nexit 1\n'
    )
    helm.chmod(0o755)
    environ = {"STOREORCH_HELM": str(helm), "CANARY": ENVIRONMENT}
    async with workplace.engine(**environ) as engine:
        arguments = ("--type", "woocommerce", "--wait")
        created = await workplace.cli("store", "create", "my-store", *arguments)
        assert created.code == 1
        seen = await what_users_see(workplace, engine) + created.out + created.err
        line = logged(workplace, await told_error_id(workplace))
    assert ENVIRONMENT not in seen
    assert f"the plugin said {ENVIRONMENT}" in line["traceback"]
    assert f"{ENVIRONMENT}-secret" not in workplace.log.read_text(), "it looks like a password"


@pytest.fixture(params=["resourcequotas", "pods"])
def policy(request: pytest.FixtureRequest, api: Api) -> Iterator[str]:
    """Have the API server refuse one kind of objects, with a canary in what it says."""
    kind: str = request.param
    name = f"canary-{uuid.uuid4().hex[:8]}"
    root = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": [kind],
    }
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": POLICY, "reason": "Forbidden"}],
        "matchConditions": [
            {
                "name": "of-this-test",
                "expression": "request.namespace.startsWith('store-my-store-')",
            }
        ],
    }
    api.create("/api/v1/namespaces", {"metadata": {"name": f"store-my-store-{name}"}})
    api.create(f"{root}ies", {"metadata": {"name": name}, "spec": spec})
    api.create(
        f"{root}ybindings",
        {"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}},
    )
    trial = {
        "metadata": {"generateName": "trial-"},
        "spec": {"containers": [{"name": "a", "image": "a"}]} if kind == "pods" else {},
    }
    path = f"/api/v1/namespaces/store-my-store-{name}/{kind}?dryRun=All"
    deadline = time.monotonic() + PATIENCE
    # The API server begins to apply a policy some moments after it was created.
    while POLICY not in str(api.call("POST", path, trial)):
        assert time.monotonic() < deadline, "the policy is never applied"
    yield kind
    api.delete(f"{root}ybindings/{name}")
    api.delete(f"{root}ies/{name}")
    api.delete(f"/api/v1/namespaces/store-my-store-{name}")


async def test_what_the_cluster_says_when_it_refuses(policy: str, workplace: Workplace) -> None:
    workplace.install_probe()
    async with workplace.engine() as engine:
        created = await workplace.cli("store", "create", "my-store", "--type", "probe", "--wait")
        assert created.code == 1
        sentence = {
            "resourcequotas": "Error: The cluster refuses to ",
            "pods": "Error: An admission rule of the cluster refuses the pods of web.",
        }
        assert sentence[policy] in created.err
        seen = await what_users_see(workplace, engine) + created.out + created.err
        line = logged(workplace, await told_error_id(workplace))
    assert POLICY not in seen
    if policy == "resourcequotas":
        assert POLICY in line["traceback"]


@pytest.mark.parametrize("type_", ["woocommerce", "medusa"])
async def test_credentials_stay_in_the_cluster(type_: str, workplace: Workplace, api: Api) -> None:
    """Also with every log of every level shown: they are read by nobody but the pods."""
    async with workplace.engine(STOREORCH_VERBOSE="1") as engine:
        arguments = ("--type", type_, "--wait")
        created = await workplace.cli("--verbose", "store", "create", "my-store", *arguments)
        assert created.code == 0
        seen = await what_users_see(workplace, engine) + created.out + created.err
        namespace = await namespace_of(workplace)
        release = api.get(f"/api/v1/namespaces/{namespace}/secrets/sh.helm.release.v1.my-store.v1")
        credentials = api.secret(namespace, "store-credentials")
    assert credentials
    log = workplace.log.read_text() if workplace.log.exists() else ""
    for value in credentials.values():
        assert value not in seen
        assert value not in log
        assert value not in str(release)


async def test_a_cluster_that_goes_away_is_told_in_one_line(
    workplace: Workplace, api: Api, embedded_cluster: EmbeddedCluster
) -> None:
    """Watches that fail are reported while the engine runs; their causes are not for users."""
    workplace.install_probe()
    async with workplace.engine() as engine:
        try:
            embedded_cluster.kill("kube-apiserver")
            await engine.says("watching")
        finally:
            await asyncio.to_thread(embedded_cluster.start)
        created = await workplace.cli("store", "create", "my-store", "--type", "probe", "--wait")
        assert created.code == 0
        seen = await what_users_see(workplace, engine)
    assert api.server.removeprefix("https://") not in seen
    assert api.server.removeprefix("https://") in workplace.log.read_text()
