"""Declares stores while everything is disturbed, and remembers what was declared.

A declaration whose answer is lost is made again, as a user would. This module must not
know what is disturbed, nor how.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from tests.chaos.script import Declaration, Verb

from storeorch import Orchestrator, Store
from storeorch.errors import DatabaseUnavailable, NameTaken, StoreNotFound

T = TypeVar("T")

_AGAIN_SECONDS: Final = 0.3
_SHOP: Final = {"woocommerce": "wordpress", "medusa": "medusa"}
"""Name of the shop's parameters, and of its Deployment, by type."""


@dataclass
class Wanted:
    """What was declared of one store.

    Attributes:
        store: As it was answered last.
        image: Image of the shop.
        deleted: Whether its deletion was declared.
        said: How many declarations were acknowledged.
    """

    store: Store
    image: str
    deleted: bool = False
    said: int = 1

    @property
    def shop(self) -> str:
        """Name of the Deployment that the image is of."""
        return _SHOP[self.store.type]


@dataclass
class Declarer:
    """Makes declarations, and repeats those whose answer is lost.

    Attributes:
        orchestrator: Without an engine inside.
        wanted: All stores that were created, by name.
        lost: How many answers were lost.
    """

    orchestrator: Orchestrator
    wanted: dict[str, Wanted] = field(default_factory=dict)
    lost: int = 0

    async def declare(self, declaration: Declaration) -> None:
        """Make a declaration; it is acknowledged when this returns."""
        image = f"registry.example/{declaration.type}:{declaration.tag}"
        match declaration.verb:
            case Verb.CREATE:
                store = await self._insist(lambda: self._create(declaration, image))
                self.wanted[declaration.name] = Wanted(store, image)
            case Verb.UPDATE:
                wanted = self.wanted[declaration.name]
                parameters = _parameters(declaration, image)
                wanted.store = await self._insist(
                    lambda: self.orchestrator.update(wanted.store.id, parameters=parameters)
                )
                wanted.image = image
                wanted.said += 1
            case Verb.DELETE:
                wanted = self.wanted[declaration.name]
                await self._insist(lambda: self._delete(wanted.store.id))
                wanted.deleted = True
                wanted.said += 1

    async def settled(self, wanted: Wanted) -> Store | None:
        """Wait until a store has come to rest; None if it is gone."""
        return await self._insist(lambda: self.orchestrator.wait(wanted.store.id))

    async def _create(self, declaration: Declaration, image: str) -> Store:
        try:
            return await self.orchestrator.create(
                declaration.name, type=declaration.type, parameters=_parameters(declaration, image)
            )
        except NameTaken:
            # An attempt of which the answer was lost has been carried out.
            return await self.orchestrator.get(declaration.name)

    async def _delete(self, store_id: str) -> None:
        try:
            await self.orchestrator.delete(store_id)
        except StoreNotFound:
            return

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await call()
            except DatabaseUnavailable:
                self.lost += 1
                await asyncio.sleep(_AGAIN_SECONDS)


def _parameters(declaration: Declaration, image: str) -> dict[str, Any]:
    return {_SHOP[declaration.type]: {"image": image}}
