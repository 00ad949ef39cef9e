"""The dashboard's types are made from the API's document, so that must be the present one."""

from __future__ import annotations

import json
import os

from tests.web.live import command

import plan


def test_the_dashboards_copy_of_the_apis_document_is_the_present_one() -> None:
    kept = plan.ROOT / plan.DASHBOARD / "openapi.json"
    assert json.loads(kept.read_text()) == json.loads(command(os.environ, "openapi")), (
        "the API has changed; make the dashboard's types anew, see its README.md"
    )
