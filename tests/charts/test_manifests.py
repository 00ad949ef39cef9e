"""What holds for every manifest of both charts, under several sets of values."""

from __future__ import annotations

import re
from typing import Any

import pytest
from kubernetes_validate import utils as kubernetes_schemas

from . import pod_security
from .quantities import QUOTA, quantity, release_demand
from .rendering import (
    CHARTS,
    CREDENTIALS,
    Helm,
    Manifest,
    containers,
    merged,
    pod_spec,
    secret_keys,
    servers,
    workloads,
)

STORE_LABELS = {
    "storeorch.io/store-id": "0f3c2b1a-7d6e-4c5b-9a8f-1e2d3c4b5a69",
    "storeorch.io/store-name": "my-store",
}
FROM_STOREORCH: dict[str, Any] = {
    "storeorch": {
        "storeId": STORE_LABELS["storeorch.io/store-id"],
        "storeName": "my-store",
        "host": "my-store.local.test",
        "url": "http://my-store.local.test",
        "credentialsSecret": "store-credentials",
        "labels": STORE_LABELS,
    },
    "ingress": {"className": ""},
}
EVERYTHING_SET: dict[str, Any] = merged(
    FROM_STOREORCH,
    {
        "storeorch": {"url": "https://my-store.local.test:8443"},
        "ingress": {
            "className": "traefik",
            "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
            "tls": [{"hosts": ["my-store.local.test"], "secretName": "my-store-tls"}],
        },
        "imagePullPolicy": "Always",
        "imagePullSecrets": ["registry-key"],
        "storageClass": "fast",
        "waitForDatabase": {"resources": {"requests": {"cpu": 0.02}, "limits": {"cpu": 1}}},
    },
)
VALUE_SETS = {
    "by hand": CREDENTIALS,
    "from storeorch": FROM_STOREORCH,
    "everything set": EVERYTHING_SET,
}
NEWEST_MINORS = kubernetes_schemas.all_versions()[-3:]
QUOTA_CLAIMS = 3
NAMESPACED_AND_HARMLESS = {
    "ConfigMap",
    "Deployment",
    "HTTPRoute",
    "Ingress",
    "Job",
    "PersistentVolumeClaim",
    "Service",
    "StatefulSet",
}
SELECTOR_LABELS = {
    "app.kubernetes.io/component",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/name",
}


@pytest.fixture(scope="session", params=VALUE_SETS)
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    return VALUE_SETS[request.param]


@pytest.fixture(scope="session")
def manifests(helm: Helm, chart: str, values: dict[str, Any]) -> list[Manifest]:
    return helm.template(chart, values)


def test_lint_is_clean(helm: Helm, chart: str) -> None:
    done = helm.run("lint", "--strict", str(CHARTS / chart))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


@pytest.mark.parametrize("version", NEWEST_MINORS)
def test_manifests_obey_the_schemas_of_kubernetes(manifests: list[Manifest], version: str) -> None:
    for manifest in manifests:
        kubernetes_schemas.validate(manifest, version, strict=True)


def test_nothing_but_ordinary_namespaced_objects(manifests: list[Manifest]) -> None:
    assert {m["kind"] for m in manifests} <= NAMESPACED_AND_HARMLESS
    for manifest in manifests:
        assert "namespace" not in manifest["metadata"]
        assert "helm.sh/hook" not in manifest["metadata"].get("annotations", {})
        if manifest["kind"] == "Service":
            assert manifest["spec"]["type"] == "ClusterIP"


def test_names_are_unique(manifests: list[Manifest]) -> None:
    names = [(m["kind"], m["metadata"]["name"]) for m in manifests]

    assert len(names) == len(set(names))


def test_pods_satisfy_pod_security_restricted(manifests: list[Manifest]) -> None:
    for workload in workloads(manifests):
        assert pod_security.violations(pod_spec(workload)) == []


def test_pods_know_nothing_of_the_cluster(manifests: list[Manifest]) -> None:
    for workload in workloads(manifests):
        spec = pod_spec(workload)
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert "serviceAccountName" not in spec


def test_root_file_systems_are_read_only(manifests: list[Manifest]) -> None:
    writable = {
        container["name"]
        for workload in workloads(manifests)
        for container in containers(workload)
        if not container["securityContext"]["readOnlyRootFilesystem"]
    }

    assert writable == set()


def test_each_container_has_requests_and_limits(manifests: list[Manifest]) -> None:
    for workload in workloads(manifests):
        for container in containers(workload):
            for resource in ("cpu", "memory"):
                request = quantity(container["resources"]["requests"][resource])
                limit = quantity(container["resources"]["limits"][resource])
                assert 0 < request <= limit


def test_long_running_containers_have_probes(manifests: list[Manifest]) -> None:
    for workload in servers(manifests):
        for container in pod_spec(workload)["containers"]:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
            # A query that has become slow must take the pod out of service, not restart it.
            assert "exec" not in container["livenessProbe"]


def test_probes_ask_for_ports_that_are_there(manifests: list[Manifest]) -> None:
    for workload in servers(manifests):
        for container in pod_spec(workload)["containers"]:
            ports = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                for way in ("tcpSocket", "httpGet"):
                    if way in container[probe]:
                        assert container[probe][way]["port"] in ports


def test_objects_and_pods_carry_all_labels(
    manifests: list[Manifest], values: dict[str, Any], chart: str
) -> None:
    asked = values["storeorch"].get("labels", {})
    for manifest in manifests:
        labels = manifest["metadata"]["labels"]
        assert asked.items() <= labels.items()
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/name"] == chart
        assert labels["app.kubernetes.io/instance"] == "my-store"
        assert labels["helm.sh/chart"].startswith(f"{chart}-")
    for workload in workloads(manifests):
        assert asked.items() <= workload["spec"]["template"]["metadata"]["labels"].items()


def test_selectors_hold_nothing_that_may_change(manifests: list[Manifest]) -> None:
    for workload in servers(manifests):
        selector = workload["spec"]["selector"]["matchLabels"]
        assert selector.keys() == SELECTOR_LABELS
        assert selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            assert claim["metadata"]["labels"].keys() <= SELECTOR_LABELS


def test_pods_do_not_change_with_the_version_of_the_chart(manifests: list[Manifest]) -> None:
    for workload in workloads(manifests):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert "helm.sh/chart" not in labels
        assert "app.kubernetes.io/version" not in labels


def test_each_service_leads_to_the_pods_of_one_workload(manifests: list[Manifest]) -> None:
    pods = {
        workload["metadata"]["name"]: workload["spec"]["template"]["metadata"]["labels"]
        for workload in workloads(manifests)
    }
    for service in (m for m in manifests if m["kind"] == "Service"):
        selector = service["spec"]["selector"].items()
        assert [name for name, labels in pods.items() if selector <= labels.items()] == [
            service["metadata"]["name"]
        ]


def test_volumes_and_mounts_belong_together(manifests: list[Manifest]) -> None:
    for workload in workloads(manifests):
        claims = workload["spec"].get("volumeClaimTemplates", [])
        volumes = {v["name"] for v in pod_spec(workload).get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in claims}
        mounted = {
            mount["name"]
            for container in containers(workload)
            for mount in container.get("volumeMounts", [])
        }
        assert mounted == volumes


def test_credentials_come_from_the_given_secret_only(manifests: list[Manifest]) -> None:
    for workload in workloads(manifests):
        for container in containers(workload):
            assert {name for name, _ in secret_keys(container).values()} <= {"store-credentials"}
    assert not [m for m in manifests if m["kind"] == "Secret"]


def test_a_release_fits_the_quota_of_a_store(manifests: list[Manifest]) -> None:
    for name, amount in release_demand(manifests).items():
        assert amount <= quantity(QUOTA[name]), name
    claims = sum(m["kind"] == "PersistentVolumeClaim" for m in manifests)
    claims += sum(len(w["spec"].get("volumeClaimTemplates", [])) for w in workloads(manifests))
    assert claims <= QUOTA_CLAIMS


def test_equal_values_render_equal_manifests(
    helm: Helm, chart: str, values: dict[str, Any]
) -> None:
    assert helm.text(chart, values) == helm.text(chart, values)


@pytest.mark.parametrize(
    "word",
    [
        r"rand\w*", "uuidv4", "now", "ago", "gen(CA|PrivateKey|Signed|SelfSigned)\\w*", "htpasswd",
        "bcrypt", "lookup", r"getHostByName", r"\.Release\.Revision", r"\.Release\.IsUpgrade",
        r"\.Release\.IsInstall", r"\.Capabilities", "tpl",
    ],
)  # fmt: skip
def test_templates_use_nothing_that_differs_between_two_renderings(chart: str, word: str) -> None:
    for template in (CHARTS / chart / "templates").iterdir():
        for action in re.findall(r"{{-?(?!/\*)(.*?)}}", template.read_text(), re.DOTALL):
            assert not re.search(rf"(?<![\w\"'.-]){word}(?![\w\"'-])", action), template.name


def test_the_ingress_leads_from_the_host_to_the_shop(
    manifests: list[Manifest], values: dict[str, Any]
) -> None:
    (ingress,) = (m for m in manifests if m["kind"] == "Ingress")
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    backend = path["backend"]["service"]
    (service,) = (
        m for m in manifests if m["kind"] == "Service" and m["metadata"]["name"] == backend["name"]
    )

    assert rule["host"] == values["storeorch"].get("host", "store.local.test")
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_an_empty_ingress_class_is_left_out(helm: Helm, chart: str) -> None:
    (plain,) = (m for m in helm.template(chart, FROM_STOREORCH) if m["kind"] == "Ingress")
    (full,) = (m for m in helm.template(chart, EVERYTHING_SET) if m["kind"] == "Ingress")

    assert plain["spec"].keys() == {"rules"}
    assert "annotations" not in plain["metadata"]
    assert full["spec"]["ingressClassName"] == "traefik"
    assert full["spec"]["tls"] == EVERYTHING_SET["ingress"]["tls"]
    assert full["metadata"]["annotations"] == EVERYTHING_SET["ingress"]["annotations"]


def test_an_empty_storage_class_is_left_out(helm: Helm, chart: str) -> None:
    def classes(values: dict[str, Any]) -> set[str | None]:
        manifests = helm.template(chart, values)
        specs = [m["spec"] for m in manifests if m["kind"] == "PersistentVolumeClaim"]
        for workload in workloads(manifests):
            specs += [c["spec"] for c in workload["spec"].get("volumeClaimTemplates", [])]
        assert specs
        return {spec.get("storageClassName") for spec in specs}

    assert classes(FROM_STOREORCH) == {None}
    assert classes(EVERYTHING_SET) == {"fast"}


def test_pull_settings_reach_every_container(helm: Helm, chart: str) -> None:
    for workload in workloads(helm.template(chart, EVERYTHING_SET)):
        assert pod_spec(workload)["imagePullSecrets"] == [{"name": "registry-key"}]
        assert {c["imagePullPolicy"] for c in containers(workload)} == {"Always"}


def test_labels_asked_for_cannot_replace_the_charts_own(helm: Helm, chart: str) -> None:
    labels = {"app.kubernetes.io/managed-by": "storeorch", "app.kubernetes.io/name": "other"}
    manifests = helm.template(chart, merged(CREDENTIALS, {"storeorch": {"labels": labels}}))

    for manifest in manifests:
        assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == chart
    for workload in servers(manifests):
        pods = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= pods.items()
