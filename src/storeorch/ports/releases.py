"""Helm, as the release step needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from storeorch.ports.objects import Manifest, ObjectRef, WorkloadRef

STORE_VALUES: Final = "storeorch"
"""Key of the values that say which store a release is: id, name, host, URL, labels."""


class ReleaseStatus(StrEnum):
    """Helm's words for the state of a release, as far as they matter here."""

    DEPLOYED = "deployed"
    FAILED = "failed"
    PENDING = "pending"
    UNINSTALLING = "uninstalling"


@dataclass(frozen=True, slots=True)
class Release:
    """The newest revision of a Helm release.

    Attributes:
        status: Its state.
        revision: Its revision, counted by Helm from 1.
        digest: What it was made from, see ``ReleaseRequest.digest``; None where
            Helm was called by someone else.
        workloads: Deployments, StatefulSets and Jobs that it consists of.
        objects: Objects of the ``RELEASED_KINDS`` that it consists of, workloads among
            them, but not what Kubernetes removes by itself.
        claims: Names of the volume claims that hold its data, also of those that
            StatefulSets make.
    """

    status: ReleaseStatus
    revision: int
    digest: str | None
    workloads: tuple[WorkloadRef, ...]
    objects: tuple[ObjectRef, ...] = ()
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What to install.

    Attributes:
        namespace: The store's namespace.
        name: The release's name.
        chart: Folder or archive of the chart.
        values: The values, as data.
        digest: Digest of chart and values, at most 63 characters of a label.
    """

    namespace: str
    name: str
    chart: Path
    values: Mapping[str, Any] = field(repr=False)
    digest: str = ""


class Releases(Protocol):
    """Helm, as the release step needs it."""

    async def check(self) -> str:
        """Return Helm's version.

        Raises:
            HelmMissing: There is no Helm, or one that is too old.
        """
        ...

    async def get(self, namespace: str, name: str, *, live: bool = False) -> Release | None:
        """Return the newest revision of a release, or None."""
        ...

    async def manifests(
        self, namespace: str, name: str, revision: int
    ) -> Sequence[Manifest] | None:
        """Return the manifests of ``Release.objects`` of a revision, in their order.

        Objects are held to them, so the cluster itself is asked: what was watched may be
        of before an upgrade, which would be undone.

        Returns:
            As they were applied, with the marks that Helm gives to its objects; None
            where that revision is not the newest one, or there is no release.
        """
        ...

    async def install(self, request: ReleaseRequest) -> Release:
        """Install or upgrade, without waiting for readiness.

        The caller holds the store's lease: a revision that is ``pending`` belongs
        to nobody and is taken over.

        Raises:
            ReleaseFailed: Helm could not; ``retryable`` tells whether it may later.
        """
        ...

    async def uninstall(self, namespace: str, name: str) -> None:
        """Uninstall; a release that is gone already is fine."""
        ...

    def chart_digest(self, chart: Path) -> str:
        """Return the SHA-256 of a chart's files, in hexadecimal."""
        ...


@dataclass(frozen=True, slots=True)
class ReleaseSecret:
    """A Secret in which Helm keeps one revision of a release, without its content.

    Attributes:
        name: Its name.
        labels: Its labels; Helm's own are ``name``, ``owner``, ``status`` and ``version``.
        resource_version: Changes whenever the Secret changes.
    """

    name: str
    labels: Mapping[str, str]
    resource_version: str


class SecretStore(Protocol):
    """The Secrets of a cluster, as the adapter to Helm needs them."""

    async def list_release_labels(
        self, namespace: str, release: str, *, live: bool
    ) -> Sequence[ReleaseSecret]:
        """Return the Secrets that Helm keeps for a release, in any order.

        Args:
            namespace: Where to look; one that does not exist has none.
            release: Name of the release.
            live: Ask the cluster itself rather than what was watched.
        """
        ...

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the data of a Secret, the API's base64 undone, or None if it is not there."""
        ...

    async def replace_secret_data(
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes],
        labels: Mapping[str, str],
        *,
        resource_version: str | None,
    ) -> None:
        """Replace data and labels of a Secret.

        Args:
            namespace: Where it is.
            name: Its name.
            data: The new data, before the API's base64.
            labels: The new labels, all of them.
            resource_version: If given, the Secret must not have changed since.

        Raises:
            ClusterRefused: It has changed, or it is gone.
        """
        ...
