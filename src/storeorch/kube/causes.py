"""Why pods that exist do not run, said in our own words.

Pure. Text of the cluster is matched and never repeated: what is taken over from
it are names that fit a strict pattern, so nothing that a cluster or an image
writes can reach a message for users.
"""

from __future__ import annotations

import re
from typing import Final

from storeorch.kube.refusals import NAME, RESOURCE
from storeorch.ports import Problem

_SHORT: Final = re.compile(rf"[0-9]+ Insufficient ({RESOURCE})")
_CLAIM_MISSING: Final = re.compile(rf'persistentvolumeclaim "({NAME})" not found')
_OBJECT_MISSING: Final = re.compile(rf'\b(secret|configmap) "({NAME})" not found')
_KEY_MISSING: Final = re.compile(
    rf"couldn't find key ([-._a-zA-Z0-9]{{1,253}}) in (Secret|ConfigMap) (?:[a-z0-9-]+/)?({NAME})"
)
_IMAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")

_PULL_ATTEMPT: Final = re.compile(
    r"Failed to (?:pull|inspect) image|Error: (?:ErrImagePull|ErrImageNeverPull|InvalidImageName)"
)


def image_pull(container: str, image: str, subject: str, *, reason: str) -> Problem:
    """Explain that an image cannot be had.

    Args:
        container: Name of the container, as in ``container wordpress``.
        image: Its image, as the pod spec says.
        subject: Name of the workload.
        reason: The kubelet's reason.
    """
    what = f"The image {image}" if _IMAGE.fullmatch(image) else "The image"
    cause = "is not a valid name" if reason == "InvalidImageName" else "cannot be pulled"
    return Problem(
        reason="ImagePullFailed",
        message=f"{what} of {container} of {subject} {cause}.",
        hint="Check the image's name and tag, and that the nodes can reach its registry "
        "with the right credentials.",
        fatal=True,
    )


def crash(container: str, subject: str, *, code: int | None, restarts: int, fatal: bool) -> Problem:
    """Explain that a container ends again and again.

    Args:
        container: Name of the container, as in ``container wordpress``.
        subject: Name of the workload.
        code: Its last exit code, if known.
        restarts: How often it was restarted.
        fatal: Whether only a person can mend it.
    """
    how = "crashes" if code is None else f"ends with exit code {code}"
    times = (
        "" if restarts == 0 else f", restarted {'once' if restarts == 1 else f'{restarts} times'}"
    )
    who = container[0].upper() + container[1:]
    return Problem(
        reason="CrashLoop",
        message=f"{who} of {subject} {how}{times}.",
        hint="Read the log that it left with: kubectl logs --previous, in the store's namespace.",
        fatal=fatal,
        weight=restarts,
    )


def out_of_memory(container: str, subject: str, *, restarts: int, fatal: bool) -> Problem:
    """Explain that a container was killed for using more memory than its limit."""
    who = container[0].upper() + container[1:]
    return Problem(
        reason="OutOfMemory",
        message=f"{who} of {subject} needs more memory than its limit.",
        hint="Raise the memory limit of the container.",
        fatal=fatal,
        weight=restarts,
    )


def container_config(text: str, container: str, subject: str) -> Problem:
    """Explain why a container cannot be started as it is configured.

    Args:
        text: What the kubelet says.
        container: Name of the container, as in ``container wordpress``.
        subject: Name of the workload.
    """
    who = container[0].upper() + container[1:]
    detail = ""
    if match := _KEY_MISSING.search(text):
        detail = f": {match[2]} {match[3]} has no key {match[1]}"
    elif match := _OBJECT_MISSING.search(text):
        kind = {"secret": "Secret", "configmap": "ConfigMap"}[match[1]]
        detail = f": {kind} {match[2]} does not exist"
    return Problem(
        reason="ContainerConfigInvalid",
        message=f"{who} of {subject} cannot be started as it is configured{detail}.",
        hint="Check the Secrets, ConfigMaps and the command that the container names.",
        fatal=True,
    )


def unschedulable(text: str, subject: str) -> Problem:
    """Explain why no node takes a pod.

    Args:
        text: What the scheduler says.
        subject: Name of the workload.
    """
    hint = "Add a node, or free or ask for less of what is short."
    if match := _CLAIM_MISSING.search(text):
        why, hint = f"claim {match[1]} does not exist", "Check the chart's volumes."
    elif "unbound immediate PersistentVolumeClaims" in text:
        why = "their volume claims are not bound"
        hint = "Check that the cluster has a storage class that provisions volumes."
    elif short := sorted(set(_SHORT.findall(text))):
        why = f"not enough {', '.join(short)}"
    elif "Too many pods" in text:
        why = "the nodes have no room for more pods"
    elif "untolerated taint" in text:
        why, hint = "no node tolerates them", "Check the taints of the nodes."
    elif "node affinity/selector" in text or "node(s) didn't match" in text:
        why, hint = "no node matches their selector", "Check the labels of the nodes."
    elif "volume node affinity conflict" in text:
        why, hint = "their volumes are elsewhere", "Check where the nodes and volumes are."
    elif "no nodes available" in text:
        why = "the cluster has no nodes"
    else:
        why = "no node takes them"
    return Problem(
        reason="Unschedulable",
        message=f"The pods of {subject} wait for a node: {why}.",
        hint=hint,
        fatal=True,
    )


def volume(subject: str, *, provisioned: bool) -> Problem:
    """Explain that a volume is not there yet.

    Args:
        subject: Name of the claim, or of the workload if it is provisioned.
        provisioned: Whether it exists and only could not be mounted.
    """
    if not provisioned:
        return Problem(
            reason="VolumeNotProvisioned",
            message=f"The cluster could not provision the volume of {subject} yet.",
            hint="Check the storage class and the health of its provisioner.",
            fatal=False,
        )
    return Problem(
        reason="VolumeNotMounted",
        message=f"A volume of {subject} could not be mounted yet.",
        hint="Check that what the volume is made from exists and that its node can reach it.",
        fatal=False,
    )


def confirmed(reason: str, text: str) -> str | None:
    """Return the reason of the problem of a pod that a warning confirms to be fresh.

    Args:
        reason: The event's reason.
        text: What it says. That an attempt was put off confirms nothing.
    """
    if reason == "InspectFailed":
        return "ImagePullFailed"
    if reason != "Failed" or text == "Error: ImagePullBackOff":
        return None
    if _PULL_ATTEMPT.match(text):
        return "ImagePullFailed"
    return "ContainerConfigInvalid" if text.startswith("Error: ") else None


def job_failed(reason: str, subject: str) -> Problem:
    """Explain that a job gave up.

    Args:
        reason: The condition's reason.
        subject: Name of the job.
    """
    why = {
        "BackoffLimitExceeded": " after its last attempt",
        "DeadlineExceeded": " because it took too long",
    }.get(reason, "")
    return Problem(
        reason="JobFailed",
        message=f"The job {subject} has failed{why}.",
        hint="Read its log with kubectl logs in the store's namespace; "
        "delete the job once the cause is gone.",
        fatal=True,
    )


def rollout_stuck(subject: str) -> Problem:
    """Explain that a rollout ran into its own deadline."""
    return Problem(
        reason="ProgressDeadlineExceeded",
        message=f"The rollout of {subject} makes no progress.",
        hint="See why with kubectl describe in the store's namespace.",
        fatal=False,
    )
