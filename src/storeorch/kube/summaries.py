"""What is kept of an object that was watched: only what readiness, diagnosis and drift need.

Pure. Ten thousand stores fit into memory because whole objects are forgotten at
once, and an engine is woken only when one of these summaries changes. What the
cluster says in words is turned into a ``Problem`` here and not kept.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from storeorch.kube import causes
from storeorch.kube.blocking import blocked_by
from storeorch.kube.fingerprints import NUDGED, fingerprint
from storeorch.kube.readiness import condition, readiness
from storeorch.kube.refusals import refused_pods
from storeorch.kube.resources import Json
from storeorch.names import LABEL_MANAGED_BY, LABEL_STORE_ID, LABEL_STORE_NAME, MANAGED_BY
from storeorch.ports import Fingerprint, Problem

MEMORY: Final = "storeorch.io/memory"
"""Annotation of a namespace that holds what steps keep with it."""

EPOCH: Final = datetime.fromtimestamp(0, UTC)

_SUFFIX: Final = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{1,10}$")
"""What controllers append to names, in the alphabet of Kubernetes' ``rand.SafeEncodeString``."""

_ORDINAL: Final = re.compile(r"-[0-9]+$")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace.

    Attributes:
        uid: Tells it from an earlier one of the same name.
        owner_id: Id of the store that it belongs to, or None if it is not ours.
        terminating: Whether its deletion was asked for.
        blocked_by: What keeps it while it terminates, in words for users.
        owner_name: Name of that store as the label has it, or None.
        memory: What steps keep with it.
    """

    uid: str
    owner_id: str | None
    terminating: bool
    blocked_by: str | None
    owner_name: str | None = None
    # It was written by us, and wakes no one.
    memory: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem and when it was last seen to be one.

    Attributes:
        problem: What is wrong.
        at: When it was seen; the problem counts only if that is late enough.
        waits: ``at`` is when waiting began, and the weight is counted from it.
    """

    problem: Problem
    at: datetime
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or Job.

    Attributes:
        ready: See ``readiness``.
        message: See ``readiness``.
        generation: Grows when someone changes the specification; a Deployment's also
            with its annotations.
        troubles: What its conditions tell.
        fingerprint: Tells whether somebody changed it.
        populated: See ``readiness``.
        nudged: The token it was last nudged with.
        completed: When a Job did its work.
    """

    ready: bool
    message: str
    generation: int
    troubles: tuple[Trouble, ...] = ()
    fingerprint: Fingerprint | None = None
    # What only refines a diagnosis, or was written by us, wakes no one.
    populated: bool = field(default=True, compare=False)
    nudged: str | None = field(default=None, compare=False)
    completed: datetime | None = field(default=None, compare=False)

    def failed_before(self, moment: datetime) -> bool:
        """Say whether this is a Job that had failed for good by then."""
        return any(
            trouble.problem.reason == "JobFailed" and trouble.at < moment
            for trouble in self.troubles
        )


@dataclass(frozen=True, slots=True)
class Warning_:  # noqa: N801 (``Warning`` is Python's)
    """A warning event that was understood.

    Attributes:
        kind: Kind of the object that it speaks of.
        name: Name of that object.
        at: When it was last given.
        confirms: Reason of the problem that it speaks of.
        problem: What it says by itself; None where it only confirms what the
            status of a pod tells.
    """

    kind: str
    name: str
    at: datetime
    confirms: str
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod in trouble; one that is well is not kept at all.

    Attributes:
        created: When it was created.
        troubles: What keeps it from running.
    """

    created: datetime
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """An object that storeorch applied.

    Attributes:
        owner_id: Id of the store whose ownership labels it carries, or None.
        digest: Of all in it that someone may change.
    """

    owner_id: str | None
    digest: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A volume claim.

    Attributes:
        uid: Tells it from an earlier one of the same name.
        going: Whether its deletion was asked for.
        fingerprint: Tells whether somebody changed it.
    """

    uid: str
    going: bool
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class HelmSecret:
    """The labels of a Secret that holds one revision of a release.

    Attributes:
        labels: As pairs, sorted.
        resource_version: For optimistic locking.
    """

    labels: tuple[tuple[str, str], ...]
    resource_version: str


def namespace(obj: Json) -> Namespace:
    """Summarise a namespace."""
    metadata = obj["metadata"]
    status = obj.get("status") or {}
    terminating = bool(metadata.get("deletionTimestamp")) or status.get("phase") == "Terminating"
    return Namespace(
        uid=metadata["uid"],
        owner_id=owner_id(obj),
        terminating=terminating,
        blocked_by=blocked_by(obj) if terminating else None,
        owner_name=(metadata.get("labels") or {}).get(LABEL_STORE_NAME),
        memory=(metadata.get("annotations") or {}).get(MEMORY, ""),
    )


def owner_id(obj: Json) -> str | None:
    """Return the id of the store that owns an object, or None if it is not ours."""
    labels = obj["metadata"].get("labels") or {}
    if labels.get(LABEL_MANAGED_BY) != MANAGED_BY:
        return None
    found: str | None = labels.get(LABEL_STORE_ID)
    return sys.intern(found) if found else None


def workload(obj: Json, kind: str) -> Workload:
    """Summarise a Deployment, StatefulSet or Job of that kind."""
    metadata = obj["metadata"]
    state = readiness(kind, obj)
    finished = condition(obj, "Complete") if kind == "Job" else None
    return Workload(
        ready=state.ready,
        message=sys.intern(state.message),
        populated=state.populated,
        generation=metadata.get("generation", 0),
        troubles=tuple(_conditions(obj, kind, metadata["name"])),
        nudged=(metadata.get("annotations") or {}).get(NUDGED),
        completed=time(finished["lastTransitionTime"]) if finished else None,
        fingerprint=fingerprint(obj, kind),
    )


def claim(obj: Json) -> Claim:
    """Summarise a volume claim."""
    metadata = obj["metadata"]
    return Claim(
        uid=metadata["uid"],
        going=bool(metadata.get("deletionTimestamp")),
        fingerprint=fingerprint(obj, "PersistentVolumeClaim"),
    )


def warning(obj: Json) -> Warning_ | None:
    """Summarise an event, or return None for one that says nothing about readiness."""
    about = obj.get("involvedObject") or {}
    kind, name = about.get("kind", ""), about.get("name", "")
    reason, text = obj.get("reason") or "", obj.get("message") or ""
    problem: Problem | None = None
    if reason == "FailedCreate":
        problem = refused_pods(text, workload_name(kind, name))
    elif reason == "ProvisioningFailed":
        problem = causes.volume(name, provisioned=False)
    elif reason in {"FailedMount", "FailedAttachVolume", "FailedMapVolume"}:
        problem = causes.volume(workload_name(kind, name), provisioned=True)
    confirms = problem.reason if problem else causes.confirmed(reason, text)
    if confirms is None:
        return None
    return Warning_(sys.intern(kind), name, _last_seen(obj), confirms, problem)


def applied(obj: Json) -> Applied:
    """Summarise an object that storeorch applied."""
    return Applied(owner_id=owner_id(obj), digest=digest(obj))


def digest(obj: Json) -> bytes:
    """Return a digest of all that a person may change in an object.

    Name, ownership labels and status are left out, so that equal guardrails of
    different stores have equal digests.
    """
    metadata = obj.get("metadata") or {}
    labels = metadata.get("labels") or {}
    ours = {LABEL_MANAGED_BY, LABEL_STORE_ID, LABEL_STORE_NAME}
    content: dict[str, Any] = {
        key: value for key, value in obj.items() if key not in {"metadata", "status"}
    }
    # Lists leave apiVersion and kind out of their items.
    content.pop("apiVersion", None)
    content.pop("kind", None)
    content["labels"] = {key: value for key, value in labels.items() if key not in ours}
    content["annotations"] = metadata.get("annotations") or {}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def helm_secret(obj: Json) -> HelmSecret:
    """Summarise the metadata of one of Helm's Secrets."""
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    return HelmSecret(
        labels=tuple((sys.intern(key), sys.intern(labels[key])) for key in sorted(labels)),
        resource_version=metadata["resourceVersion"],
    )


def workload_name(kind: str, name: str) -> str:
    """Name the workload that an object belongs to, as far as its name tells."""
    if kind == "ReplicaSet":
        return _SUFFIX.sub("", name)
    if kind == "Pod":
        without = _SUFFIX.sub("", _SUFFIX.sub("", name))
        return without if without != name else _ORDINAL.sub("", name)
    return name


def time(text: str | None) -> datetime:
    """Parse a time of the API; a missing one is the beginning of time."""
    return datetime.fromisoformat(text) if text else EPOCH


def _last_seen(event: Json) -> datetime:
    series = event.get("series") or {}
    return max(
        time(series.get("lastObservedTime")),
        time(event.get("lastTimestamp")),
        time(event.get("eventTime")),
        time(event.get("firstTimestamp")),
        time(event["metadata"].get("creationTimestamp")),
    )


def _conditions(obj: Json, kind: str, name: str) -> list[Trouble]:
    found: list[Trouble] = []
    if refused := condition(obj, "ReplicaFailure"):
        problem = refused_pods(refused.get("message") or "", name)
        found.append(Trouble(problem, time(refused.get("lastTransitionTime"))))
    if kind == "Job" and (failed := condition(obj, "Failed")):
        problem = causes.job_failed(failed.get("reason") or "", name)
        found.append(Trouble(problem, time(failed.get("lastTransitionTime"))))
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry.get("reason") == "ProgressDeadlineExceeded":
            seen = time(entry.get("lastUpdateTime") or entry.get("lastTransitionTime"))
            found.append(Trouble(causes.rollout_stuck(name), seen))
    return found
