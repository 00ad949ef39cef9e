"""What the OpenAPI document says is what the app does: schemathesis tries to find otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import limits
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from tests.web.memory import Memory, served

from storeorch_webapp import WebSettings, create_app, rates
from storeorch_webapp.tokens import Role

ROOT = Path(__file__).resolve().parents[2]

STREAM = "/api/events/stream"
"""It never ends, so it is not asked without a mistake; the tests of streams read it."""

EXAMPLES = 25
"""Requests for each operation, in each way."""


def document() -> dict[str, Any]:
    return create_app(WebSettings()).openapi()


OPERATIONS = sorted(
    f"{method.upper()} {path}"
    for path, operations in document()["paths"].items()
    for method in operations
    if path != STREAM
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of an app in memory that is served, and the token of an admin."""
    memory = Memory(tmp_path_factory.mktemp("openapi"))
    app = memory.app()
    with (
        pytest.MonkeyPatch.context() as patch,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        portal.wrap_async_context_manager(served(app)) as url,
    ):
        patch.setattr(rates, "_FAILURES", limits.parse("1000000/minute"))
        yield url, portal.call(_token, memory, app)


async def _token(memory: Memory, app: FastAPI) -> str:
    return await memory.token(app, Role.ADMIN)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_answers_are_documented(address: tuple[str, str], operation: str) -> None:
    """No 5xx, no status, header or body that is not in the document; wrong input is refused."""
    url, token = address
    load_all_checks()
    schema = schemathesis.openapi.from_dict(document())
    method, path = operation.split()
    found = schema[path][method]
    wrong = schemathesis.GenerationMode
    strategy = st.one_of(
        found.as_strategy(generation_mode=wrong.POSITIVE),
        found.as_strategy(generation_mode=wrong.NEGATIVE),
    )

    # Which names, types and cursors are possible is more than a schema can say; parameters of
    # the query that are not known are ignored, as everywhere in the web.
    excluded: list[Any] = [positive_data_acceptance]
    if method == "GET":
        excluded.append(negative_data_rejection)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: schemathesis.Case[Any]) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(base_url=url, headers=headers, excluded_checks=excluded)

    ask()


def test_the_dashboard_knows_this_api() -> None:
    """Its types are made from the document that it keeps."""
    kept = json.loads((ROOT / "examples/webapp/dashboard/openapi.json").read_text())
    assert kept == document()
