from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storeorch.errors import ClusterUnavailable
from storeorch.kube.kubeconfig import find, load

Make = Callable[..., Path]


async def test_named_file_wins_over_the_environment(tmp_path: Path, make_kubeconfig: Make) -> None:
    named = make_kubeconfig(tmp_path / "named", "http://named.example")
    other = make_kubeconfig(tmp_path / "other", "http://other.example")

    found = await load(named, None, {"KUBECONFIG": str(other)})

    assert found.host == "http://named.example"


async def test_token_is_read(tmp_path: Path, make_kubeconfig: Make) -> None:
    path = make_kubeconfig(tmp_path / "config", "http://a.example", token="abc")

    found = await load(path, None, {})

    assert found.api_key == {"BearerToken": "Bearer abc"}


async def test_several_files_are_merged_and_the_first_current_context_wins(
    tmp_path: Path,
) -> None:
    # client-go, and so Helm, reads it this way; the Python library lets the last one win.
    first = tmp_path / "first"
    first.write_text("apiVersion: v1\nkind: Config\ncurrent-context: one\n")
    second = tmp_path / "second"
    second.write_text(
        """
apiVersion: v1
kind: Config
current-context: two
clusters:
- {name: a, cluster: {server: http://a.example}}
- {name: b, cluster: {server: http://b.example}}
contexts:
- {name: one, context: {cluster: a}}
- {name: two, context: {cluster: b}}
users: []
"""
    )
    environ = {"KUBECONFIG": os.pathsep.join([str(first), "/nowhere/config", str(second)])}

    assert (await load(None, None, environ)).host == "http://a.example"
    assert (await load(None, "two", environ)).host == "http://b.example"


def test_home_is_looked_at_last(tmp_path: Path) -> None:
    default = tmp_path / ".kube" / "config"
    default.parent.mkdir()
    default.touch()

    assert find(None, {"HOME": str(tmp_path)}) == [default]


def test_inside_a_pod_no_file_is_needed(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }

    assert find(None, environ) == []


async def test_inside_a_pod_without_a_service_account(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }

    with pytest.raises(ClusterUnavailable, match="cannot be used"):
        await load(None, None, environ)


@pytest.mark.parametrize(
    ("named", "environ", "sentence"),
    [
        (Path("/nowhere/config"), {}, "The kubeconfig that was named does not exist."),
        (None, {"KUBECONFIG": "/nowhere/config"}, "KUBECONFIG names no file that exists."),
        (None, {"HOME": "/nowhere"}, "There is no kubeconfig."),
    ],
)
def test_a_missing_kubeconfig_says_so(
    named: Path | None, environ: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ClusterUnavailable) as caught:
        find(named, environ)

    assert caught.value.message == sentence
    assert caught.value.hint
    assert caught.value.retryable


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just words",
        b"[1, 2]",
        b"{unbalanced: [",
        b"\xff\xfe\x00",
        b"current-context: here\ncontexts: 7\n",
        b"current-context: here\ncontexts: [{name: here}]\n",
        (
            b"current-context: here\nclusters: []\n"
            b"contexts: [{name: here, context: {cluster: gone}}]\n"
        ),
        (
            b"current-context: here\n"
            b"clusters: [{name: c, cluster: {server: 'https://a', "
            b"certificate-authority: /nowhere/ca.crt}}]\n"
            b"contexts: [{name: here, context: {cluster: c, user: u}}]\nusers: []\n"
        ),
        (
            b"current-context: here\n"
            b"clusters: [{name: c, cluster: {server: 'https://a', "
            b"certificate-authority-data: '%%%'}}]\n"
            b"contexts: [{name: here, context: {cluster: c, user: u}}]\nusers: []\n"
        ),
    ],
)
async def test_a_damaged_kubeconfig_is_not_an_unreachable_cluster(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)

    with pytest.raises(ClusterUnavailable) as caught:
        await load(path, None, {})

    assert caught.value.message.startswith("The kubeconfig ")
    assert "reached" not in caught.value.message
    assert str(tmp_path) not in caught.value.message


async def test_an_unknown_context_is_named(tmp_path: Path, make_kubeconfig: Make) -> None:
    path = make_kubeconfig(tmp_path / "config", "http://a.example")

    with pytest.raises(ClusterUnavailable, match="has no context 'elsewhere'"):
        await load(path, "elsewhere", {})


async def test_a_proxy_is_taken_from_the_environment_unless_the_host_is_excepted(
    tmp_path: Path, make_kubeconfig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # urllib reads the environment itself, so there is no port to fake it at.
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "near.example")
    far = make_kubeconfig(tmp_path / "far", "https://far.example")
    near = make_kubeconfig(tmp_path / "near", "https://near.example")

    assert (await load(far, None, {})).proxy == "http://proxy.example:3128"
    assert (await load(near, None, {})).proxy is None


async def test_no_current_context(tmp_path: Path, make_kubeconfig: Make) -> None:
    path = make_kubeconfig(tmp_path / "config", "http://a.example", context=None)

    with pytest.raises(ClusterUnavailable, match="no current context"):
        await load(path, None, {})
