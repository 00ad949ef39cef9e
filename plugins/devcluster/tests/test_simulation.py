"""What simulated nodes do, observed through a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.volumes import VOLUMES

pytestmark = pytest.mark.cluster

GOOD = "example.org/good:1"


def pod_template(image: str, *, init: str | None = None, **annotations: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "main", "image": image}]}
    if init is not None:
        spec["initContainers"] = [{"name": "first", "image": init}]
    notes = {f"storeorch.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return {"metadata": {"labels": {"app": "it"}, "annotations": notes}, "spec": spec}


class Workloads:
    """Creates workloads in one namespace and looks at what becomes of them."""

    def __init__(self, api: ApiServer, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    def create(self, group: str, plural: str, name: str, spec: dict[str, Any]) -> str:
        prefix = "/api/v1" if group == "v1" else f"/apis/{group}"
        path = f"{prefix}/namespaces/{self.namespace}/{plural}"
        status, answer = self.api.call("POST", path, {"metadata": {"name": name}, "spec": spec})
        assert status == 201, answer
        return f"{path}/{name}"

    def deployment(self, template: dict[str, Any]) -> str:
        spec = {"selector": {"matchLabels": {"app": "it"}}, "template": template}
        return self.create("apps/v1", "deployments", "it", spec)

    def job(self, image: str, restart: str, *, limit: int = 0) -> str:
        template = pod_template(image)
        template["spec"]["restartPolicy"] = restart
        return self.create("batch/v1", "jobs", "it", {"backoffLimit": limit, "template": template})

    def pods(self) -> list[dict[str, Any]]:
        return self.api.items(f"/api/v1/namespaces/{self.namespace}/pods")

    def waiting(self, kind: str = "containerStatuses") -> str | None:
        """The reason for which the only container of the only pod waits."""
        for pod in self.pods():
            for status in pod["status"].get(kind, []):
                reason = status.get("state", {}).get("waiting", {}).get("reason")
                return None if reason is None else str(reason)
        return None

    def restarts(self, kind: str = "containerStatuses") -> int:
        counts = [s["restartCount"] for p in self.pods() for s in p["status"].get(kind, [])]
        return max(counts, default=0)

    def warnings(self) -> dict[str, list[str]]:
        """Messages of Warning events by reason."""
        found: dict[str, list[str]] = {}
        for event in self.api.items(f"/api/v1/namespaces/{self.namespace}/events"):
            if event["type"] == "Warning":
                found.setdefault(event["reason"], []).append(event["message"])
        return found

    def condition(self, path: str, kind: str) -> bool:
        _, found = self.api.call("GET", path)
        conditions = found.get("status", {}).get("conditions", [])
        return any(c["type"] == kind and c["status"] == "True" for c in conditions)

    def available(self, path: str) -> bool:
        _, found = self.api.call("GET", path)
        status = found.get("status", {})
        counts = [status.get(f"{kind}Replicas") for kind in ("available", "updated")]
        return (
            counts == [1, 1]
            and bool(status["replicas"] == 1)
            and bool(status["observedGeneration"] == found["metadata"]["generation"])
        )


@pytest.fixture
def workloads(api: ApiServer, namespace: str) -> Workloads:
    return Workloads(api, namespace)


def test_a_deployment_becomes_available(workloads: Workloads, eventually: Any) -> None:
    path = workloads.deployment(pod_template(GOOD, init=GOOD))
    eventually(lambda: workloads.available(path))
    (pod,) = workloads.pods()
    assert pod["status"]["podIP"].startswith("10.244.")
    (main,) = pod["status"]["containerStatuses"]
    assert (main["ready"], main["started"], main["restartCount"]) == (True, True, 0)
    (first,) = pod["status"]["initContainerStatuses"]
    assert first["state"]["terminated"]["reason"] == "Completed"


def test_a_stateful_set_gets_its_volume_and_gives_it_back(
    workloads: Workloads, api: ApiServer, eventually: Any
) -> None:
    spec = {
        "serviceName": "it",
        "selector": {"matchLabels": {"app": "it"}},
        "template": pod_template(GOOD),
        "volumeClaimTemplates": [
            {
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        ],
    }
    path = workloads.create("apps/v1", "statefulsets", "it", spec)
    eventually(lambda: api.call("GET", path)[1].get("status", {}).get("readyReplicas") == 1)

    def volumes() -> list[dict[str, Any]]:
        return [
            volume
            for volume in api.items("/api/v1/persistentvolumes")
            if volume["spec"]["claimRef"]["namespace"] == workloads.namespace
        ]

    (volume,) = volumes()
    place = Path(volume["spec"]["hostPath"]["path"])
    assert place.parent == VOLUMES
    assert place.is_dir()
    api.call("DELETE", f"/api/v1/namespaces/{workloads.namespace}")
    eventually(lambda: not api.exists(f"/api/v1/namespaces/{workloads.namespace}"))
    eventually(lambda: not volumes())
    assert not place.exists()


@pytest.mark.parametrize("restart", ["Never", "OnFailure"])
def test_a_job_completes(workloads: Workloads, eventually: Any, restart: str) -> None:
    path = workloads.job(GOOD, restart)
    eventually(lambda: workloads.condition(path, "Complete"))
    assert {pod["status"]["phase"] for pod in workloads.pods()} == {"Succeeded"}


@pytest.mark.parametrize(("restart", "limit"), [("Never", 0), ("OnFailure", 1)])
def test_a_crashing_job_fails(
    workloads: Workloads, eventually: Any, restart: str, limit: int
) -> None:
    path = workloads.job("registry.invalid/crash:1", restart, limit=limit)
    eventually(lambda: workloads.condition(path, "Failed"))


def test_an_image_that_is_missing(workloads: Workloads, eventually: Any) -> None:
    path = workloads.deployment(pod_template("registry.invalid/missing/shop:1"))
    eventually(lambda: workloads.waiting() == "ImagePullBackOff")
    eventually(lambda: len(workloads.warnings().get("Failed", [])) == 3)
    messages = workloads.warnings()["Failed"]
    assert any(m.startswith('Failed to pull image "registry.invalid/missing') for m in messages)
    assert {"Error: ErrImagePull", "Error: ImagePullBackOff"} <= set(messages)
    (pod,) = workloads.pods()
    assert pod["status"]["phase"] == "Pending"
    assert not workloads.available(path)


def test_an_init_container_whose_image_is_missing(workloads: Workloads, eventually: Any) -> None:
    workloads.deployment(pod_template(GOOD, init="registry.invalid/missing"))
    eventually(lambda: workloads.waiting("initContainerStatuses") == "ImagePullBackOff")
    assert workloads.waiting() == "PodInitializing"


def test_a_crash_loop(workloads: Workloads, eventually: Any) -> None:
    workloads.deployment(pod_template("registry.invalid/crash:1", init=GOOD))
    eventually(lambda: workloads.restarts() >= 3)
    (status,) = workloads.pods()[0]["status"]["containerStatuses"]
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 1
    eventually(lambda: "BackOff" in workloads.warnings())
    assert workloads.warnings()["BackOff"][0].startswith(
        "Back-off restarting failed container main in pod it-"
    )


def test_an_init_container_in_a_crash_loop(workloads: Workloads, eventually: Any) -> None:
    workloads.deployment(pod_template(GOOD, init="registry.invalid/crash"))
    eventually(lambda: workloads.restarts("initContainerStatuses") >= 3)
    assert workloads.waiting("initContainerStatuses") == "CrashLoopBackOff"
    assert workloads.pods()[0]["status"]["phase"] == "Pending"


def test_a_pod_that_is_slow_for_ever(workloads: Workloads, eventually: Any) -> None:
    path = workloads.deployment(pod_template("registry.invalid/slow:1"))
    eventually(lambda: workloads.waiting() == "ContainerCreating")
    assert workloads.pods()[0]["status"]["phase"] == "Pending"
    assert not workloads.available(path)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("missing", "ImagePullBackOff"),
        ("crash", "CrashLoopBackOff"),
        ("slow", "ContainerCreating"),
    ],
)
def test_a_failure_by_annotation(
    workloads: Workloads, eventually: Any, failure: str, reason: str
) -> None:
    workloads.deployment(pod_template(GOOD, simulate=failure))
    eventually(lambda: workloads.waiting() == reason)


def test_an_unknown_failure_is_none(workloads: Workloads, eventually: Any) -> None:
    path = workloads.deployment(pod_template(GOOD, simulate="hiccups"))
    eventually(lambda: workloads.available(path))


def test_a_pod_can_take_its_time(workloads: Workloads, eventually: Any) -> None:
    path = workloads.deployment(pod_template(GOOD, simulate_ready_delay="1s"))
    eventually(lambda: workloads.waiting() == "ContainerCreating")
    eventually(lambda: workloads.available(path))


@pytest.mark.parametrize("failure", ["missing", "crash", "slow"])
def test_a_good_image_mends_the_workload(
    workloads: Workloads, api: ApiServer, eventually: Any, failure: str
) -> None:
    path = workloads.deployment(pod_template(f"registry.invalid/{failure}"))
    eventually(workloads.waiting)
    eventually(lambda: _put(api, path, GOOD))
    eventually(lambda: workloads.available(path))


def test_a_running_pod_can_begin_to_crash_and_recover(
    workloads: Workloads, api: ApiServer, eventually: Any
) -> None:
    path = workloads.deployment(pod_template(GOOD))
    eventually(lambda: workloads.available(path))
    eventually(lambda: _annotate(workloads, api, "crash"))
    eventually(lambda: workloads.waiting() == "CrashLoopBackOff")
    eventually(lambda: not workloads.available(path))
    eventually(lambda: _annotate(workloads, api, "none"))
    eventually(lambda: workloads.available(path))


def _annotate(workloads: Workloads, api: ApiServer, failure: str) -> bool:
    (pod,) = workloads.pods()
    pod["metadata"].setdefault("annotations", {})["storeorch.io/simulate"] = failure
    name = pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{workloads.namespace}/pods/{name}"
    return api.call("PUT", path, pod)[0] == 200


def _put(api: ApiServer, path: str, image: str) -> bool:
    _, found = api.call("GET", path)
    found["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return api.call("PUT", path, found)[0] == 200


def test_a_quota_refuses_pods_for_real(workloads: Workloads, eventually: Any) -> None:
    workloads.create("v1", "resourcequotas", "quota", {"hard": {"requests.cpu": "1"}})
    workloads.deployment(pod_template(GOOD))
    eventually(lambda: "FailedCreate" in workloads.warnings())
    assert "must specify requests.cpu" in workloads.warnings()["FailedCreate"][0]


def test_a_pod_that_fits_nowhere_is_not_scheduled(workloads: Workloads, eventually: Any) -> None:
    template = pod_template(GOOD)
    template["spec"]["nodeSelector"] = {"there": "is-none"}
    workloads.deployment(template)
    eventually(lambda: "FailedScheduling" in workloads.warnings())
