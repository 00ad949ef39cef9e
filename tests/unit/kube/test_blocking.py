from __future__ import annotations

from typing import Any

import pytest

from storeorch.kube.blocking import blocked_by, remaining


def namespace(*conditions: tuple[str, str], finalizers: Any = None) -> dict[str, Any]:
    return {
        "metadata": {"name": "store-a", "finalizers": finalizers},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {
            "phase": "Terminating",
            "conditions": [
                {"type": type_, "status": "True", "message": message}
                for type_, message in conditions
            ],
        },
    }


REMAINING = (
    "NamespaceContentRemaining",
    (
        "Some resources are remaining: configmaps. has 1 resource instances, "
        "deployments.apps has 2 resource instances"
    ),
)
FINALIZERS = (
    "NamespaceFinalizersRemaining",
    (
        "Some content in the namespace has finalizers remaining: example.com/keep in 1 resource "
        "instances, foregroundDeletion in 2 resource instances"
    ),
)


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (namespace(), None),
        ({"metadata": {}}, None),
        (namespace(REMAINING), "1 configmaps, 2 deployments"),
        (
            namespace(REMAINING, FINALIZERS),
            "finalizer example.com/keep on 1 object, finalizer foregroundDeletion on 2 objects",
        ),
        (
            namespace(finalizers=["example.com/own"]),
            "finalizer example.com/own on the namespace itself",
        ),
        (
            namespace(("NamespaceDeletionDiscoveryFailure", "canary")),
            "an API service of the cluster that does not answer",
        ),
        (
            namespace(("NamespaceDeletionContentFailure", "canary")),
            "objects that the cluster could not delete yet",
        ),
    ],
)
def test_blocked_by(obj: dict[str, Any], words: str | None) -> None:
    assert blocked_by(obj) == words


def test_objects_are_named_as_far_as_they_are_known() -> None:
    held = {"example.com/keep": ["Pod a"], "foregroundDeletion": ["Job b", "Job c"]}

    assert remaining(namespace(REMAINING)) == [("", "configmaps"), ("apps", "deployments")]
    assert blocked_by(namespace(REMAINING, FINALIZERS), held) == (
        "finalizer example.com/keep on Pod a, finalizer foregroundDeletion on Job b and 1 more"
    )
    assert blocked_by(namespace(FINALIZERS), {"another.com/one": ["ConfigMap a"]}) == (
        "finalizer example.com/keep on 1 object, finalizer foregroundDeletion on 2 objects"
    )


def test_conditions_that_do_not_hold_are_left_out() -> None:
    obj = namespace(FINALIZERS)
    obj["status"]["conditions"][0]["status"] = "False"

    assert blocked_by(obj) is None


@pytest.mark.parametrize(
    "obj",
    [
        namespace(("NamespaceFinalizersRemaining", "<canary> in 1 resource instances")),
        namespace(("NamespaceContentRemaining", "CANARY! has 1 resource instances")),
        namespace(finalizers=["<b>canary</b>"]),
        namespace(finalizers=["canary text"]),
    ],
)
def test_foreign_text_is_never_repeated(obj: dict[str, Any]) -> None:
    assert "canary" not in (blocked_by(obj) or "").lower()
