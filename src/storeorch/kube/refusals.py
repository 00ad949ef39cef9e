"""Why the cluster refuses to create pods, said in our own words.

Pure. Text of the cluster is matched and never repeated: what is taken over from
it are names and quantities that fit a strict pattern, so nothing that a cluster
or an admission rule writes can reach a message for users.
"""

from __future__ import annotations

import re
from typing import Final

from storeorch.ports import Problem

NAME: Final = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
"""Pattern of an object's name."""

RESOURCE: Final = r"(?:[a-z0-9.-]{1,100}/)?[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?"
"""Pattern of a resource that is counted, such as ``limits.cpu``."""

_QUANTITY: Final = r"[0-9][0-9.]{0,20}(?:[EPTGMKk]i?|[munEe][0-9]{0,3})?"
_PAIR: Final = re.compile(rf"({RESOURCE})=({_QUANTITY})(?:,|$)")

_QUOTA: Final = re.compile(
    rf"exceeded quota: ({NAME}), requested: (\S+), used: (\S+), limited: (\S+)"
)
_QUOTA_NEEDS: Final = re.compile(rf"failed quota: ({NAME}): must specify (.{{1,600}})", re.DOTALL)
_MUST_SPECIFY: Final = re.compile(rf"\b(?:requests|limits)\.{RESOURCE}")
_QUOTA_UNCOUNTED: Final = re.compile(
    rf"(?:status unknown for quota: |cannot be fulfilled on resourcequotas \")({NAME})"
)
_LIMIT: Final = re.compile(
    rf"(minimum|maximum) ({RESOURCE}) usage per (Container|Pod|PersistentVolumeClaim)"
    rf" is ({_QUANTITY})(?:, but (?:limit|request) is ({_QUANTITY}))?"
)
_RATIO: Final = re.compile(rf"({RESOURCE}) max limit to request ratio per (?:Container|Pod)")
_POD_SECURITY: Final = re.compile(
    r"violates PodSecurity \"(restricted|baseline|privileged)(?::|\")"
)
_NO_ACCOUNT: Final = re.compile(rf"error looking up service account [^ ]*?/({NAME}): ")
_ADMISSION: Final = re.compile(r"admission webhook|ValidatingAdmissionPolicy")
_INVALID: Final = re.compile(r"(?:Pod|PersistentVolumeClaim) \S+ is invalid: ")

REASONS: Final = frozenset(
    {
        "QuotaExceeded",
        "QuotaUncounted",
        "ResourcesMissing",
        "LimitRangeViolated",
        "PodSecurityViolated",
        "AdmissionRefused",
        "ServiceAccountMissing",
        "PodsInvalid",
        "FailedCreate",
    }
)
"""Reasons of all problems made here; they are over once the pods exist."""


def refused_pods(text: str, subject: str) -> Problem:
    """Explain why a controller could not create pods, or claims for them.

    Controllers try again and again. So only what no later attempt can change is fatal;
    what is not known here may be a moment's weakness of the cluster.

    Args:
        text: What the event or condition ``FailedCreate`` says.
        subject: Name of the workload.
    """
    return (
        _by_quota(text, subject)
        or _by_limit_range(text, subject)
        or _by_policy(text, subject)
        or _by_the_cluster(text, subject)
    )


def _by_quota(text: str, subject: str) -> Problem | None:
    if match := _QUOTA.search(text):
        requested, used, limited = (dict(_PAIR.findall(part)) for part in match.group(2, 3, 4))
        parts = []
        for resource, amount in requested.items():
            if resource in limited:
                in_use = used.get(resource, "0")
                others = f", {in_use} in use" if in_use != "0" else ""
                parts.append(f"{resource}: {amount} requested{others}, {limited[resource]} allowed")
        detail = f": {'; '.join(parts)}" if parts else ""
        return Problem(
            reason="QuotaExceeded",
            message=f"ResourceQuota {match[1]} refuses the pods of {subject}{detail}.",
            hint="Ask for less, or raise the quota, then retry the store.",
            fatal=True,
        )
    if match := _QUOTA_NEEDS.search(text):
        wanted = ", ".join(sorted(set(_MUST_SPECIFY.findall(match[2]))))
        detail = f" ({wanted})" if wanted else ""
        return Problem(
            reason="ResourcesMissing",
            message=f"ResourceQuota {match[1]} refuses the pods of {subject}: "
            f"a container has no requests or limits{detail}.",
            hint="Give every container of the chart resources, "
            "or the namespace a LimitRange with defaults.",
            fatal=True,
        )
    if match := _QUOTA_UNCOUNTED.search(text):
        # Its controller and who creates pods count in the same object, and one has to give way.
        return Problem(
            reason="QuotaUncounted",
            message=f"The pods of {subject} wait until ResourceQuota {match[1]} has been counted.",
            hint="The cluster counts it by itself.",
            fatal=False,
        )
    return None


def _by_limit_range(text: str, subject: str) -> Problem | None:
    if match := _LIMIT.search(text):
        bound, resource, per, allowed, asked = match.groups()
        got = f", {asked} requested" if asked else ""
        detail = f"the {bound} of {resource} per {per} is {allowed}{got}"
    elif match := _RATIO.search(text):
        detail = f"the limit of {match[1]} is too far above its request"
    else:
        return None
    return Problem(
        reason="LimitRangeViolated",
        message=f"A LimitRange refuses the pods of {subject}: {detail}.",
        hint="Change the resources that the store asks for, or the LimitRange.",
        fatal=True,
    )


def _by_policy(text: str, subject: str) -> Problem | None:
    if match := _POD_SECURITY.search(text):
        return Problem(
            reason="PodSecurityViolated",
            message=f"The namespace's pod security level {match[1]} refuses the pods of {subject}.",
            hint="Give the chart's containers a security context that the level permits.",
            fatal=True,
        )
    if match := _NO_ACCOUNT.search(text):
        # The default account appears moments after the namespace, so this passes by itself.
        return Problem(
            reason="ServiceAccountMissing",
            message=f"The pods of {subject} wait for the service account {match[1]}.",
            hint="The cluster creates default accounts by itself; others belong to the chart.",
            fatal=False,
        )
    if _ADMISSION.search(text):
        return Problem(
            reason="AdmissionRefused",
            message=f"An admission rule of the cluster refuses the pods of {subject}.",
            hint="See which one with kubectl describe in the store's namespace.",
            fatal=True,
        )
    return None


def _by_the_cluster(text: str, subject: str) -> Problem:
    if _INVALID.search(text):
        return Problem(
            reason="PodsInvalid",
            message=f"The cluster does not accept the pods of {subject}.",
            hint="The chart needs mending: see why with kubectl describe in the store's namespace.",
            fatal=True,
        )
    return Problem(
        reason="FailedCreate",
        message=f"The cluster cannot create the pods of {subject}.",
        hint="It tries again by itself; see why with kubectl describe in the store's namespace.",
        fatal=False,
    )
