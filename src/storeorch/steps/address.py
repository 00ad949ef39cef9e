"""The address under which customers find the store."""

from __future__ import annotations

from typing_extensions import override

from storeorch.storetype import Done, Outcome, Step, StoreContext


class AddressStep(Step):
    """Makes the store's host known and names its URL."""

    name = "address"
    condition = "AddressReady"

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        await ctx.hosts.ensure(ctx.store.host, ctx.owner)
        return Done(f"The store's address is {ctx.url}.", url=ctx.url)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        await ctx.hosts.remove(ctx.store.host, ctx.owner)
        return Done(f"The host {ctx.store.host} is forgotten.", changed=True)
