from __future__ import annotations

from typing import Any

import pytest
import yaml

from storeorch.errors import ChartRefused
from storeorch.helm.admission import CONFINED_KINDS, LIBERTIES, ChartPolicy

HOST = "shop.local.test"
SAFE = "automountServiceAccountToken: false"


def check(text: str, *allowed: str) -> None:
    ChartPolicy(frozenset(allowed)).check(
        yaml.safe_load_all(text), namespace="store-shop", host=HOST
    )


def pod(spec: str) -> str:
    safe = f"{{automountServiceAccountToken: false, {spec[1:]}"
    return f"kind: Deployment\nmetadata: {{name: web}}\nspec: {{template: {{spec: {safe}}}}}"


def cron_job(spec: str) -> str:
    return f"kind: CronJob\nspec: {{jobTemplate: {{spec: {{template: {{spec: {spec}}}}}}}}}"


FINE = [
    "",
    "just text",
    "- a\n- list",
    "kind: ConfigMap\nmetadata: {name: a}",
    "kind: ConfigMap\nmetadata: {name: a, namespace: store-shop}",
    "kind: Service\nspec: {type: ClusterIP}",
    "kind: Service\nspec: {clusterIP: None}",
    "kind: ServiceAccount\nautomountServiceAccountToken: false",
    f"kind: Ingress\nspec: {{rules: [{{host: {HOST}}}], tls: [{{hosts: [{HOST}]}}]}}",
    f"kind: HTTPRoute\nspec: {{hostnames: [{HOST}]}}",
    pod("{containers: [{name: a}]}"),
    pod("{volumes: [{emptyDir: {}}, {projected: {sources: [{secret: {name: x}}]}}]}"),
    pod("{containers: [{securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}}]}"),
    pod("{containers: [{ports: [{containerPort: 80}]}]}"),
    pod("{containers: not a list}"),
]

REFUSED = {
    "kind: ClusterRole\nmetadata: {name: all}": "ClusterRole",
    "kind: Role\nmetadata: {name: some}": "Role",
    "kind: RoleBinding\nmetadata: {name: some}": "RoleBinding",
    "kind: CustomResourceDefinition\nmetadata: {name: x}": "CustomResourceDefinition",
    "kind: PersistentVolume\nmetadata: {name: x}": "PersistentVolume",
    "kind: Namespace\nmetadata: {name: x}": "Namespace",
    "kind: DaemonSet\nmetadata: {name: x}": "DaemonSet",
    "kind: NetworkPolicy\nmetadata: {name: x}": "NetworkPolicy",
    "kind: ResourceQuota\nmetadata: {name: x}": "ResourceQuota",
    "metadata: {name: x}": "None",
    "kind: 'a, b'": "Unknown",
    "kind: List\nitems: [{kind: ClusterRole}]": "ClusterRole",
    "kind: ConfigMap\nmetadata: {name: a, namespace: kube-system}": "other-namespaces",
    "kind: Service\nspec: {type: NodePort}": "node-port",
    "kind: Service\nspec: {type: LoadBalancer}": "load-balancer",
    "kind: Service\nspec: {type: ExternalName}": "foreign-hosts",
    "kind: Service\nspec: {externalIPs: [10.0.0.1]}": "external-ips",
    "kind: ServiceAccount": "service-account-token",
    "kind: ServiceAccount\nautomountServiceAccountToken: true": "service-account-token",
    "kind: Ingress\nspec: {rules: [{host: other.local.test}]}": "foreign-hosts",
    "kind: Ingress\nspec: {rules: [{http: {}}]}": "foreign-hosts",
    "kind: Ingress\nspec: {rules: [{host: '*.local.test'}]}": "foreign-hosts",
    f"kind: Ingress\nspec: {{rules: [{{host: {HOST}}}], tls: [{{hosts: [x.y]}}]}}": "foreign-hosts",
    f"kind: Ingress\nspec: {{rules: [{{host: {HOST}}}], defaultBackend: {{a: b}}}}": (
        "foreign-hosts"
    ),
    "kind: HTTPRoute\nspec: {hostnames: [x.y]}": "foreign-hosts",
    "kind: HTTPRoute\nspec: {}": "foreign-hosts",
    pod("{hostNetwork: true}"): "host-namespaces",
    pod("{hostPID: true}"): "host-namespaces",
    pod("{hostIPC: true}"): "host-namespaces",
    "kind: Deployment\nspec: {template: {}}": "service-account-token",
    "kind: Job\nspec: {template: {spec: {automountServiceAccountToken: true}}}": (
        "service-account-token"
    ),
    pod("{volumes: [{hostPath: {path: /}}]}"): "host-path",
    pod("{volumes: [{projected: {sources: [{serviceAccountToken: {}}]}}]}"): (
        "service-account-token"
    ),
    pod("{containers: [{securityContext: {privileged: true}}]}"): "privileged",
    pod("{initContainers: [{securityContext: {privileged: true}}]}"): "privileged",
    pod("{containers: [{securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}"): "privileged",
    pod("{containers: [{ports: [{hostPort: 80}]}]}"): "host-ports",
    "kind: Pod\nspec: {automountServiceAccountToken: false, hostNetwork: true}": "host-namespaces",
    f"kind: Job\nspec: {{template: {{spec: {{{SAFE}, hostNetwork: true}}}}}}": "host-namespaces",
    cron_job("{automountServiceAccountToken: false, hostPID: true}"): "host-namespaces",
}


@pytest.mark.parametrize("text", FINE)
def test_what_stays_in_the_namespace_is_admitted(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_reaches_beyond_is_refused_unless_an_operator_allows_it(text: str) -> None:
    liberty = REFUSED[text]
    with pytest.raises(ChartRefused) as refusal:
        check(text)
    assert refusal.value.hint is not None
    assert refusal.value.hint.endswith(f"STOREORCH_CHART_ALLOW={liberty}")
    check(text, liberty)


def test_liberties_are_those_that_are_documented() -> None:
    from storeorch.settings import Settings

    described = Settings.describe("chart_allow")
    assert all(f"``{liberty}``" in described for liberty in LIBERTIES)
    given = set(REFUSED.values()) - {kind for kind in REFUSED.values() if kind[0].isupper()}
    assert given - {"other-namespaces"} == LIBERTIES
    assert not CONFINED_KINDS & {"NetworkPolicy", "Role", "RoleBinding", "DaemonSet"}


@pytest.mark.parametrize(
    ("manifest", "named"),
    [
        ({"kind": "Role", "metadata": {"name": "web"}}, "Role web"),
        ({"kind": "Role", "metadata": {"name": "s3cret value"}}, "Role"),
        ({"kind": "a b", "metadata": "none"}, "None"),
    ],
)
def test_the_sentence_repeats_only_proper_names(manifest: Any, named: str) -> None:
    with pytest.raises(ChartRefused, match=f": {named} has a kind"):
        ChartPolicy().check([manifest], namespace="x", host="y")
