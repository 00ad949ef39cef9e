"""Say in our own words why Helm failed.

The patterns were taken from what Helm 3.22 and 4.3 write; where they differ in
letter case both match. Nothing of Helm's text reaches a message, except the
verb and the resource of a missing right, which can only be plain words.

This module must not start Helm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyhelm3.errors

from storeorch.errors import (
    ClusterUnavailable,
    HelmMissing,
    PermissionMissing,
    ReleaseFailed,
    ReleaseInterrupted,
    StoreorchError,
)
from storeorch.helm.command import HelmTimedOut
from storeorch.redaction import MASK

_LOG = "The operator's log has Helm's answer under the error id."
_CHART_DEFECT = f"The chart needs mending. {_LOG}"
_SHORTEST_SECRET: Final = 4
_SECRET_KEY: Final = re.compile(
    r"passw|secret|token|credential|private|api_?key|salt", re.IGNORECASE
)

NOT_FOUND: Final = re.compile(r"release: not found", re.IGNORECASE)
NAMESPACE_GOING: Final = re.compile(
    r"because it is being terminated|namespaces? \S+ not found", re.IGNORECASE
)

_FORBIDDEN: Final = re.compile(
    r"cannot (?P<verb>get|list|watch|create|update|patch|delete|deletecollection|escalate|bind)"
    r' resource "(?P<resource>[a-z0-9.-]{1,63})"'
)


@dataclass(frozen=True, slots=True)
class _Cause:
    """What Helm writes, and what it amounts to."""

    pattern: str
    kind: type[StoreorchError]
    message: str | None = None
    hint: str | None = None

    def explains(self, said: str) -> bool:
        return re.search(self.pattern, said, re.IGNORECASE) is not None


# In this order: the first that matches is the one nearest to what a person can do.
_CAUSES: Final = (
    _Cause(
        NAMESPACE_GOING.pattern,
        ReleaseInterrupted,
        "The store's namespace is being removed or is gone.",
        "It is created anew as soon as the removal is complete.",
    ),
    _Cause(
        r"exceeded quota|(maximum|minimum) \w+ usage per",
        ReleaseFailed,
        "The release asks for more than the limits of the store's namespace allow.",
        f"Ask for less, or have the limits raised. {_LOG}",
    ),
    _Cause(
        r"status unknown for quota|quota evaluation timed out|be fulfilled on resourcequotas",
        ReleaseInterrupted,
        "The cluster has not counted the quota of the store's namespace yet.",
    ),
    _Cause(
        r"failed calling webhook",
        ReleaseInterrupted,
        "An admission webhook of the cluster does not answer.",
    ),
    _Cause(
        r"Internal error occurred|could not be completed at this time",
        ReleaseInterrupted,
        "The cluster had an error of its own.",
        "Look at the health of the cluster's API server.",
    ),
    _Cause(
        r'context "[^"]*" does not exist|unreachable: stat \S+: no such file',
        ClusterUnavailable,
        "The kubeconfig or its context does not exist.",
    ),
    _Cause(
        r"provide credentials|\bunauthorized\b",
        PermissionMissing,
        "The cluster does not accept the credentials of the kubeconfig.",
        "Renew the credentials of the context in KUBECONFIG.",
    ),
    _Cause(
        r"x509:|failed to verify certificate",
        ClusterUnavailable,
        "The certificate of the cluster cannot be verified.",
        "Check the certificate authority in KUBECONFIG.",
    ),
    _Cause(
        r"cluster unreachable|etcdserver:|connection (refused|reset|timed out)|dial tcp"
        r"|no route to host|network is unreachable|TLS handshake timeout|i/o timeout"
        r"|client connection lost|too many requests|currently unable to handle the request"
        r"|unexpected EOF|: EOF\b|server is shutting down",
        ClusterUnavailable,
    ),
    _Cause(
        r"meet the specifications of the schema",
        ReleaseFailed,
        "The values do not fit the chart's schema.",
        f"Change the parameters of the store. {_LOG}",
    ),
    _Cause(
        r"invalid ownership metadata|resource that already exists",
        ReleaseFailed,
        "The namespace holds an object that the chart creates, and it is not the release's.",
        f"Remove or rename that object. {_LOG}",
    ),
    _Cause(
        r"execution error at|parse error at|YAML parse error|failed to render|render error"
        r"|\bexecuting \"|error converting YAML|template: ",
        ReleaseFailed,
        "The chart cannot be rendered with these values.",
        _CHART_DEFECT,
    ),
    _Cause(
        r"Chart\.yaml|path \"[^\"]*\" not found|chart metadata|chart not found"
        r"|cannot load chart|unable to detect chart|dependencies: |missing in charts/",
        ReleaseFailed,
        "The chart of the store type is missing or damaged.",
        "Install the plugin that brings the store type anew.",
    ),
    _Cause(
        r"no matches for kind|ensure CRDs are installed|could not find the requested resource",
        ReleaseFailed,
        "The chart uses a kind of object that the cluster does not know.",
        f"Install what brings that kind into the cluster. {_LOG}",
    ),
    _Cause(
        r"admission webhook .*denied|violates PodSecurity|ValidatingAdmissionPolicy",
        ReleaseFailed,
        "A policy of the cluster does not allow what the chart creates.",
        _CHART_DEFECT,
    ),
    _Cause(
        r"another operation \(|object has been modified|release: already exists"
        r"|name that is still in use|has no deployed releases|context canceled",
        ReleaseInterrupted,
        "The release was changed by somebody else meanwhile.",
    ),
    _Cause(
        r"timed out waiting for the condition|context deadline exceeded"
        r"|(request|operation) (did not complete|timed out)",
        ReleaseInterrupted,
        "A hook of the chart, or the cluster itself, took longer than Helm may take.",
        "Raise STOREORCH_HELM_TIMEOUT if that is to be expected.",
    ),
    _Cause(
        r"Too long: may not be more|Too long: must have at most|(request|entity) (is )?too large",
        ReleaseFailed,
        "Chart and values are too large for Helm's record of the release.",
        "A Secret holds 1 MiB, chart included: make the chart smaller.",
    ),
    _Cause(
        r"field is immutable|updates to .* are forbidden",
        ReleaseFailed,
        "The change touches a field that cannot change once it is set.",
        f"Undo the change, or delete the store and create it anew. {_LOG}",
    ),
    _Cause(
        r"is invalid|field not declared in schema|unknown field|error validating",
        ReleaseFailed,
        "The cluster does not accept what the chart creates.",
        _CHART_DEFECT,
    ),
    _Cause(
        r"failed (pre|post)-\w+|(pre|post)-\w+ hooks? failed",
        ReleaseFailed,
        "A hook of the chart failed.",
        _LOG,
    ),
)


def explain(error: pyhelm3.errors.Error) -> StoreorchError:
    """Return the error for users that Helm's error amounts to; raise it ``from`` that."""
    said = error.stderr.decode(errors="replace")
    if isinstance(error, HelmTimedOut):
        return ReleaseInterrupted(
            "Helm did not finish in time and was ended.",
            hint="Raise STOREORCH_HELM_TIMEOUT if the chart has hooks that take long.",
        )
    if error.returncode < 0:
        return ReleaseInterrupted("Helm was ended from outside before it was done.")
    if said.startswith("setpriv:"):
        return HelmMissing("The helm command cannot be started.")
    right = _FORBIDDEN.search(said)
    if right:
        return PermissionMissing(
            f"The cluster does not permit Helm to {right['verb']} {right['resource']}.",
            hint="Grant that right to the user of the kubeconfig.",
        )
    cause = next((cause for cause in _CAUSES if cause.explains(said)), None)
    return cause.kind(cause.message, hint=cause.hint) if cause else ReleaseFailed()


def mask_values(error: pyhelm3.errors.Error, values: Mapping[str, Any]) -> None:
    """Mask in Helm's words what the values hold under keys that speak of a secret.

    Helm quotes values where a schema refuses them, and the general redaction
    cannot know them.
    """
    said = error.stderr.decode(errors="replace")
    for secret in sorted(_secrets(values, secret=False), key=len, reverse=True):
        said = said.replace(secret, MASK)
    error.stderr = said.encode()
    error.args = (said,)


def _secrets(value: object, *, secret: bool) -> set[str]:
    if isinstance(value, Mapping):
        return {
            found
            for key, item in value.items()
            for found in _secrets(item, secret=secret or bool(_SECRET_KEY.search(str(key))))
        }
    if isinstance(value, list | tuple):
        return {found for item in value for found in _secrets(item, secret=secret)}
    if secret and isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
        return {value}
    return set()
