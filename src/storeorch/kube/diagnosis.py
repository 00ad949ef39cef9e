"""Why the pods of a namespace do not run: the problems that count now, worst first.

Pure: puts together what was made of workloads, pods and warnings, and leaves
out what is history. It must not know where the summaries came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from storeorch.kube.refusals import REASONS
from storeorch.kube.summaries import Pod, Trouble, Warning_, Workload, workload_name
from storeorch.ports import Problem, WorkloadRef

_SEVERITY: Final = (
    "QuotaExceeded",
    "ResourcesMissing",
    "LimitRangeViolated",
    "PodSecurityViolated",
    "AdmissionRefused",
    "PodsInvalid",
    "FailedCreate",
    "ImagePullFailed",
    "ContainerConfigInvalid",
    "OutOfMemory",
    "CrashLoop",
    "JobFailed",
    "Unschedulable",
)
"""Causes before consequences, for problems that are equally fatal."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one namespace.

    Attributes:
        workloads: By kind and name.
        pods: Those in trouble, by name.
        warnings: Those that were understood, by name.
    """

    workloads: Mapping[WorkloadRef, Workload]
    pods: Mapping[str, Pod]
    warnings: Mapping[str, Warning_]


def diagnose(evidence: Evidence, *, since: datetime, now: datetime) -> list[Problem]:
    """Return the problems that count, worst first, each said once.

    A problem counts if it was seen at or after ``since``: a pod that crashed
    before a retry says nothing about the time after it, until it crashes again.
    Times of the cluster have whole seconds, so ``since`` is cut to them.

    Args:
        evidence: What is known of the namespace.
        since: Ignore what was seen before.
        now: The present, to count waiting from.
    """
    since = since.replace(microsecond=0)
    found: dict[tuple[str, str], Problem] = {}
    for trouble in _current(evidence, since):
        problem = trouble.problem
        if trouble.waits:
            waited = (now - max(trouble.at, since)).total_seconds()
            problem = replace(problem, weight=max(0.0, waited))
        key = problem.reason, problem.message
        if key not in found or found[key].weight < problem.weight:
            found[key] = problem
    return sorted(found.values(), key=_worst_first)


def _worst_first(problem: Problem) -> tuple[bool, int, float, str]:
    rank = _SEVERITY.index(problem.reason) if problem.reason in _SEVERITY else len(_SEVERITY)
    return not problem.fatal, rank, -problem.weight, problem.message


def _current(evidence: Evidence, since: datetime) -> Iterator[Trouble]:
    warnings = _newest(each for each in evidence.warnings.values() if each.at >= since)
    about = {each: _workload_of(each, evidence.workloads) for each in warnings}
    refused = {about[each] for each in warnings if each.confirms in REASONS}
    confirmed = {(each.name, each.confirms) for each in warnings if each.kind == "Pod"}
    for ref, workload in evidence.workloads.items():
        for trouble in workload.troubles:
            # A condition keeps the time at which it came to hold, so one that held
            # before tells nothing new; a warning does. A failed job stays failed.
            if ref.kind == "Job" or (trouble.at >= since and ref not in refused):
                yield trouble
    for warning in warnings:
        state = evidence.workloads.get(about[warning])
        over = state and (state.populated if warning.confirms in REASONS else state.ready)
        if warning.problem and not over:
            yield Trouble(warning.problem, warning.at)
    for name, pod in evidence.pods.items():
        for trouble in pod.troubles:
            fresh = trouble.waits or max(trouble.at, pod.created) >= since
            if fresh or (name, trouble.problem.reason) in confirmed:
                yield trouble


def _newest(warnings: Iterable[Warning_]) -> list[Warning_]:
    """Keep the last of the warnings that say the same of the same object."""
    newest: dict[tuple[str, str, str], Warning_] = {}
    for warning in sorted(warnings, key=lambda each: each.at):
        newest[warning.kind, warning.name, warning.confirms] = warning
    return list(newest.values())


def _workload_of(warning: Warning_, workloads: Mapping[WorkloadRef, Workload]) -> WorkloadRef:
    name = workload_name(warning.kind, warning.name)
    if warning.kind == "Pod":
        return next((ref for ref in workloads if ref.name == name), WorkloadRef("Pod", name))
    return WorkloadRef("Deployment" if warning.kind == "ReplicaSet" else warning.kind, name)
