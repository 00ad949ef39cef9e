"""Who is asking, what that allows, and how often.

Only the header ``Authorization`` counts: browsers never add it by themselves, so a
foreign page cannot act for a user. Where authentication is off, everyone is an admin,
but only on this machine, and not through pages of other origins.

This module must know no route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from storeorch import OwnerLimits, Store
from storeorch.errors import StoreNotFound
from storeorch_webapp.failures import Refused
from storeorch_webapp.services import Services, services_of
from storeorch_webapp.settings import Auth
from storeorch_webapp.tokens import Role, Token

_bearer = HTTPBearer(auto_error=False, description="A token of `storeorch_webapp token create`.")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking.

    Attributes:
        actor: Who is named in histories.
        owner: Whose stores are seen; None means everyone's.
        owns: To whom new stores belong.
        role: What is allowed.
    """

    actor: str
    owner: str | None
    owns: str | None
    role: Role

    def may_see(self, owner: str | None) -> bool:
        """Return whether stores of that owner may be seen."""
        return self.owner is None or self.owner == owner

    def see(self, store: Store) -> Store:
        """Return the store if it may be seen.

        Raises:
            StoreNotFound: It belongs to someone else; that it is there is not told.
        """
        if not self.may_see(store.owner):
            raise StoreNotFound(f"There is no store {store.id!a}.")
        return store


EVERYONE: Final = Principal("everyone", None, None, Role.ADMIN)
"""Who is asking where authentication is off."""


async def authenticate(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Principal:
    """Return who is asking.

    Raises:
        Refused: There is no token, it is not valid, or there were too many requests.
    """
    address = request.client.host if request.client else "unknown"
    if services.settings.auth is Auth.OFF:
        await services.rates.count(address)
        return EVERYONE
    token = await services.tokens.verify(shown.credentials) if shown is not None else None
    if token is None:
        await services.rates.count_failure(address)
        raise Refused(
            401,
            "unauthenticated",
            "A valid token is needed.",
            hint="Send the header 'Authorization: Bearer TOKEN'.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    await services.rates.count(token.id)
    return principal_of(token)


async def still_welcome(request: Request, services: Services) -> bool:
    """Return whether the token of a request that goes on still holds."""
    if services.settings.auth is Auth.OFF:
        return True
    shown = await _bearer(request)
    return shown is not None and await services.tokens.verify(shown.credentials) is not None


def principal_of(token: Token) -> Principal:
    """Return who the holder of a token is."""
    owner = None if token.role is Role.ADMIN else token.owner
    return Principal(f"{token.owner} (token {token.id})", owner, token.owner, token.role)


def require(role: Role) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency that lets only those pass who may do what the role may."""

    async def check(who: Annotated[Principal, Depends(authenticate)]) -> Principal:
        if not who.role.includes(role):
            raise Refused(
                403,
                "forbidden",
                f"This takes the role {role.value}; the token has the role {who.role.value}.",
            )
        return who

    return check


def limits_of(who: Principal, services: Services) -> OwnerLimits | None:
    """Return how much someone may declare; admins have no limit."""
    if who.role is Role.ADMIN:
        return None
    settings = services.settings
    return OwnerLimits(stores=settings.max_stores, creations_per_hour=settings.creations_per_hour)


Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Operator = Annotated[Principal, Depends(require(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]
