from __future__ import annotations

from storeorch.kube.access import BROUGHT, NEEDED
from storeorch.kube.rbac import rbac_manifests

MADE = {m["kind"]: m for m in rbac_manifests(namespace="platform", service_account="engine")}


def test_every_right_that_is_asked_for_is_given_and_no_other() -> None:
    given = {
        (group, plural, verb)
        for rule in MADE["ClusterRole"]["rules"]
        for group in rule["apiGroups"]
        for plural in rule["resources"]
        for verb in rule["verbs"]
    }
    asked = {
        (resource.group, resource.plural, verb)
        for resource, verbs in (*NEEDED, *BROUGHT)
        for verb in verbs.split()
    }
    assert given == asked
    assert not any("*" in right for right in given)
    assert not any(plural.startswith("role") for _, plural, _ in given)


def test_the_role_is_that_of_the_service_account() -> None:
    assert MADE["ServiceAccount"]["metadata"] == {"name": "engine", "namespace": "platform"}
    (subject,) = MADE["ClusterRoleBinding"]["subjects"]
    assert (subject["namespace"], subject["name"]) == ("platform", "engine")
    assert MADE["ClusterRoleBinding"]["roleRef"]["name"] == "engine"


def test_the_policy_confines_this_service_account_alone() -> None:
    spec = MADE["ValidatingAdmissionPolicy"]["spec"]
    (condition,) = spec["matchConditions"]
    assert "'system:serviceaccount:platform:engine'" in condition["expression"]
    assert spec["failurePolicy"] == "Fail"
    binding = MADE["ValidatingAdmissionPolicyBinding"]["spec"]
    assert (binding["policyName"], binding["validationActions"]) == ("engine", ["Deny"])
