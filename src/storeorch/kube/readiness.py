"""How far a Deployment, StatefulSet or Job is, told from its own fields.

Pure. The rules are those of kstatus
(https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus), which Flux
and ``kubectl rollout status`` share: a status speaks only of the generation that
its controller has observed.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from storeorch.kube.resources import Json

_DELETED: Final = "It is being deleted."
_UNSEEN: Final = "The cluster has not looked at its latest change yet."


class Readiness(NamedTuple):
    """How far a workload is.

    Attributes:
        ready: Nothing of the present generation is missing.
        message: For users: how far it is.
        populated: Every pod that it wants has been created, so that refusals to
            create one are history.
    """

    ready: bool
    message: str
    populated: bool


def readiness(kind: str, obj: Json) -> Readiness:
    """Judge a workload.

    Args:
        kind: ``Deployment``, ``StatefulSet`` or ``Job``.
        obj: The object as the API has it.
    """
    metadata = obj["metadata"]
    status = obj.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return Readiness(ready=False, message=_DELETED, populated=False)
    if kind == "Job":
        return _job(obj.get("spec") or {}, status)
    spec = obj.get("spec") or {}
    observed = status.get("observedGeneration", 0)
    if observed < metadata.get("generation", 0):
        # What is new has no replicas; of what has changed, nothing is known yet.
        message = _UNSEEN if observed else _count(0, spec.get("replicas", 1))
        return Readiness(ready=False, message=message, populated=False)
    return _stateful_set(spec, status) if kind == "StatefulSet" else _deployment(spec, status)


def condition(obj: Json, type_: str) -> Json | None:
    """Return the condition of that type if it holds."""
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry.get("type") == type_ and entry.get("status") == "True":
            found: Json = entry
            return found
    return None


def _deployment(spec: dict[str, Any], status: dict[str, Any]) -> Readiness:
    wanted = spec.get("replicas", 1)
    total = status.get("replicas", 0)
    updated = status.get("updatedReplicas", 0)
    available = min(status.get("availableReplicas", 0), updated)
    message = _count(available, wanted)
    if available >= wanted and total > updated:
        message = (
            f"{_replicas(total - updated)} of an earlier revision {_verb(total - updated)} left."
        )
    ready = updated >= wanted and available >= wanted and total <= updated
    return Readiness(ready=ready, message=message, populated=updated >= wanted)


def _stateful_set(spec: dict[str, Any], status: dict[str, Any]) -> Readiness:
    wanted = spec.get("replicas", 1)
    total = status.get("replicas", 0)
    available = min(status.get("readyReplicas", 0), status.get("availableReplicas", 0))
    strategy = spec.get("updateStrategy") or {}
    # Pods below the partition, and all of them with OnDelete, stay as they are on purpose.
    kept = wanted
    if strategy.get("type", "RollingUpdate") == "RollingUpdate":
        kept = min(wanted, (strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = status.get("updatedReplicas", 0)
    current = updated >= wanted - kept and (
        kept > 0 or status.get("currentRevision") == status.get("updateRevision")
    )
    message = _count(available, wanted)
    if available >= wanted and not current:
        message = f"{updated} of {_replicas(wanted)} {_verb(wanted)} of the present revision."
    ready = available >= wanted and total <= wanted and current
    return Readiness(ready=ready, message=message, populated=total >= wanted)


def _job(spec: dict[str, Any], status: dict[str, Any]) -> Readiness:
    succeeded, active = status.get("succeeded", 0), status.get("active", 0)
    wanted = spec.get("completions") or 1
    if condition({"status": status}, "Complete"):
        return Readiness(ready=True, message="It has completed.", populated=True)
    if condition({"status": status}, "Failed"):
        return Readiness(ready=False, message="It has failed.", populated=True)
    if spec.get("suspend"):
        return Readiness(ready=False, message="It is suspended.", populated=True)
    if wanted > 1:
        return Readiness(
            ready=False,
            message=f"{succeeded} of {wanted} completions are done.",
            populated=active > 0,
        )
    message = "It runs." if active else "It has not started yet."
    return Readiness(ready=False, message=message, populated=active > 0)


def _count(available: int, wanted: int) -> str:
    return f"{available} of {_replicas(wanted)} {_verb(wanted)} ready."


def _replicas(count: int) -> str:
    return "1 replica" if count == 1 else f"{count} replicas"


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"
