"""What keeps a pod from running, told from its status.

Pure. A pod that is well, or that comes up without trouble, has no summary at
all: ready stores then cost no memory for their pods, and starting containers
wake no one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from storeorch.kube import causes
from storeorch.kube.resources import Json
from storeorch.kube.summaries import EPOCH, Pod, Trouble, time, workload_name
from storeorch.ports import Problem

_PULL: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CONFIG: Final = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
_BACK_OFF: Final = "CrashLoopBackOff"
_NEVER_STARTED: Final = frozenset({"StartError", "ContainerCannotRun"})


def pod(obj: Json) -> Pod | None:
    """Summarise a pod, or return None for one without trouble.

    Args:
        obj: The pod as the API has it.
    """
    metadata, status = obj["metadata"], obj.get("status") or {}
    # A pod on its way out, or one that ended, says nothing about those that follow it.
    if metadata.get("deletionTimestamp") or status.get("phase") in {"Succeeded", "Failed"}:
        return None
    troubles = tuple(_troubles(obj))
    if not troubles:
        return None
    return Pod(created=time(metadata.get("creationTimestamp")), troubles=troubles)


def _troubles(obj: Json) -> Iterator[Trouble]:
    metadata, status, spec = obj["metadata"], obj.get("status") or {}, obj.get("spec") or {}
    owners: list[dict[str, Any]] = metadata.get("ownerReferences") or []
    owner = owners[0] if owners else {}
    # A job counts the failures of its pods itself, and gives up by itself.
    fatal = owner.get("kind") != "Job"
    subject = workload_name(owner.get("kind", "Pod"), owner.get("name") or metadata["name"])
    for entry in status.get("conditions") or ():
        if (
            entry.get("type") == "PodScheduled"
            and entry.get("status") == "False"
            and entry.get("reason") == "Unschedulable"
        ):
            problem = causes.unschedulable(entry.get("message") or "", subject)
            yield Trouble(problem, time(entry.get("lastTransitionTime")), waits=True)
    for statuses, containers, word in (
        ("initContainerStatuses", "initContainers", "init container"),
        ("containerStatuses", "containers", "container"),
    ):
        images = {each["name"]: each.get("image", "") for each in spec.get(containers) or ()}
        for each in status.get(statuses) or ():
            name = each["name"]
            found = _container(each, f"{word} {name}", images.get(name, ""), subject, fatal=fatal)
            if found is not None:
                yield found


def _container(
    status: dict[str, Any], container: str, image: str, subject: str, *, fatal: bool
) -> Trouble | None:
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason")
    if reason in _PULL:
        return Trouble(causes.image_pull(container, image, subject, reason=reason), EPOCH)
    if reason in _CONFIG:
        text = waiting.get("message") or ""
        return Trouble(causes.container_config(text, container, subject), EPOCH)
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated")
    if not ended or (state.get("running") and status.get("ready")):
        return None
    problem = _ended(ended, container, subject, status.get("restartCount", 0), fatal=fatal)
    # A container that did its work and ended is well, unless it is started over and over.
    if problem.reason == "CrashLoop" and ended.get("exitCode") == 0 and reason != _BACK_OFF:
        return None
    return Trouble(problem, time(ended.get("finishedAt")))


def _ended(
    ended: dict[str, Any], container: str, subject: str, restarts: int, *, fatal: bool
) -> Problem:
    if ended.get("reason") == "OOMKilled":
        return causes.out_of_memory(container, subject, restarts=restarts, fatal=fatal)
    if ended.get("reason") in _NEVER_STARTED:
        return causes.container_config(ended.get("message") or "", container, subject)
    code = ended.get("exitCode")
    return causes.crash(container, subject, code=code, restarts=restarts, fatal=fatal)
