"""``/api/stores``: what a store is asked for, looked at, changed and deleted by."""

from __future__ import annotations

import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Response

from storeorch import Event, Status, Store, StoreFilter, StoreOrder, errors
from storeorch_webapp.access import Operator, Principal, Viewer, limits_of
from storeorch_webapp.failures import documented
from storeorch_webapp.models import (
    CreateStore,
    CredentialsOut,
    EventList,
    EventOut,
    EventPage,
    Message,
    StoreList,
    StoreOut,
    StorePage,
    Success,
    UpdateStore,
    ValidateStore,
    Validation,
)
from storeorch_webapp.services import Services, services_of

PAGE_AT_MOST: Final = 1000
"""Stores or events in one answer."""

REFUSALS: Final = documented(400, 401, 403, 413, 422, 429, 500, 503)

router = APIRouter(prefix="/api/stores", tags=["stores"], responses=REFUSALS)

With = Annotated[Services, Depends(services_of)]


@router.get("")
async def list_stores(
    who: Viewer,
    services: With,
    *,
    status: Annotated[tuple[Status, ...], Query(description="Only with one of these.")] = (),
    type_: Annotated[str | None, Query(alias="type", max_length=63)] = None,
    search: Annotated[str | None, Query(max_length=63, description="A part of the name.")] = None,
    sort: StoreOrder = StoreOrder.NEWEST,
    limit: Annotated[int, Query(ge=1, le=PAGE_AT_MOST)] = PAGE_AT_MOST,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> StoreList:
    """List stores, newest first unless another order is asked for."""
    where = StoreFilter(
        statuses=frozenset(status), type=type_, search=_text(search), owner=who.owner
    )
    page = await services.orchestrator.list(where, limit=limit, cursor=cursor, order=sort)
    counts = await services.orchestrator.count(where)
    return StoreList(
        data=tuple(StoreOut.of(store) for store in page.items),
        page=StorePage(next_cursor=page.next_cursor, total=sum(counts.values()), counts=counts),
    )


@router.post("", status_code=201, responses=documented(409))
async def create_store(
    who: Operator,
    services: With,
    asked: CreateStore,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern="^[!-~]+$",
            description="Said again with the same key, the store that it made is returned.",
        ),
    ] = None,
) -> Success[StoreOut]:
    """Ask for a store; it is accepted when this answers, and made by an engine."""
    store = await services.orchestrator.create(
        asked.name,
        type=asked.type,
        parameters=asked.parameters,
        actor=who.actor,
        owner=who.owns,
        limits=limits_of(who, services),
        key=idempotency_key,
    )
    response.headers["Location"] = f"/api/stores/{store.id}"
    return Success(data=StoreOut.of(store))


@router.post("/validate")
async def validate_store(
    who: Operator,  # noqa: ARG001 - who may not create needs not try
    services: With,
    asked: ValidateStore,
) -> Success[Validation]:
    """Say what a declaration would be refused for, field by field; nothing is written."""
    found = await services.orchestrator.validate(
        asked.name, type=asked.type, parameters=asked.parameters
    )
    return Success(data=Validation.of(found))


@router.get("/{store_id}", responses=documented(404))
async def get_store(store_id: str, who: Viewer, services: With) -> Success[StoreOut]:
    """Return a store."""
    return Success(data=StoreOut.of(await seen(store_id, who, services)))


@router.patch("/{store_id}", responses=documented(404, 409))
async def update_store(
    store_id: str, who: Operator, services: With, asked: UpdateStore
) -> Success[StoreOut]:
    """Declare new parameters, merged over the present ones."""
    store = await seen(store_id, who, services)
    updated = await services.orchestrator.update(
        store.id, parameters=asked.parameters, actor=who.actor
    )
    return Success(data=StoreOut.of(updated))


@router.delete("/{store_id}", responses=documented(404))
async def delete_store(store_id: str, who: Operator, services: With) -> Message:
    """Declare that a store is no longer wanted; saying so again changes nothing."""
    store = await seen(store_id, who, services)
    await services.orchestrator.delete(store.id, actor=who.actor)
    return Message(message="Store deletion initiated")


@router.post("/{store_id}/retry", responses=documented(404, 409))
async def retry_store(store_id: str, who: Operator, services: With) -> Success[StoreOut]:
    """Have another attempt made at a store that failed, is degraded or backs off."""
    store = await seen(store_id, who, services)
    return Success(data=StoreOut.of(await services.orchestrator.retry(store.id, actor=who.actor)))


@router.get("/{store_id}/events", responses=documented(404))
async def list_events(
    store_id: str,
    who: Viewer,
    services: With,
    *,
    after: Annotated[int, Query(ge=0, le=2**62, description="Only greater ids.")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_AT_MOST)] = 200,
) -> EventList:
    """Return a store's history, oldest first, also of one that is gone."""
    _check_id(store_id)
    (first, *_) = await services.orchestrator.events(store_id, limit=1)
    _check_owner(first, who)
    found = list(await services.orchestrator.events(store_id, after=after, limit=limit + 1))
    shown = found[:limit]
    return EventList(
        data=tuple(EventOut.of(event) for event in shown),
        page=EventPage(next_after=shown[-1].id if shown else after, more=len(found) > len(shown)),
    )


@router.get("/{store_id}/credentials", responses=documented(404, 409, 502))
async def get_credentials(store_id: str, who: Operator, services: With) -> Success[CredentialsOut]:
    """Return a store's passwords and keys; who asked is kept in its history."""
    store = await seen(store_id, who, services)
    found = await services.orchestrator.credentials(store.id, actor=who.actor)
    return Success(data=CredentialsOut.model_validate(found))


async def seen(store_id: str, who: Principal, services: Services) -> Store:
    """Return a store that may be seen, by its id alone: names are not addresses here.

    Raises:
        StoreNotFound: There is none, or it belongs to someone else.
    """
    _check_id(store_id)
    return who.see(await services.orchestrator.get(store_id))


def _check_id(store_id: str) -> None:
    try:
        known = str(uuid.UUID(store_id)) == store_id
    except ValueError:
        known = False
    if not known:
        raise errors.StoreNotFound(f"There is no store {store_id!a}.")


def _check_owner(event: Event, who: Principal) -> None:
    if not who.may_see(event.owner):
        raise errors.StoreNotFound(f"There never was a store {event.store_id!a}.")


def _text(search: str | None) -> str | None:
    """Return what is searched for; no name holds NUL, and no database takes it."""
    if search is not None and "\0" in search:
        raise errors.InvalidDeclaration("The search text is not possible.")
    return search or None
