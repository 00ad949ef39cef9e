"""Read and mend the Secrets in which Helm keeps the revisions of a release.

The form is that of Helm 3 and 4 (``pkg/storage/driver``): one Secret for each
revision with labels ``name``, ``owner``, ``status`` and ``version`` and one value,
``release``: base64 of gzip of JSON.

This module must not start Helm.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from storeorch.errors import ReleaseFailed
from storeorch.ports import ReleaseSecret, ReleaseStatus, SecretStore

LABEL_DIGEST: Final = "storeorch.io/digest"
"""Label of a revision: the digest of chart and values that it was made from."""

_DATA_KEY: Final = "release"
_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
_STATUSES: Final = {
    "deployed": ReleaseStatus.DEPLOYED,
    "pending-install": ReleaseStatus.PENDING,
    "pending-upgrade": ReleaseStatus.PENDING,
    "pending-rollback": ReleaseStatus.PENDING,
    "uninstalling": ReleaseStatus.UNINSTALLING,
    "uninstalled": None,
}


def newest(revisions: Sequence[ReleaseSecret]) -> ReleaseSecret | None:
    """Return the Secret of the newest revision, or None if there is none."""
    return max(revisions, key=revision_of, default=None)


def revision_of(secret: ReleaseSecret) -> int:
    """Return the revision that a Secret holds; 0 where its label is not a number."""
    version = secret.labels.get("version", "")
    return int(version) if version.isdecimal() else 0


def status_from(word: str | None) -> ReleaseStatus | None:
    """Translate Helm's word for the status of a newest revision.

    Returns:
        The status; None for ``uninstalled``, a history that was kept. What cannot
        be trusted counts as failed, also ``superseded``: a newest revision that is
        superseded has lost its successor, and Helm upgrades over both alike.
    """
    return _STATUSES.get(word or "", ReleaseStatus.FAILED)


def decode(data: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the release that a Secret's data holds.

    Raises:
        ReleaseFailed: The data is not a release.
    """
    try:
        blob = base64.b64decode(data[_DATA_KEY], validate=True)
        plain = gzip.decompress(blob) if blob.startswith(_GZIP_MAGIC) else blob
        release: dict[str, Any] = dict(json.loads(plain))
    except (KeyError, TypeError, ValueError, OSError, EOFError, zlib.error) as error:
        raise ReleaseFailed(
            "Helm's record of the release cannot be read.",
            hint="Have an operator look at the release with: helm history",
        ) from error
    return release


def encode(release: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the data of the Secret that holds a release."""
    plain = json.dumps(release, separators=(",", ":"), ensure_ascii=False).encode()
    return {_DATA_KEY: base64.b64encode(gzip.compress(plain, mtime=0))}


async def mark_failed(
    secrets: SecretStore, namespace: str, secret: ReleaseSecret, *, now: datetime
) -> None:
    """Mark a revision that nobody works on any more as failed, in its data and its label.

    Helm refuses to upgrade over a pending revision, and upgrades over a failed one.

    Args:
        secrets: Where the revision is kept.
        namespace: The namespace of the release.
        secret: The revision as it was seen; one that has changed since is left alone.
        now: The time to record.

    Raises:
        ReleaseFailed: The revision cannot be read.
        ClusterRefused: The revision has changed since it was seen.
    """
    data = await secrets.read_secret(namespace, secret.name)
    if data is None:
        return
    release = decode(data)
    info = release.setdefault("info", {})
    info["status"] = "failed"
    info["description"] = "Interrupted; taken over by storeorch"
    labels = {**secret.labels, "status": "failed", "modifiedAt": str(int(now.timestamp()))}
    await secrets.replace_secret_data(
        namespace,
        secret.name,
        {**data, **encode(release)},
        labels,
        resource_version=secret.resource_version,
    )
