"""Ask the cluster whether it permits what storeorch and Helm do, before they do it.

It must not know what a missing right is said to users like.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from storeorch.kube.connection import Connection, together
from storeorch.kube.resources import (
    ACCESS_REVIEWS,
    AUTOSCALERS,
    CLAIMS,
    CONFIG_MAPS,
    CRON_JOBS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    EVENTS,
    HTTP_ROUTES,
    INGRESSES,
    JOBS,
    LIMIT_RANGES,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    POD_LOGS,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STATEFUL_SETS,
    Call,
    Resource,
    Verb,
)

_WATCH: Final = "get list watch"
_WRITE: Final = "create patch delete"

NEEDED: Final[tuple[tuple[Resource, str], ...]] = (
    (NAMESPACES, "get list watch create patch delete"),
    (SECRETS, "get list watch create update patch delete"),
    (LIMIT_RANGES, "get list watch create patch"),
    (RESOURCE_QUOTAS, "get list watch create patch"),
    (NETWORK_POLICIES, "get list watch create patch"),
    (DEPLOYMENTS, f"{_WATCH} {_WRITE}"),
    (STATEFUL_SETS, f"{_WATCH} {_WRITE}"),
    (JOBS, f"{_WATCH} {_WRITE}"),
    (PODS, _WATCH),
    (NODES, "list"),
    (EVENTS, "list watch"),
    (SERVICES, f"{_WATCH} {_WRITE}"),
    (CLAIMS, f"{_WATCH} {_WRITE}"),
    (SERVICE_ACCOUNTS, f"{_WATCH} {_WRITE}"),
    (CONFIG_MAPS, f"{_WATCH} {_WRITE}"),
    (INGRESSES, f"{_WATCH} {_WRITE}"),
)
"""What storeorch itself does, and what Helm needs to install a store's chart."""

BROUGHT: Final[tuple[tuple[Resource, str], ...]] = (
    (POD_LOGS, "get"),
    (SERVICE_ACCOUNTS, f"{_WATCH} {_WRITE}"),
    (REPLICA_SETS, f"{_WATCH} {_WRITE}"),
    (CRON_JOBS, f"{_WATCH} {_WRITE}"),
    (AUTOSCALERS, f"{_WATCH} {_WRITE}"),
    (DISRUPTION_BUDGETS, f"{_WATCH} {_WRITE}"),
    (HTTP_ROUTES, f"{_WATCH} {_WRITE}"),
)
"""What showing logs needs, and Helm for other things that charts may bring: part of an engine's
role, and missed by nobody whose charts have none of them."""


def _rights() -> Iterator[tuple[Resource, str]]:
    for resource, verbs in NEEDED:
        for verb in verbs.split():
            yield resource, verb


async def missing_rights(connection: Connection) -> list[str]:
    """Return the rights that the cluster does not give, such as ``create namespaces``.

    Raises:
        ClusterUnavailable: The cluster did not answer.
        PermissionMissing: It does not even accept the credentials.
    """
    rights = list(_rights())
    permitted = await together(_permitted(connection, *right) for right in rights)
    return [
        f"{verb} {resource.plural}"
        for (resource, verb), given in zip(rights, permitted, strict=True)
        if not given
    ]


async def _permitted(connection: Connection, resource: Resource, verb: str) -> bool:
    attributes = {"group": resource.group, "resource": resource.plural, "verb": verb}
    body = {
        "apiVersion": ACCESS_REVIEWS.api_version,
        "kind": ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": attributes},
    }
    answer = await connection.request(Call(Verb.CREATE, ACCESS_REVIEWS, body=body))
    return bool((answer.get("status") or {}).get("allowed"))
