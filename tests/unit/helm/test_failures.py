from __future__ import annotations

import pyhelm3.errors
import pytest

from storeorch.errors import (
    ClusterUnavailable,
    HelmMissing,
    PermissionMissing,
    ReleaseFailed,
    ReleaseInterrupted,
    StoreorchError,
)
from storeorch.helm.command import HelmTimedOut
from storeorch.helm.failures import explain, mask_values

CANARY = "canary-83ab90"

SAID = [
    ('namespaces "x" not found', ReleaseInterrupted, "namespace"),
    ("unable to create new content because it is being terminated", ReleaseInterrupted, "removed"),
    ('pods "x" is forbidden: exceeded quota: store-quota', ReleaseFailed, "limits"),
    ("forbidden: status unknown for quota: store-quota", ReleaseInterrupted, "counted"),
    (
        'Operation cannot be fulfilled on resourcequotas "q": the object has been modified',
        ReleaseInterrupted,
        "counted",
    ),
    ("maximum cpu usage per Container is 1", ReleaseFailed, "limits"),
    ('Internal error occurred: failed calling webhook "x"', ReleaseInterrupted, "webhook"),
    ("Internal error occurred: no reason", ReleaseInterrupted, "error of its own"),
    ("The POST operation could not be completed at this time", ReleaseInterrupted, "its own"),
    ('Kubernetes cluster unreachable: context "x" does not exist', ClusterUnavailable, "context"),
    ("the server has asked for the client to provide credentials", PermissionMissing, "accept"),
    ("Unauthorized", PermissionMissing, "credentials"),
    ("tls: failed to verify certificate: x509: unknown", ClusterUnavailable, "certificate"),
    ("dial tcp 127.0.0.1:1: connect: connection refused", ClusterUnavailable, "reached"),
    ("etcdserver: leader changed", ClusterUnavailable, "reached"),
    ("values don't meet the specifications of the schema(s)", ReleaseFailed, "schema"),
    ("invalid ownership metadata; label validation error", ReleaseFailed, "not the release's"),
    ("execution error at (web.yaml:1:2): refused", ReleaseFailed, "rendered"),
    ("YAML parse error on web.yaml", ReleaseFailed, "rendered"),
    ("Chart.yaml file is missing", ReleaseFailed, "missing or damaged"),
    ('no matches for kind "X" in version "v1"', ReleaseFailed, "kind of object"),
    ("violates PodSecurity", ReleaseFailed, "policy"),
    ("another operation (install/upgrade/rollback) is in progress", ReleaseInterrupted, "else"),
    ("the object has been modified; please apply", ReleaseInterrupted, "else"),
    ("timed out waiting for the condition", ReleaseInterrupted, "longer"),
    ("context deadline exceeded", ReleaseInterrupted, "longer"),
    ("data: Too long: may not be more than 1048576 bytes", ReleaseFailed, "too large"),
    ("spec.selector: field is immutable", ReleaseFailed, "cannot change"),
    ('Deployment.apps "web" is invalid: spec', ReleaseFailed, "does not accept"),
    ("failed pre-install: job failed: BackoffLimitExceeded", ReleaseFailed, "hook"),
    ("something never seen before", ReleaseFailed, "could not install"),
]


def failure(said: str, returncode: int = 1) -> pyhelm3.errors.Error:
    return pyhelm3.errors.Error(returncode, b"", said.encode())


def words_of(error: StoreorchError) -> str:
    return f"{error} {error.hint} {error!r} {error.args}"


@pytest.mark.parametrize(("said", "kind", "words"), SAID, ids=[said for said, *_ in SAID])
def test_cause(said: str, kind: type[StoreorchError], words: str) -> None:
    error = explain(failure(f"Error: {said} {CANARY}"))
    assert type(error) is kind
    assert words in error.message
    assert error.retryable is (kind is not ReleaseFailed)
    assert CANARY not in words_of(error)


def test_missing_right_is_named_and_nothing_else() -> None:
    said = (
        f'secrets is forbidden: User "{CANARY}" cannot list resource "secrets"'
        f' in API group "" in the namespace "{CANARY}"'
    )
    error = explain(failure(said))
    assert type(error) is PermissionMissing
    assert "list secrets" in error.message
    assert CANARY not in words_of(error)


def test_resource_that_is_no_plain_word_is_not_repeated() -> None:
    error = explain(failure(f'cannot list resource "{CANARY} <b>"'))
    assert type(error) is ReleaseFailed
    assert CANARY not in words_of(error)


def test_ended_at_the_deadline() -> None:
    error = explain(HelmTimedOut(-9, b"", b"exceeded quota"))
    assert type(error) is ReleaseInterrupted
    assert "in time" in error.message


def test_ended_from_outside() -> None:
    error = explain(failure("", returncode=-9))
    assert type(error) is ReleaseInterrupted
    assert error.retryable


def test_program_that_cannot_be_started() -> None:
    said = "setpriv: failed to execute /x/helm: No such file or directory"
    assert type(explain(failure(said, 127))) is HelmMissing


def test_quoted_values_are_masked() -> None:
    error = failure(f"at '/password': '{CANARY}' does not match; note 'plain'; 'in-a-list'")
    values = {
        "auth": {"password": CANARY, "short": "at"},
        "note": "plain",
        "tokens": ["in-a-list", {"any": "in"}],
        "secretCount": 3,
    }
    mask_values(error, values)
    assert b"plain" in error.stderr
    assert b"does not match" in error.stderr
    for hidden in (CANARY, "in-a-list"):
        assert hidden not in f"{error} {error.stderr!r} {error.args}"
