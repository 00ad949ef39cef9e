from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storeorch.errors import (
    ClusterRefused,
    ClusterUnavailable,
    PermissionMissing,
    StoreorchError,
)
from storeorch.kube.connection import Connection, together
from storeorch.kube.errors import Conflict, Gone, Invalid, NotFound, RetryLater
from storeorch.kube.resources import DEPLOYMENTS, NAMESPACES, PODS, SECRETS, Call, Verb

CANARY = "canary-9c1f"
PATH = "/api/v1/namespaces"
CREATE = Call(Verb.CREATE, NAMESPACES, body={"kind": "Namespace"})


def status(code: int, message: str = CANARY) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "code": code, "message": message}


async def test_a_call_is_sent_as_the_api_wants_it(api: Any, connection: Connection) -> None:
    path = "/apis/apps/v1/namespaces/store-a/deployments/shop"
    api.on("PATCH", path, 200, {"kind": "Deployment"})

    answer = await connection.request(
        Call(
            Verb.PATCH,
            DEPLOYMENTS,
            name="shop",
            namespace="store-a",
            params={"fieldManager": "storeorch", "force": "true"},
            body={"metadata": {"name": "shop"}},
            content_type="application/apply-patch+yaml",
        )
    )

    (sent,) = api.sent
    assert answer == {"kind": "Deployment"}
    assert (sent.method, sent.path, sent.query) == (
        "PATCH",
        path,
        {"fieldManager": "storeorch", "force": "true"},
    )
    assert sent.body == {"metadata": {"name": "shop"}}
    assert sent.headers["content-type"] == "application/apply-patch+yaml"
    assert sent.headers["user-agent"] == "storeorch"


async def test_names_cannot_leave_their_place_in_the_path(api: Any, connection: Connection) -> None:
    with pytest.raises(NotFound):
        await connection.request(Call(Verb.GET, SECRETS, name="../x?y", namespace="a/b"))

    assert api.sent[0].path == "/api/v1/namespaces/a/b/secrets/../x?y"
    assert api.sent[0].query == {}


@pytest.mark.parametrize(
    ("code", "expected"), [(404, NotFound), (409, Conflict), (410, Gone), (422, Invalid)]
)
async def test_answers_that_callers_handle(
    api: Any, connection: Connection, code: int, expected: type[Exception]
) -> None:
    api.on("POST", PATH, code, status(code))

    with pytest.raises(expected) as caught:
        await connection.request(CREATE)

    assert not isinstance(caught.value, StoreorchError)


@pytest.mark.parametrize(
    ("code", "message", "expected", "sentence"),
    [
        (401, CANARY, PermissionMissing, "The cluster does not accept the credentials"),
        (
            403,
            f'namespaces is forbidden: User "{CANARY}" cannot create resource "secrets"',
            PermissionMissing,
            "The cluster does not permit to create namespaces.",
        ),
        (403, f"exceeded quota: {CANARY}", ClusterRefused, "refuses to create namespaces."),
        (
            403,
            f'admission webhook "{CANARY}" denied the request',
            ClusterRefused,
            "refuses to create namespaces.",
        ),
        (
            403,
            f"unable to create new content in namespace {CANARY} because it is being terminated",
            RetryLater,
            "still being deleted",
        ),
        (400, CANARY, ClusterRefused, "The cluster refuses to create namespaces."),
        (429, CANARY, ClusterUnavailable, "takes no more requests"),
        (500, CANARY, ClusterUnavailable, "cannot answer at the moment"),
        (503, CANARY, ClusterUnavailable, "cannot answer at the moment"),
    ],
)
async def test_translation_never_repeats_the_answer(  # noqa: PLR0917
    api: Any,
    connection: Connection,
    code: int,
    message: str,
    expected: type[StoreorchError],
    sentence: str,
) -> None:
    api.on("POST", PATH, code, status(code, message))

    with pytest.raises(expected) as caught:
        await connection.request(CREATE)

    error = caught.value
    assert type(error) is expected
    assert sentence in error.message
    assert CANARY not in f"{error} {error.message} {error.hint}"
    assert CANARY in str(error.__cause__)


@pytest.mark.parametrize(
    ("expected", "retryable"),
    [(ClusterUnavailable, True), (PermissionMissing, True), (ClusterRefused, False)],
)
def test_what_may_be_tried_again(expected: type[StoreorchError], retryable: bool) -> None:
    assert expected.retryable is retryable
    assert RetryLater.retryable


async def test_nobody_listens(tmp_path: Path, make_kubeconfig: Callable[..., Path]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        path = make_kubeconfig(tmp_path / "config", url)
        connection = Connection(kubeconfig=path, environ={})

        with pytest.raises(ClusterUnavailable) as caught:
            await connection.request(Call(Verb.LIST, PODS))
        await connection.close()

    assert caught.value.message == "The Kubernetes cluster cannot be reached."
    assert url not in f"{caught.value.message} {caught.value.hint}"


async def test_somebody_who_does_not_answer(
    tmp_path: Path, make_kubeconfig: Callable[..., Path]
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        path = make_kubeconfig(tmp_path / "config", url)
        connection = Connection(kubeconfig=path, environ={}, read_timeout=0.05)

        with pytest.raises(ClusterUnavailable, match="does not answer in time"):
            await connection.request(Call(Verb.LIST, PODS))
        await connection.close()


async def test_a_watch_has_to_begin_as_soon_as_any_answer(
    tmp_path: Path, make_kubeconfig: Callable[..., Path]
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        path = make_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{silent.getsockname()[1]}")
        connection = Connection(kubeconfig=path, environ={}, read_timeout=0.05)

        with pytest.raises(ClusterUnavailable, match="does not answer in time"):
            async with connection.stream(Call(Verb.WATCH, PODS), idle=3600, total=7200):
                pass
        await connection.close()


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b'"x"', b"\xff"])
async def test_something_else_answers(api: Any, connection: Connection, body: bytes) -> None:
    api.on("GET", "/api/v1/pods", 200, body)

    with pytest.raises(ClusterUnavailable, match="is no Kubernetes API"):
        await connection.request(Call(Verb.LIST, PODS))


async def test_tls_that_is_none(
    api: Any, tmp_path: Path, make_kubeconfig: Callable[..., Path]
) -> None:
    path = make_kubeconfig(tmp_path / "config", api.url.replace("http://", "https://"))
    connection = Connection(kubeconfig=path, environ={})

    with pytest.raises(ClusterUnavailable, match="cannot be reached"):
        await connection.request(Call(Verb.LIST, PODS))
    await connection.close()


async def test_credentials_that_changed_are_read_anew(
    api: Any, kubeconfig: Path, connection: Connection, make_kubeconfig: Callable[..., Path]
) -> None:
    api.on("GET", "/api/v1/pods", 200, {"kind": "PodList"})
    await connection.request(Call(Verb.LIST, PODS))
    api.token = "a-new-one"
    make_kubeconfig(kubeconfig, api.url, token="a-new-one")

    answer = await connection.request(Call(Verb.LIST, PODS))

    assert answer == {"kind": "PodList"}
    assert len(api.sent) == 3


async def test_a_server_that_moved_is_followed_when_it_refuses_credentials(
    api: Any, tmp_path: Path, kubeconfig: Path, make_kubeconfig: Callable[..., Path]
) -> None:
    api.on("GET", "/api/v1/pods", 200, {"kind": "PodList"})
    make_kubeconfig(kubeconfig, api.url.replace("127.0.0.1", "localhost"), token="old")
    connection = Connection(kubeconfig=kubeconfig, environ={})
    with pytest.raises(PermissionMissing):
        await connection.request(Call(Verb.LIST, PODS))
    make_kubeconfig(kubeconfig, api.url)

    assert await connection.request(Call(Verb.LIST, PODS)) == {"kind": "PodList"}
    await connection.close()


async def test_a_netrc_has_no_say(
    api: Any, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # aiohttp reads the environment itself, so there is no port to fake it at.
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.on("GET", "/api/v1/pods", 200, {"kind": "PodList"})

    assert await connection.request(Call(Verb.LIST, PODS)) == {"kind": "PodList"}


async def test_pages_are_followed(api: Any, connection: Connection) -> None:
    api.on("GET", "/api/v1/pods", 200, {"metadata": {"continue": "t1"}, "items": [1]})
    api.on("GET", "/api/v1/pods", 200, {"metadata": {"continue": ""}, "items": [2]})

    pages = [page["items"] async for page in connection.pages(PODS, params={"labelSelector": "a"})]

    assert pages == [[1], [2]]
    assert [sent.query for sent in api.sent] == [
        {"labelSelector": "a", "limit": "500"},
        {"labelSelector": "a", "limit": "500", "continue": "t1"},
    ]


async def test_nothing_is_read_before_it_is_used(tmp_path: Path) -> None:
    connection = Connection(kubeconfig=tmp_path / "nowhere", environ={})
    await connection.close()


async def test_the_first_error_of_many_calls_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise ClusterUnavailable from OSError(CANARY)

    hanging = asyncio.Event()

    with pytest.raises(ClusterUnavailable) as caught:
        await together([hanging.wait(), fail()])

    assert isinstance(caught.value.__cause__, OSError)
