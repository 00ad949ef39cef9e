"""The role of an engine: what it may do in a cluster, as manifests to apply.

RBAC cannot say "in the namespaces of stores", which come and go, so the rights are
given for the whole cluster and an admission policy confines every change to
namespaces that are named and labelled as those of stores. What is watched is watched
everywhere: one watch for each kind, not for each store.

The rights are those that ``access`` asks for, and those that Helm needs for what
charts may bring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from storeorch.kube.access import BROUGHT, NEEDED
from storeorch.kube.resources import Resource
from storeorch.names import LABEL_STORE_ID, NAMESPACE_PREFIX

_WRITES: Final = ["CREATE", "UPDATE", "DELETE"]


def rbac_manifests(*, namespace: str, service_account: str) -> list[dict[str, Any]]:
    """Return what gives a service account the rights of an engine, and no others.

    Args:
        namespace: Namespace of the service account; it is made, too.
        service_account: Its name, also that of the role and of the policy.
    """
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": service_account, "namespace": namespace},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": service_account},
            "rules": list(_rules()),
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": service_account},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": service_account,
            },
            "subjects": [
                {"kind": "ServiceAccount", "name": service_account, "namespace": namespace}
            ],
        },
        *_confinement(f"system:serviceaccount:{namespace}:{service_account}", service_account),
    ]


def _rules() -> Iterator[Mapping[str, Any]]:
    """Put resources of one group that need the same verbs into one rule."""
    verbs: dict[Resource, set[str]] = {}
    for resource, words in (*NEEDED, *BROUGHT):
        verbs.setdefault(resource, set()).update(words.split())
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for resource, needed in verbs.items():
        alike.setdefault((resource.group, tuple(sorted(needed))), []).append(resource.plural)
    for (group, needed_), plurals in alike.items():
        yield {"apiGroups": [group], "resources": sorted(plurals), "verbs": list(needed_)}


def _confinement(user: str, name: str) -> list[dict[str, Any]]:
    """Return the admission policy that keeps changes inside the namespaces of stores.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
    """
    labelled = (
        "has(namespaceObject.metadata.labels) && "
        f"'{LABEL_STORE_ID}' in namespaceObject.metadata.labels"
    )
    inside = (
        "namespaceObject != null && "
        f"namespaceObject.metadata.name.startsWith('{NAMESPACE_PREFIX}') && {labelled}"
    )
    of_a_store = f"request.name.startsWith('{NAMESPACE_PREFIX}')"
    expression = (
        "request.resource.group == 'authorization.k8s.io' || "
        f"(request.resource.resource == 'namespaces' ? {of_a_store} : ({inside}))"
    )
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": ["*"],
                            "apiVersions": ["*"],
                            "operations": _WRITES,
                            "resources": ["*/*"],
                        }
                    ]
                },
                "matchConditions": [
                    {"name": "engine", "expression": f"request.userInfo.username == '{user}'"}
                ],
                "validations": [
                    {
                        "expression": expression,
                        "message": "storeorch may change only what belongs to a store.",
                    }
                ],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]
