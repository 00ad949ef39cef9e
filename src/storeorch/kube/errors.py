"""Translation of what the Kubernetes API and the network answer into our errors.

What is said to users is made from the call, never from the answer; the answer
travels as ``__cause__`` to the operator's log. Answers that callers handle
themselves are small exceptions which must not leave this package.
"""

from __future__ import annotations

import json
import re
from typing import Final

from storeorch.errors import ClusterRefused, ClusterUnavailable, PermissionMissing, StoreorchError
from storeorch.kube.resources import Call

_EXCERPT: Final = 2048
"""How much of an answer is kept for the operator's log, in characters."""

_ADMISSION: Final = re.compile(
    r"exceeded quota|failed quota|admission webhook|ValidatingAdmissionPolicy|violates PodSecurity"
    r"|(?:minimum|maximum) .{1,80} usage per"
)
"""403 is also what admission answers; these are its words, not those of missing rights."""

_BEING_TERMINATED: Final = re.compile(r"because it is being terminated")


class ApiStatus(Exception):
    """An answer of the API server that is not a success.

    Args:
        status: HTTP status.
        body: The answer as received.

    Attributes:
        text: What the server said, for the operator's log alone.
    """

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.text = _message(body)
        super().__init__(f"HTTP {status}: {self.text}")


class NotFound(ApiStatus):
    """404: there is no such object, or not its namespace."""


class Conflict(ApiStatus):
    """409: it exists already, or is not in the state that was named."""


class Gone(ApiStatus):
    """410: the version asked for is no longer kept."""


class Invalid(ApiStatus):
    """422: the object is not valid."""


class RetryLater(ClusterRefused):
    """The cluster refused for now; the same request may succeed later."""

    retryable = True


_HANDLED: Final = {404: NotFound, 409: Conflict, 410: Gone, 422: Invalid}


def error_for(call: Call, status: int, body: bytes) -> Exception:
    """Return what to raise for an answer that is not a success.

    Args:
        call: What was asked.
        status: HTTP status, 300 or above.
        body: The answer as received.

    Returns:
        One of the small exceptions of this module, for callers inside this
        package, or a ``StoreorchError`` with its cause set.
    """
    if handled := _HANDLED.get(status):
        return handled(status, body)
    cause = ApiStatus(status, body)
    error = _translate(call, cause)
    error.__cause__ = cause
    return error


def _translate(call: Call, answer: ApiStatus) -> StoreorchError:
    match answer.status:
        case 401:
            return PermissionMissing(
                "The cluster does not accept the credentials of the kubeconfig.",
                hint="Log in to the cluster again, or use another context of the kubeconfig.",
            )
        case 403 if _BEING_TERMINATED.search(answer.text):
            return RetryLater(
                "The namespace is still being deleted.", hint="Wait until it is gone."
            )
        case 403 if not _ADMISSION.search(answer.text):
            return permission_missing([call.right])
        case 429:
            return ClusterUnavailable(
                "The Kubernetes cluster takes no more requests at the moment.",
                hint="It is asked again by itself.",
            )
        case status if status >= 500:  # noqa: PLR2004 (HTTP's own border)
            return ClusterUnavailable(
                "The Kubernetes cluster cannot answer at the moment.",
                hint="Look at the health of the cluster's API server.",
            )
        case _:
            return refused(call)


def refused(call: Call) -> ClusterRefused:
    """Return the error for a call that an admission rule or a check of the cluster refused."""
    return ClusterRefused(
        f"The cluster refuses to {call.right}.",
        hint="Look at the cluster's quotas and admission rules; "
        "the operator's log has its answer under the error id.",
    )


def permission_missing(rights: list[str]) -> PermissionMissing:
    """Return the error that names rights which are missing, such as ``create namespaces``."""
    shown = ", ".join(rights[:_RIGHTS_SHOWN])
    more = len(rights) - _RIGHTS_SHOWN
    rest = f" and {more} more" if more > 0 else ""
    return PermissionMissing(
        f"The cluster does not permit to {shown}{rest}.",
        hint="Give these rights to the kubeconfig's user with a ClusterRole, "
        "or use another context.",
    )


_RIGHTS_SHOWN: Final = 12
"""How many missing rights one sentence names."""


def unreachable(error: Exception) -> ClusterUnavailable:
    """Return the error for a failure on the way to the cluster.

    Args:
        error: Raised by the HTTP library or the operating system.
    """
    import aiohttp  # noqa: PLC0415 (costs a quarter of a second where no cluster is asked)

    match error:
        case aiohttp.ClientConnectorCertificateError():
            translated = ClusterUnavailable(
                "The certificate of the Kubernetes cluster cannot be verified.",
                hint="Check the server address and the certificate authority in the kubeconfig.",
            )
        case TimeoutError():
            translated = ClusterUnavailable("The Kubernetes cluster does not answer in time.")
        case aiohttp.InvalidURL():
            translated = ClusterUnavailable(
                "The kubeconfig names a server address that is not possible."
            )
        case ValueError():
            translated = ClusterUnavailable(
                "What answers at the cluster's address is no Kubernetes API."
            )
        case _:
            translated = ClusterUnavailable()
    translated.__cause__ = error
    return translated


def _message(body: bytes) -> str:
    text = body[: 4 * _EXCERPT].decode("utf-8", "replace")
    try:
        parsed = json.loads(body)
    except ValueError:
        return text[:_EXCERPT]
    if isinstance(parsed, dict) and isinstance(parsed.get("message"), str):
        text = parsed["message"]
    return text[:_EXCERPT]
