"""Every error that storeorch raises on purpose.

```
StoreorchError
├── InvalidDeclaration          what was asked for cannot be
│   ├── InvalidStoreName
│   ├── InvalidParameters
│   └── UnknownStoreType
├── StoreNotFound
├── StoreConflict               what was asked for clashes with what is
│   ├── NameTaken
│   ├── HostTaken
│   ├── StoreIsDeleting
│   ├── InvalidTransition
│   ├── KeyReused
│   ├── CredentialsNotReady
│   └── OwnerLimitReached
│       ├── TooManyStores
│       └── TooManyCreations
├── WaitTimeout                 the wait ended, the work goes on
├── StoreFailed                 a store that was waited for has failed
├── EnvironmentNotReady         something around storeorch is missing
│   ├── ClusterUnavailable
│   ├── PermissionMissing
│   ├── HelmMissing
│   ├── DatabaseUnavailable
│   └── DatabaseOutdated
├── LeaseLost                   another worker took the store over
├── StepError                   a step could not do its work
│   ├── NamespaceNotOurs
│   ├── ClusterRefused
│   ├── ChartRefused
│   ├── ReleaseFailed
│   │   └── ReleaseInterrupted
│   ├── WorkloadFailed
│   ├── DeadlineExceeded
│   ├── DataMissing
│   └── HostsFileUnwritable
├── PluginError
└── InternalError               a defect, or a foreign error nobody translated
```

An error is one sentence for users, a hint that says what to do next, and a
stable code. It never carries text of a foreign error: whoever translates one
raises with ``from`` and the operator's log keeps the chain.

This module must not know any other module of storeorch.
"""

from __future__ import annotations

from typing import ClassVar


class StoreorchError(Exception):
    """Something went wrong in storeorch.

    Args:
        message: One sentence for users. Defaults to the class docstring's
            first line, so that documentation and errors cannot drift.
        hint: What to do next, one sentence; defaults to the class's hint.

    Attributes:
        code: Stable kebab-case identifier that scripts may rely on.
        retryable: Whether doing the same again later may succeed by itself.
        exit_code: Exit status of the command line for this error.
    """

    code: ClassVar[str] = "storeorch-error"
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or self.code).strip().splitlines()[0]
        self.hint: str | None = hint or self.default_hint or None
        super().__init__(self.message)


class InvalidDeclaration(StoreorchError):
    """The declaration of the store is not valid."""

    code = "invalid-declaration"
    exit_code = 2


class InvalidStoreName(InvalidDeclaration):
    """The store name is not valid."""

    code = "invalid-name"
    default_hint = (
        "Use 1 to 40 lower-case letters, digits and '-', "
        "starting and ending with a letter or digit, for example my-store."
    )


class InvalidParameters(InvalidDeclaration):
    """The parameters do not fit the store type."""

    code = "invalid-parameters"


class UnknownStoreType(InvalidDeclaration):
    """No installed plugin offers this store type."""

    code = "unknown-type"
    default_hint = "See the installed types with: storeorch type list"


class StoreNotFound(StoreorchError):
    """There is no such store."""

    code = "store-not-found"
    default_hint = "See the stores with: storeorch store list"


class StoreConflict(StoreorchError):
    """The request clashes with the state of the store."""

    code = "conflict"


class NameTaken(StoreConflict):
    """A store of this name exists already."""

    code = "name-taken"
    default_hint = "Choose another name, or delete the existing store first."


class HostTaken(StoreConflict):
    """Another store has this host."""

    code = "host-taken"
    default_hint = "Give another domain, or leave it out: the store then goes by its name."


class StoreIsDeleting(StoreConflict):
    """The store is being deleted."""

    code = "store-is-deleting"
    default_hint = "Wait until the deletion is complete, then create it anew."


class InvalidTransition(StoreConflict):
    """The store cannot go from its present status to the one asked for."""

    code = "invalid-transition"


class KeyReused(StoreConflict):
    """The key of this declaration was used for another one."""

    code = "key-reused"
    default_hint = "Use a new key for a new declaration."


class CredentialsNotReady(StoreConflict):
    """The store has no credentials, or not yet."""

    code = "credentials-not-ready"
    default_hint = "Look again once the store's condition CredentialsReady holds."


class OwnerLimitReached(StoreConflict):
    """The owner may not declare more."""

    code = "owner-limit-reached"


class TooManyStores(OwnerLimitReached):
    """The owner has as many stores as allowed."""

    code = "too-many-stores"
    default_hint = "Delete a store that is no longer needed, or have the limit raised."


class TooManyCreations(OwnerLimitReached):
    """The owner has declared as many stores within an hour as allowed."""

    code = "too-many-creations"
    retryable = True
    default_hint = "Try again later, or have the limit raised."


class WaitTimeout(StoreorchError):
    """The wait ended before the store was done; the work goes on."""

    code = "wait-timeout"
    retryable = True
    exit_code = 3
    default_hint = "Look again with: storeorch store watch NAME"


class StoreFailed(StoreorchError):
    """The store has failed."""

    code = "store-failed"
    default_hint = "Mend the cause, then: storeorch store retry NAME"


class EnvironmentNotReady(StoreorchError):
    """Something that storeorch needs is missing."""

    code = "environment-not-ready"
    retryable = True
    exit_code = 4
    default_hint = "See what is missing with: storeorch doctor"


class ClusterUnavailable(EnvironmentNotReady):
    """The Kubernetes cluster cannot be reached."""

    code = "cluster-unavailable"
    default_hint = "Check KUBECONFIG, or start a local cluster with: storeorch dev up"


class PermissionMissing(EnvironmentNotReady):
    """The cluster does not permit what storeorch needs to do."""

    code = "permission-missing"


class HelmMissing(EnvironmentNotReady):
    """The helm command was not found."""

    code = "helm-missing"
    default_hint = (
        "Install Helm 3.14 or newer, set STOREORCH_HELM to its path, "
        "or let 'storeorch dev up' build one."
    )


class DatabaseUnavailable(EnvironmentNotReady):
    """The database cannot be used."""

    code = "database-unavailable"
    default_hint = "Check STOREORCH_DATABASE_URL and that the database is up and writable."


class DatabaseOutdated(EnvironmentNotReady):
    """The database has not the schema of this version of storeorch."""

    code = "database-outdated"
    retryable = False
    default_hint = "Bring it up to date with: storeorch db upgrade"


class LeaseLost(StoreorchError):
    """Another worker has taken this store over."""

    code = "lease-lost"
    retryable = True


class StepError(StoreorchError):
    """A step could not do its work."""

    code = "step-error"


class NamespaceNotOurs(StepError):
    """The namespace exists and does not belong to this store."""

    code = "namespace-not-ours"
    default_hint = "Remove that namespace, or delete this store and create it anew."


class ClusterRefused(StepError):
    """The cluster refused what the step asked for."""

    code = "cluster-refused"


class ChartRefused(StepError):
    """The chart reaches beyond the store's own namespace."""

    code = "chart-refused"


class ReleaseFailed(StepError):
    """Helm could not install the release."""

    code = "release-failed"
    default_hint = "The operator's log has Helm's answer under the error id."


class ReleaseInterrupted(ReleaseFailed):
    """Helm could not finish its work on the release."""

    code = "release-interrupted"
    retryable = True


class WorkloadFailed(StepError):
    """A workload of the store cannot run.

    Args:
        message: One sentence for users.
        hint: What to do next.
        reason: Which cause was recognised, in Kubernetes' CamelCase form,
            for example ``QuotaExceeded``; it becomes the condition's reason.
    """

    code = "workload-failed"

    def __init__(
        self, message: str | None = None, *, hint: str | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason or "WorkloadFailed"


class DeadlineExceeded(StepError):
    """The store was not ready within the deadline."""

    code = "deadline-exceeded"
    default_hint = "Raise STOREORCH_PROVISION_TIMEOUT if the images are large or the nodes slow."


class DataMissing(StepError):
    """Something that held data of the store is gone."""

    code = "data-missing"
    default_hint = (
        "Restore it, or accept an empty store in its place with: storeorch store retry NAME"
    )


class HostsFileUnwritable(StepError):
    """The hosts file cannot be written."""

    code = "hosts-file-unwritable"
    retryable = True
    default_hint = (
        "Let the engine's user write the file named by STOREORCH_HOSTS_FILE, or unset it."
    )


class PluginError(StoreorchError):
    """A plugin is not usable."""

    code = "plugin-error"


class InternalError(StoreorchError):
    """Something unexpected went wrong inside storeorch."""

    code = "internal-error"
    retryable = True
    default_hint = "The operator's log has the detail under the error id."
