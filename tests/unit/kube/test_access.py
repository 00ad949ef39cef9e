from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from storeorch.errors import ClusterUnavailable, PermissionMissing
from storeorch.kube.access import NEEDED, missing_rights
from storeorch.kube.connection import Connection
from storeorch.kube.errors import permission_missing

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def permit(api: Any, *refused: tuple[str, str]) -> None:
    async def review(sent: Any) -> web.StreamResponse:
        asked = sent.body["spec"]["resourceAttributes"]
        allowed = (asked["verb"], asked["resource"]) not in refused
        return web.Response(body=json.dumps({"status": {"allowed": allowed}}))

    api.play("POST", PATH, review)


async def test_nothing_is_missing(api: Any, connection: Connection) -> None:
    permit(api)

    assert await missing_rights(connection) == []
    assert len(api.sent) == sum(len(verbs.split()) for _, verbs in NEEDED)


async def test_missing_rights_are_named_in_order(api: Any, connection: Connection) -> None:
    permit(api, ("list", "secrets"), ("create", "namespaces"))

    assert await missing_rights(connection) == ["create namespaces", "list secrets"]


async def test_groups_are_asked_for(api: Any, connection: Connection) -> None:
    permit(api)
    await missing_rights(connection)

    asked = [sent.body["spec"]["resourceAttributes"] for sent in api.sent]
    assert {"group": "apps", "resource": "deployments", "verb": "watch"} in asked
    assert {"group": "", "resource": "namespaces", "verb": "delete"} in asked


async def test_a_cluster_that_does_not_answer(api: Any, connection: Connection) -> None:
    api.on("POST", PATH, 503)

    with pytest.raises(ClusterUnavailable):
        await missing_rights(connection)


async def test_credentials_that_are_not_accepted(api: Any, connection: Connection) -> None:
    api.token = "another"

    with pytest.raises(PermissionMissing, match="credentials"):
        await missing_rights(connection)


def test_many_missing_rights_stay_one_sentence() -> None:
    error = permission_missing([f"get r{number}" for number in range(15)])

    assert error.message.endswith("get r11 and 3 more.")
