from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from storeorch.kube import causes
from storeorch.kube.diagnosis import Evidence, diagnose
from storeorch.kube.refusals import refused_pods
from storeorch.kube.summaries import EPOCH, Pod, Trouble, Warning_, Workload
from storeorch.ports import Problem, WorkloadRef

SINCE = datetime(2026, 11, 24, 12, 0, 0, 700_000, tzinfo=UTC)
BEFORE = datetime(2026, 11, 24, 11, 59, 59, tzinfo=UTC)
SAME_SECOND = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
AFTER = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 12, 1, 0, tzinfo=UTC)

SHOP = WorkloadRef("Deployment", "shop")
MYSQL = WorkloadRef("StatefulSet", "mysql")
QUOTA = "exceeded quota: q, requested: limits.cpu=5, used: limits.cpu=0, limited: limits.cpu=4"
PULL = causes.image_pull("container web", "x:1", "shop", reason="ErrImagePull")
CRASH = causes.crash("container web", "shop", code=1, restarts=3, fatal=True)


def workload(*troubles: Trouble, ready: bool = False, populated: bool = False) -> Workload:
    return Workload(ready=ready, message="", generation=1, troubles=troubles, populated=populated)


def refusal(at: datetime, kind: str = "ReplicaSet", name: str = "shop-6c7d9d5c9b") -> Warning_:
    subject = "shop" if kind == "ReplicaSet" else name
    return Warning_(kind, name, at, "QuotaExceeded", refused_pods(QUOTA, subject))


def pulled(at: datetime, confirms: str = "ImagePullFailed") -> Warning_:
    return Warning_("Pod", "shop-pod", at, confirms)


def problems(
    *,
    workloads: Mapping[WorkloadRef, Workload] | None = None,
    pods: Mapping[str, Pod] | None = None,
    warnings: tuple[Warning_, ...] = (),
) -> list[Problem]:
    named = {str(number): each for number, each in enumerate(warnings)}
    evidence = Evidence(workloads or {}, pods or {}, named)
    return diagnose(evidence, since=SINCE, now=NOW)


def reasons(found: list[Problem]) -> list[str]:
    return [problem.reason for problem in found]


def test_warnings_from_before_are_dropped_in_whole_seconds() -> None:
    assert problems(warnings=(refusal(BEFORE),)) == []
    assert reasons(problems(warnings=(refusal(SAME_SECOND),))) == ["QuotaExceeded"]


def test_a_refusal_is_over_once_the_pods_exist() -> None:
    warnings = (refusal(AFTER), refusal(AFTER, "StatefulSet", "mysql"))

    found = problems(
        workloads={SHOP: workload(populated=True), MYSQL: workload()}, warnings=warnings
    )

    assert [problem.message for problem in found] == [refused_pods(QUOTA, "mysql").message]


def test_a_condition_that_came_to_hold_since_counts() -> None:
    trouble = Trouble(refused_pods(QUOTA, "shop"), AFTER)

    assert reasons(problems(workloads={SHOP: workload(trouble)})) == ["QuotaExceeded"]


def test_a_condition_from_before_a_retry_says_nothing_until_a_warning_confirms_it() -> None:
    trouble = Trouble(refused_pods(QUOTA, "shop"), BEFORE)
    workloads = {SHOP: workload(trouble)}

    assert problems(workloads=workloads) == []
    assert problems(workloads=workloads, warnings=(refusal(BEFORE),)) == []
    assert len(problems(workloads=workloads, warnings=(refusal(AFTER),))) == 1


def test_of_a_condition_and_warnings_about_the_same_only_the_newest_is_said() -> None:
    older = "exceeded quota: q, requested: limits.cpu=5, used: limits.cpu=1, limited: limits.cpu=4"
    condition = Trouble(refused_pods(older, "shop"), SAME_SECOND)
    warnings = (
        Warning_(
            "ReplicaSet",
            "shop-6c7d9d5c9b",
            SAME_SECOND,
            "QuotaExceeded",
            refused_pods(older, "shop"),
        ),
        refusal(AFTER),
    )

    found = problems(workloads={SHOP: workload(condition)}, warnings=warnings)

    assert found == [refused_pods(QUOTA, "shop")]


def test_a_failed_job_stays_failed() -> None:
    job = WorkloadRef("Job", "migrate")
    trouble = Trouble(causes.job_failed("BackoffLimitExceeded", "migrate"), BEFORE)

    assert reasons(problems(workloads={job: workload(trouble)})) == ["JobFailed"]


def test_the_status_of_a_new_pod_counts() -> None:
    pod = Pod(created=AFTER, troubles=(Trouble(PULL, EPOCH),))

    assert problems(pods={"shop-pod": pod}) == [PULL]


def test_the_status_of_an_old_pod_counts_once_it_is_confirmed() -> None:
    pods = {"shop-pod": Pod(created=BEFORE, troubles=(Trouble(PULL, EPOCH),))}

    assert problems(pods=pods) == []
    assert problems(pods=pods, warnings=(pulled(BEFORE),)) == []
    assert problems(pods=pods, warnings=(pulled(AFTER, "ContainerConfigInvalid"),)) == []
    assert problems(pods=pods, warnings=(pulled(AFTER),)) == [PULL]


def test_a_confirmation_alone_is_no_problem() -> None:
    # The pod has recovered, so it is not kept any more.
    assert problems(warnings=(pulled(AFTER),)) == []


def test_a_crash_from_before_says_nothing_until_it_crashes_again() -> None:
    old = Pod(created=BEFORE, troubles=(Trouble(CRASH, BEFORE),))
    new = Pod(created=BEFORE, troubles=(Trouble(CRASH, AFTER),))

    assert problems(pods={"shop-pod": old}) == []
    assert problems(pods={"shop-pod": new}) == [CRASH]


def test_waiting_for_a_node_is_counted_from_the_later_of_both() -> None:
    waits = causes.unschedulable("1 Insufficient cpu", "shop")

    def weight(at: datetime) -> float:
        pods = {"shop-pod": Pod(created=at, troubles=(Trouble(waits, at, waits=True),))}
        return problems(pods=pods)[0].weight

    assert weight(BEFORE - timedelta(hours=1)) == 60
    assert weight(AFTER) == 30
    assert weight(NOW + timedelta(seconds=5)) == 0


def test_a_warning_about_a_volume_counts_until_the_workload_is_ready() -> None:
    problem = causes.volume("mysql", provisioned=True)
    warning = Warning_("Pod", "mysql-0", AFTER, problem.reason, problem)

    assert problems(workloads={MYSQL: workload(populated=True)}, warnings=(warning,)) == [problem]
    assert problems(workloads={MYSQL: workload(ready=True)}, warnings=(warning,)) == []
    assert problems(warnings=(warning,)) == [problem]


def test_worst_first_and_each_only_once() -> None:
    volume = causes.volume("mysql", provisioned=True)
    waits = causes.unschedulable("1 Insufficient cpu", "shop")
    pods = {
        "a": Pod(
            created=AFTER, troubles=(Trouble(waits, AFTER, waits=True), Trouble(CRASH, AFTER))
        ),
        "b": Pod(created=AFTER, troubles=(Trouble(PULL, EPOCH),)),
        "c": Pod(created=AFTER, troubles=(Trouble(PULL, EPOCH),)),
    }
    warnings = (
        Warning_("Pod", "mysql-0", AFTER, volume.reason, volume),
        refusal(AFTER, "StatefulSet", "mysql"),
    )

    found = problems(pods=pods, warnings=warnings)

    assert reasons(found) == [
        "QuotaExceeded",
        "ImagePullFailed",
        "CrashLoop",
        "Unschedulable",
        "VolumeNotMounted",
    ]


def test_of_two_pods_with_the_same_trouble_the_one_that_waited_longer_counts() -> None:
    waits = causes.unschedulable("1 Insufficient cpu", "shop")
    pods = {
        name: Pod(created=at, troubles=(Trouble(waits, at, waits=True),))
        for name, at in (("a", AFTER), ("b", SAME_SECOND))
    }

    (found,) = problems(pods=pods)

    assert found.weight == 60
