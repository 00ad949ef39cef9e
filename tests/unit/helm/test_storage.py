from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeorch.errors import ClusterRefused, ReleaseFailed
from storeorch.helm import storage
from storeorch.ports import ReleaseSecret, ReleaseStatus

from .conftest import MemorySecrets, release

NOW = datetime(2026, 11, 24, tzinfo=UTC)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_what_is_encoded_is_decoded(content: dict[str, object]) -> None:
    assert storage.decode(storage.encode(content)) == content


def test_release_from_before_compression() -> None:
    assert storage.decode({"release": base64.b64encode(b'{"version": 1}')}) == {"version": 1}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"release": b""},
        {"release": b"%%%"},
        {"release": base64.b64encode(b"no json")},
        {"release": base64.b64encode(b"[1, 2]")},
        {"release": base64.b64encode(b"\x1f\x8b\x08 no gzip")},
        {"release": storage.encode(release())["release"][:100]},
    ],
)
def test_what_is_no_release(data: dict[str, bytes]) -> None:
    with pytest.raises(ReleaseFailed, match="cannot be read"):
        storage.decode(data)


def test_newest_goes_by_number() -> None:
    secrets = [
        ReleaseSecret(f"v{version}", {"version": version}, "1") for version in ("9", "10", "x")
    ]
    newest = storage.newest(secrets)
    assert newest
    assert newest.name == "v10"
    assert storage.newest([]) is None


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("deployed", ReleaseStatus.DEPLOYED),
        ("failed", ReleaseStatus.FAILED),
        ("superseded", ReleaseStatus.FAILED),
        ("unknown", ReleaseStatus.FAILED),
        (None, ReleaseStatus.FAILED),
        ("pending-install", ReleaseStatus.PENDING),
        ("pending-upgrade", ReleaseStatus.PENDING),
        ("pending-rollback", ReleaseStatus.PENDING),
        ("uninstalling", ReleaseStatus.UNINSTALLING),
        ("uninstalled", None),
    ],
)
def test_status(word: str | None, status: ReleaseStatus | None) -> None:
    assert storage.status_from(word) is status


async def test_mark_failed_changes_status_and_nothing_else(secrets: MemorySecrets) -> None:
    secrets.put(release("pending-upgrade"), digest="abc")
    (secret,) = await secrets.list_release_labels("ns", "shop", live=True)
    await storage.mark_failed(secrets, "ns", secret, now=NOW)
    ((after, data),) = secrets.kept.values()
    assert after.labels == {
        **secret.labels,
        "status": "failed",
        "modifiedAt": str(int(NOW.timestamp())),
    }
    content = storage.decode(data)
    assert content["info"].pop("status") == "failed"
    assert "storeorch" in content["info"].pop("description")
    expected = release()
    expected["info"] = {}
    assert json.dumps(content) == json.dumps(expected)


async def test_mark_failed_leaves_alone_what_has_changed(secrets: MemorySecrets) -> None:
    secrets.put(release("pending-install"))
    stale = ReleaseSecret("sh.helm.release.v1.shop.v1", {"version": "1"}, "0")
    with pytest.raises(ClusterRefused):
        await storage.mark_failed(secrets, "ns", stale, now=NOW)


async def test_mark_failed_of_what_is_gone(secrets: MemorySecrets) -> None:
    await storage.mark_failed(secrets, "ns", ReleaseSecret("gone", {}, "1"), now=NOW)
    assert secrets.kept == {}
