"""``/api/health``, ``/api/ready`` and ``/metrics``: how the app itself is."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Response

import storeorch
from storeorch import StoreorchError, report_error
from storeorch_webapp.access import Admin
from storeorch_webapp.failures import documented
from storeorch_webapp.metrics import CONTENT_TYPE
from storeorch_webapp.models import Health, Part, Readiness, Success
from storeorch_webapp.routes.stores import With
from storeorch_webapp.services import Services

router = APIRouter(tags=["state"], responses=documented(500))


@router.get("/api/health")
async def health() -> Success[Health]:
    """Say that the app runs; nothing is looked at."""
    return Success(
        data=Health(status="ok", version=storeorch.__version__, timestamp=datetime.now(UTC))
    )


@router.get("/api/ready", responses={503: {"model": Success[Readiness]}})
async def ready(services: With, response: Response) -> Success[Readiness]:
    """Say whether requests would be carried out: the database answers, and an engine is alive."""
    parts = await _parts(services)
    found = Readiness(ready=all(part.ok for part in parts), parts=parts)
    if not found.ready:
        response.status_code = 503
    return Success(data=found)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}},
        **documented(401, 403, 422, 429, 503),
    },
)
async def metrics(
    who: Admin,  # noqa: ARG001 - it takes one: the figures are about all owners
    services: With,
) -> Response:
    """Return the app's figures in Prometheus' text format."""
    content = await services.metrics.render(services.orchestrator, streams=services.feed.listeners)
    return Response(content, media_type=CONTENT_TYPE)


async def _parts(services: Services) -> tuple[Part, ...]:
    try:
        engines = await services.orchestrator.engines()
    except StoreorchError as error:
        report_error("not ready", error)
        return (Part(name="database", ok=False, detail=error.message),)
    alive = f"{len(engines)} alive." if engines else "No engine is alive."
    return (
        Part(name="database", ok=True, detail="It answers."),
        Part(name="engine", ok=bool(engines), detail=alive),
    )
