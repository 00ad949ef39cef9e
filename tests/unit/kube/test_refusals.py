"""Sentences of the cluster here are verbatim those of Kubernetes 1.37."""

from __future__ import annotations

import pytest

from storeorch.kube.refusals import REASONS, refused_pods

QUOTA = (
    'Error creating: pods "wordpress-6c7d9d5c9b-8xk2p" is forbidden: exceeded quota: store-quota, '
    "requested: limits.cpu=5,requests.cpu=5, used: limits.cpu=0,requests.cpu=0, "
    "limited: limits.cpu=4,requests.cpu=2"
)


PASSING = {"FailedCreate", "QuotaUncounted", "ServiceAccountMissing"}


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        (
            QUOTA,
            "QuotaExceeded",
            (
                "ResourceQuota store-quota refuses the pods of shop: limits.cpu: 5 requested, "
                "4 allowed; requests.cpu: 5 requested, 2 allowed."
            ),
        ),
        (
            f"(combined from similar events): {QUOTA}",
            "QuotaExceeded",
            (
                "ResourceQuota store-quota refuses the pods of shop: limits.cpu: 5 requested, "
                "4 allowed; requests.cpu: 5 requested, 2 allowed."
            ),
        ),
        (
            (
                "create Pod mysql-0 in StatefulSet mysql failed error: "
                'pods "mysql-0" is forbidden: exceeded quota: store-quota, requested: '
                "limits.memory=1Gi, used: limits.memory=7936Mi, limited: limits.memory=8Gi"
            ),
            "QuotaExceeded",
            (
                "ResourceQuota store-quota refuses the pods of shop: limits.memory: 1Gi requested, "
                "7936Mi in use, 8Gi allowed."
            ),
        ),
        (
            (
                "create Claim data-mysql-0 for Pod mysql-0 in StatefulSet mysql failed error: "
                'persistentvolumeclaims "data-mysql-0" is forbidden: exceeded quota: store-quota, '
                "requested: persistentvolumeclaims=1, used: persistentvolumeclaims=3, "
                "limited: persistentvolumeclaims=3"
            ),
            "QuotaExceeded",
            (
                "ResourceQuota store-quota refuses the pods of shop: persistentvolumeclaims: "
                "1 requested, 3 in use, 3 allowed."
            ),
        ),
        (
            (
                'Error creating: pods "shop-x" is forbidden: failed quota: store-quota: must '
                "specify limits.cpu for: shop; limits.memory for: shop,wait; requests.cpu for: shop"
            ),
            "ResourcesMissing",
            (
                "ResourceQuota store-quota refuses the pods of shop: a container has no requests "
                "or limits (limits.cpu, limits.memory, requests.cpu)."
            ),
        ),
        (
            (
                'Error creating: pods "shop-x" is forbidden: maximum cpu usage per Container is 1, '
                "but limit is 5"
            ),
            "LimitRangeViolated",
            (
                "A LimitRange refuses the pods of shop: the maximum of cpu per Container is 1, "
                "5 requested."
            ),
        ),
        (
            (
                'pods "shop-x" is forbidden: [minimum memory usage per Pod is 64Mi, but request is '
                "1Mi, maximum memory usage per Pod is 1Gi.  No limit is specified]"
            ),
            "LimitRangeViolated",
            (
                "A LimitRange refuses the pods of shop: the minimum of memory per Pod is 64Mi, "
                "1Mi requested."
            ),
        ),
        (
            (
                'pods "shop-x" is forbidden: cpu max limit to request ratio per Container is 2, '
                "but provided ratio is 5.000000"
            ),
            "LimitRangeViolated",
            "A LimitRange refuses the pods of shop: the limit of cpu is too far above its request.",
        ),
        (
            (
                'Error creating: pods "shop-x" is forbidden: violates PodSecurity '
                '"restricted:latest": allowPrivilegeEscalation != false (…)'
            ),
            "PodSecurityViolated",
            "The namespace's pod security level restricted refuses the pods of shop.",
        ),
        (
            (
                'Error creating: pods "shop-x" is forbidden: error looking up service account '
                'store-a/default: serviceaccount "default" not found'
            ),
            "ServiceAccountMissing",
            "The pods of shop wait for the service account default.",
        ),
        (
            'Error creating: admission webhook "policy.example.com" denied the request: no',
            "AdmissionRefused",
            "An admission rule of the cluster refuses the pods of shop.",
        ),
        (
            (
                'create Pod shop-0 in StatefulSet shop failed error: pods "shop-0" is forbidden: '
                "status unknown for quota: store-quota, resources: limits.cpu,requests.cpu"
            ),
            "QuotaUncounted",
            "The pods of shop wait until ResourceQuota store-quota has been counted.",
        ),
        (
            (
                'Error creating: Operation cannot be fulfilled on resourcequotas "store-quota": '
                "the object has been modified; please apply your changes to the latest version"
            ),
            "QuotaUncounted",
            "The pods of shop wait until ResourceQuota store-quota has been counted.",
        ),
        (
            'Error creating: Pod "shop-x" is invalid: spec.containers[0].image: Required value',
            "PodsInvalid",
            "The cluster does not accept the pods of shop.",
        ),
        (
            "Error creating: Internal error occurred",
            "FailedCreate",
            "The cluster cannot create the pods of shop.",
        ),
        ("", "FailedCreate", "The cluster cannot create the pods of shop."),
    ],
)
def test_refusals(text: str, reason: str, message: str) -> None:
    problem = refused_pods(text, "shop")

    assert (problem.reason, problem.message) == (reason, message)
    assert problem.reason in REASONS
    assert problem.hint
    assert problem.fatal is (reason not in PASSING)


@pytest.mark.parametrize(
    "text",
    [
        "exceeded quota: store-quota, requested: canary=1, used: canary=1, limited: canary=<b>1",
        "exceeded quota: CANARY!, requested: limits.cpu=5, used: x=1, limited: limits.cpu=4",
        "exceeded quota: q, requested: limits.cpu=canary, used: x=1, limited: limits.cpu=4",
        'admission webhook "canary" denied the request: canary',
        'violates PodSecurity "canary:latest": canary',
        "maximum canary! usage per canary is 1, but limit is 5",
        "failed quota: q: must specify canary for: canary",
        "status unknown for quota: CANARY!, resources: canary",
        'Pod "canary" is invalid: canary',
        "error looking up service account canary/cana/../ry: canary",
    ],
)
def test_foreign_text_is_never_repeated(text: str) -> None:
    problem = refused_pods(text, "shop")

    assert "canary" not in f"{problem.message} {problem.hint}".lower()
