"""Where things live in the Kubernetes API, and the calls that are made there.

Pure: builds paths and names calls, so that an error can say what was asked for
without looking at the answer. It must not know how a call is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlencode

from storeorch.names import LABEL_MANAGED_BY, LABEL_STORE_ID, MANAGED_BY

Json = Mapping[str, Any]
"""An object of the Kubernetes API, as parsed and never changed."""

METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_ONLY_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Accept headers that keep everything but the metadata in the cluster.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
"""

FIELD_MANAGER: Final = "storeorch"
"""Under this name the cluster notes what storeorch has written."""

MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object and where the API serves it.

    Attributes:
        group: API group; empty for the core group.
        version: API version.
        plural: Name in paths and in rules of RBAC; a subresource after a slash.
        kind: Name in objects.
        namespaced: Whether its objects live in namespaces.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None) -> str:
        """Return the path of a collection, or of one object if a name is given."""
        root = f"/apis/{self.group}" if self.group else "/api"
        parts = [root, self.version]
        if namespace is not None and self.namespaced:
            parts += ["namespaces", quote(namespace, safe="")]
        plural, _, subresource = self.plural.partition("/")
        parts.append(plural)
        if name is not None:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
PODS: Final = Resource("", "v1", "pods", "Pod")
EVENTS: Final = Resource("", "v1", "events", "Event")
POD_LOGS: Final = Resource("", "v1", "pods/log", "Pod")
LIMIT_RANGES: Final = Resource("", "v1", "limitranges", "LimitRange")
RESOURCE_QUOTAS: Final = Resource("", "v1", "resourcequotas", "ResourceQuota")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
SERVICES: Final = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", "StatefulSet")
JOBS: Final = Resource("batch", "v1", "jobs", "Job")
CRON_JOBS: Final = Resource("batch", "v1", "cronjobs", "CronJob")
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", "ReplicaSet")
AUTOSCALERS: Final = Resource(
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"
)
DISRUPTION_BUDGETS: Final = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
HTTP_ROUTES: Final = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
NETWORK_POLICIES: Final = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
INGRESSES: Final = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io",
    "v1",
    "selfsubjectaccessreviews",
    "SelfSubjectAccessReview",
    namespaced=False,
)

WORKLOADS: Final[Mapping[str, Resource]] = {r.kind: r for r in (DEPLOYMENTS, STATEFUL_SETS, JOBS)}
"""The kinds whose readiness counts, by kind."""

KNOWN: Final[Mapping[tuple[str, str], Resource]] = {
    (r.api_version, r.kind): r
    for r in (
        *WORKLOADS.values(),
        NAMESPACES,
        SECRETS,
        PODS,
        LIMIT_RANGES,
        RESOURCE_QUOTAS,
        CONFIG_MAPS,
        SERVICES,
        SERVICE_ACCOUNTS,
        CLAIMS,
        NETWORK_POLICIES,
        INGRESSES,
        HTTP_ROUTES,
    )
}
"""Resources that need no discovery, by ``apiVersion`` and kind."""


OURS: Final = {"labelSelector": f"{LABEL_MANAGED_BY}={MANAGED_BY}"}
"""Selects what storeorch itself creates."""

OF_STORES: Final = {"labelSelector": LABEL_STORE_ID}
"""Selects what belongs to a store, whoever creates it; pods among it."""

OF_HELM: Final = {"labelSelector": f"{LABEL_MANAGED_BY}=Helm"}
"""Selects what Helm creates: it labels all of it by itself."""

OF_STORES_RELEASES: Final = {"labelSelector": f"{LABEL_MANAGED_BY} in (Helm,{MANAGED_BY})"}
"""Selects what Helm and storeorch itself create."""

HELM_SECRETS: Final = {"labelSelector": "owner=helm"}
"""Selects the Secrets in which Helm keeps its releases."""

WARNINGS: Final = {"fieldSelector": "type=Warning"}
"""Selects events that warn."""


class Verb(StrEnum):
    """What is done, in the words of RBAC."""

    GET = "get"
    LIST = "list"
    WATCH = "watch"
    CREATE = "create"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"


_METHODS: Final = {
    Verb.GET: "GET",
    Verb.LIST: "GET",
    Verb.WATCH: "GET",
    Verb.CREATE: "POST",
    Verb.UPDATE: "PUT",
    Verb.PATCH: "PATCH",
    Verb.DELETE: "DELETE",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API, before it is sent.

    Attributes:
        verb: What is done.
        resource: To which kind.
        name: Name of the object; None for a collection.
        namespace: Its namespace; None for all, or where there is none.
        params: Query parameters.
        body: What is sent, as plain data.
        content_type: Media type of the body.
        accept: Media type of the answer.
    """

    verb: Verb
    resource: Resource
    name: str | None = None
    namespace: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None
    content_type: str = "application/json"
    accept: str = "application/json"

    @property
    def method(self) -> str:
        """The HTTP method."""
        return _METHODS[self.verb]

    @property
    def target(self) -> str:
        """Path and query below the server's address."""
        path = self.resource.path(self.namespace, self.name)
        return f"{path}?{urlencode(self.params)}" if self.params else path

    @property
    def right(self) -> str:
        """The right that the call needs, in words: ``create namespaces``."""
        return f"{self.verb.value} {self.resource.plural}"
