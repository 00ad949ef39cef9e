"""What a rendered chart may bring into a cluster that it shares with other stores.

Pure: it reads manifests and refuses those that reach beyond the store's own
namespace. Everything that is not known to stay inside is refused, so a kind that is
new to Kubernetes is refused, too; an operator may allow more by name.

This module must not start Helm, nor know how a chart is rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from storeorch.errors import ChartRefused
from storeorch.ports import Manifest

CONFINED_KINDS: Final = frozenset(
    {
        "ConfigMap",
        "CronJob",
        "Deployment",
        "HTTPRoute",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "PersistentVolumeClaim",
        "Pod",
        "PodDisruptionBudget",
        "ReplicaSet",
        "Secret",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    }
)
"""Kinds whose objects live in a namespace and reach nothing outside it by themselves.

NetworkPolicy is not among them: policies add up, and one of a chart's own would open
what the store's guardrails have closed.
"""

LIBERTIES: Final = frozenset(
    {
        "external-ips",
        "foreign-hosts",
        "host-namespaces",
        "host-path",
        "host-ports",
        "load-balancer",
        "node-port",
        "privileged",
        "service-account-token",
    }
)
"""What an operator may allow charts beside further kinds."""

_HOST_NAMESPACES: Final = ("hostNetwork", "hostPID", "hostIPC")
_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")
_HARMLESS_CAPABILITIES: Final = frozenset({"NET_BIND_SERVICE"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a chart may not bring.

    Attributes:
        what: In words, to follow "it has".
        liberty: What an operator would have to allow.
    """

    what: str
    liberty: str


@dataclass(frozen=True, slots=True)
class ChartPolicy:
    """Says whether a chart may be installed.

    Attributes:
        allowed: Kinds beside the ``CONFINED_KINDS``, and ``LIBERTIES``.
    """

    allowed: frozenset[str] = frozenset()

    def check(self, manifests: Iterable[Any], *, namespace: str, host: str) -> None:
        """Refuse what reaches beyond the store.

        Args:
            manifests: All that the chart renders, hooks and definitions included.
            namespace: The store's namespace.
            host: The store's host; no other may be claimed.

        Raises:
            ChartRefused: The sentence names the object and what is wrong with it.
        """
        for manifest in _objects(manifests):
            for finding in _findings(manifest, namespace, host):
                if finding.liberty not in self.allowed:
                    raise ChartRefused(
                        f"The chart may not be installed: {_named(manifest)} has {finding.what}.",
                        hint=(
                            "Change the chart, or let an operator allow it with "
                            f"STOREORCH_CHART_ALLOW={finding.liberty}"
                        ),
                    )


def _objects(manifests: Iterable[Any]) -> Iterator[Manifest]:
    for manifest in manifests:
        if not isinstance(manifest, Mapping):
            continue
        if manifest.get("kind") == "List":
            yield from _objects(manifest.get("items") or ())
        else:
            yield manifest


def _named(manifest: Manifest) -> str:
    """Name an object for users; what is no proper name is left out."""
    kind, name = str(manifest.get("kind")), str(_metadata(manifest).get("name"))
    words = [word for word in (kind, name) if word.replace("-", "").replace(".", "").isalnum()]
    return " ".join(word[:63] for word in words) or "an object"


def _metadata(manifest: Manifest) -> Mapping[str, Any]:
    return _mapping(manifest.get("metadata"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, Mapping))


def _findings(manifest: Manifest, namespace: str, host: str) -> Iterator[Finding]:
    kind = str(manifest.get("kind"))
    if kind not in CONFINED_KINDS:
        # Only what is a word can be allowed, or shown.
        word = kind if kind.isalnum() else "Unknown"
        yield Finding("a kind that charts of stores may not bring", word)
    if _metadata(manifest).get("namespace") not in (None, "", namespace):
        yield Finding("another namespace than the store's", "other-namespaces")
    spec = _mapping(manifest.get("spec"))
    match kind:
        case "Service":
            yield from _in_service(spec)
        case "Ingress":
            yield from _in_ingress(spec, host)
        case "HTTPRoute" if set(spec.get("hostnames") or ()) != {host}:
            yield Finding("a host that is not the store's", "foreign-hosts")
        case "ServiceAccount" if manifest.get("automountServiceAccountToken") is not False:
            yield Finding("no automountServiceAccountToken: false", "service-account-token")
        case _ if (pod := _pod_spec(kind, spec)) is not None:
            yield from _in_pod(pod)
        case _:
            pass


def _pod_spec(kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a kind says of its pods; None for one that has none."""
    if kind == "Pod":
        return spec
    if kind == "CronJob":
        spec = _mapping(_mapping(spec.get("jobTemplate")).get("spec"))
    return _mapping(_mapping(spec["template"]).get("spec")) if "template" in spec else None


def _in_service(spec: Mapping[str, Any]) -> Iterator[Finding]:
    match spec.get("type"):
        case "NodePort":
            yield Finding("the type NodePort", "node-port")
        case "LoadBalancer":
            yield Finding("the type LoadBalancer", "load-balancer")
        case "ExternalName":
            yield Finding("the type ExternalName", "foreign-hosts")
        case _:
            pass
    if spec.get("externalIPs"):
        yield Finding("external addresses", "external-ips")


def _in_ingress(spec: Mapping[str, Any], host: str) -> Iterator[Finding]:
    hosts = {rule.get("host") for rule in _mappings(spec.get("rules"))}
    for entry in _mappings(spec.get("tls")):
        hosts.update(entry.get("hosts") or ())
    if hosts != {host} or spec.get("defaultBackend"):
        yield Finding("a host that is not the store's", "foreign-hosts")


def _in_pod(spec: Mapping[str, Any]) -> Iterator[Finding]:
    if any(spec.get(name) for name in _HOST_NAMESPACES):
        yield Finding("pods in a namespace of the node", "host-namespaces")
    if spec.get("automountServiceAccountToken") is not False:
        yield Finding("pods without automountServiceAccountToken: false", "service-account-token")
    for volume in _mappings(spec.get("volumes")):
        if "hostPath" in volume:
            yield Finding("pods with a hostPath volume", "host-path")
        for source in _mappings(_mapping(volume.get("projected")).get("sources")):
            if "serviceAccountToken" in source:
                yield Finding("pods with a service account token", "service-account-token")
    for group in _CONTAINERS:
        for container in _mappings(spec.get(group)):
            yield from _in_container(container)


def _in_container(container: Mapping[str, Any]) -> Iterator[Finding]:
    security = _mapping(container.get("securityContext"))
    added = set(_mapping(security.get("capabilities")).get("add") or ())
    if security.get("privileged") or added - _HARMLESS_CAPABILITIES:
        yield Finding("a privileged container", "privileged")
    if any(port.get("hostPort") for port in _mappings(container.get("ports"))):
        yield Finding("a container with a port of the node", "host-ports")
