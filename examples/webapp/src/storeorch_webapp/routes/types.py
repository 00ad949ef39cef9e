"""``/api/types`` and ``/api/me``: what can be asked for, and by whom."""

from __future__ import annotations

from fastapi import APIRouter

from storeorch_webapp.access import Viewer, limits_of
from storeorch_webapp.failures import documented
from storeorch_webapp.models import Me, Success, TypeOut
from storeorch_webapp.routes.stores import With

router = APIRouter(
    prefix="/api", tags=["types"], responses=documented(401, 403, 422, 429, 500, 503)
)


@router.get("/types")
async def list_types(
    who: Viewer,  # noqa: ARG001 - it takes one
    services: With,
) -> Success[tuple[TypeOut, ...]]:
    """List the store types, each with the JSON Schema of its parameters."""
    return Success(data=tuple(TypeOut.of(offered) for offered in services.orchestrator.types()))


@router.get("/me")
async def who_am_i(who: Viewer, services: With) -> Success[Me]:
    """Say who is asking, and what that allows."""
    limits = limits_of(who, services)
    return Success(
        data=Me(
            actor=who.actor,
            owner=who.owner,
            role=who.role.value,
            auth=services.settings.auth.value,
            max_stores=limits.stores if limits else None,
            creations_per_hour=limits.creations_per_hour if limits else None,
        )
    )
