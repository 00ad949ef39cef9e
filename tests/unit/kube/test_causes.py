"""Sentences of the cluster here are verbatim those of Kubernetes 1.37."""

from __future__ import annotations

import pytest

from storeorch.kube import causes


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            (
                "0/3 nodes are available: 1 Insufficient memory, 2 Insufficient cpu. preemption: "
                "0/3 nodes are available: 3 No preemption victims found for incoming pod."
            ),
            "not enough cpu, memory",
        ),
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption",
            "their volume claims are not bound",
        ),
        (
            '0/1 nodes are available: persistentvolumeclaim "data-mysql-0" not found. preemption',
            "claim data-mysql-0 does not exist",
        ),
        ("0/1 nodes are available: 1 Too many pods.", "the nodes have no room for more pods"),
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint {canary: }.",
            "no node tolerates them",
        ),
        (
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
            "no node matches their selector",
        ),
        (
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
            "their volumes are elsewhere",
        ),
        ("no nodes available to schedule pods", "the cluster has no nodes"),
        ("canary", "no node takes them"),
        ('persistentvolumeclaim "CANARY" not found', "no node takes them"),
    ],
)
def test_unschedulable(text: str, why: str) -> None:
    problem = causes.unschedulable(text, "shop")

    assert problem.message == f"The pods of shop wait for a node: {why}."
    assert problem.reason == "Unschedulable"
    assert problem.fatal
    assert "canary" not in problem.hint


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('secret "store-credentials" not found', ": Secret store-credentials does not exist"),
        ('configmap "settings" not found', ": ConfigMap settings does not exist"),
        (
            "couldn't find key mysql-password in Secret store-a/store-credentials",
            ": Secret store-credentials has no key mysql-password",
        ),
        ('exec: "canary": executable file not found in $PATH', ""),
        ('secret "CANARY <b>" not found', ""),
    ],
)
def test_container_config(text: str, detail: str) -> None:
    problem = causes.container_config(text, "container web", "shop")

    expected = f"Container web of shop cannot be started as it is configured{detail}."
    assert problem.message == expected
    assert problem.fatal


@pytest.mark.parametrize(
    ("image", "reason", "message"),
    [
        (
            "registry.example:5000/shop@sha256:0a1b",
            "ErrImagePull",
            (
                "The image registry.example:5000/shop@sha256:0a1b of container web of shop "
                "cannot be pulled."
            ),
        ),
        (
            "Not A Name",
            "InvalidImageName",
            "The image of container web of shop is not a valid name.",
        ),
    ],
)
def test_image_pull(image: str, reason: str, message: str) -> None:
    assert causes.image_pull("container web", image, "shop", reason=reason).message == message


@pytest.mark.parametrize(
    ("code", "restarts", "message"),
    [
        (1, 0, "Container web of shop ends with exit code 1."),
        (137, 1, "Container web of shop ends with exit code 137, restarted once."),
        (None, 4, "Container web of shop crashes, restarted 4 times."),
    ],
)
def test_crash(code: int | None, restarts: int, message: str) -> None:
    problem = causes.crash("container web", "shop", code=code, restarts=restarts, fatal=True)

    assert (problem.message, problem.weight) == (message, restarts)


@pytest.mark.parametrize(
    ("reason", "text", "confirms"),
    [
        ("Failed", 'Failed to pull image "x:1": rpc error', "ImagePullFailed"),
        ("Failed", "Error: ErrImagePull", "ImagePullFailed"),
        ("Failed", "Error: ErrImageNeverPull", "ImagePullFailed"),
        ("InspectFailed", 'Failed to apply default image tag "X"', "ImagePullFailed"),
        ("Failed", 'Error: secret "x" not found', "ContainerConfigInvalid"),
        ("Failed", "Error: ImagePullBackOff", None),
        ("BackOff", "Back-off restarting failed container", None),
        ("Unhealthy", "Readiness probe failed", None),
    ],
)
def test_only_attempts_confirm_a_problem(reason: str, text: str, confirms: str | None) -> None:
    assert causes.confirmed(reason, text) == confirms


def test_volumes_are_waited_for() -> None:
    missing = causes.volume("data-mysql-0", provisioned=False)
    unmounted = causes.volume("mysql", provisioned=True)

    assert [missing.reason, unmounted.reason] == ["VolumeNotProvisioned", "VolumeNotMounted"]
    assert not missing.fatal
    assert not unmounted.fatal


def test_jobs_and_rollouts() -> None:
    assert causes.job_failed("BackoffLimitExceeded", "migrate").message == (
        "The job migrate has failed after its last attempt."
    )
    assert causes.job_failed("canary", "migrate").message == "The job migrate has failed."
    assert causes.job_failed("", "migrate").fatal
    assert not causes.rollout_stuck("shop").fatal


def test_out_of_memory_counts_restarts() -> None:
    problem = causes.out_of_memory("init container wait", "shop", restarts=2, fatal=False)

    assert problem.message == "Init container wait of shop needs more memory than its limit."
    assert (problem.weight, problem.fatal) == (2, False)
