"""The Pod Security Standard "restricted", as far as a chart can break it.

The rules and their names are those of
https://kubernetes.io/docs/concepts/security/pod-security-standards/ ("Baseline" is contained in
"Restricted").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
VOLUME_TYPES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
SECCOMP_TYPES = frozenset({"RuntimeDefault", "Localhost"})


def violations(spec: dict[str, Any]) -> list[str]:
    """What a pod's specification does that "restricted" forbids; empty if nothing."""
    return [*_of_pod(spec), *(v for c in _containers(spec) for v in _of_container(spec, c))]


def _containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *spec.get("initContainers", []),
        *spec.get("containers", []),
        *spec.get("ephemeralContainers", []),
    ]


def _of_pod(spec: dict[str, Any]) -> Iterator[str]:
    for name in HOST_NAMESPACES:
        if spec.get(name):
            yield f"Host Namespaces: {name}"
    for volume in spec.get("volumes", []):
        for kind in volume.keys() - {"name"} - VOLUME_TYPES:
            yield f"Volume Types: {kind}"
    context = spec.get("securityContext", {})
    if context.get("runAsUser") == 0:
        yield "Running as Non-root user: pod"
    for sysctl in context.get("sysctls", []):
        if sysctl["name"] not in SAFE_SYSCTLS:
            yield f"Sysctls: {sysctl['name']}"


def _of_container(spec: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    name = container["name"]
    pod = spec.get("securityContext", {})
    context = container.get("securityContext", {})
    capabilities = context.get("capabilities", {})
    if context.get("privileged"):
        yield f"Privileged Containers: {name}"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"Privilege Escalation: {name}"
    if context.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"Running as Non-root: {name}"
    if context.get("runAsUser") == 0:
        yield f"Running as Non-root user: {name}"
    seccomp = context.get("seccompProfile", pod.get("seccompProfile", {}))
    if seccomp.get("type") not in SECCOMP_TYPES:
        yield f"Seccomp: {name}"
    if "ALL" not in capabilities.get("drop", []):
        yield f"Capabilities: {name} keeps some"
    for added in set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"Capabilities: {name} adds {added}"
    if context.get("procMount", "Default") != "Default":
        yield f"/proc Mount Type: {name}"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"Host Ports: {name}"
