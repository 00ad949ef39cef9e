"""The store's own namespace: first to come, last to go."""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from storeorch.errors import DataMissing, NamespaceNotOurs
from storeorch.ports import NamespacePhase
from storeorch.storetype import Done, Outcome, Step, StoreContext, Waiting

_LOOK_AGAIN_SECONDS: Final = 30.0
"""A namespace that hangs is looked at this often: what blocks it may change unseen."""


class NamespaceStep(Step):
    """Creates the namespace with ownership labels, and deletes it."""

    name = "namespace"
    condition = "NamespaceReady"

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        state = await ctx.cluster.namespace(ctx.namespace)
        # What fails a store for good was seen on the cluster itself: the watch may lag behind.
        if state.phase is not NamespacePhase.ACTIVE or state.owner_id != ctx.store.id:
            state = await ctx.cluster.namespace(ctx.namespace, live=True)
        match state.phase:
            case NamespacePhase.TERMINATING:
                return Waiting(
                    "NamespaceTerminating",
                    f"The namespace {ctx.namespace} is being deleted by someone.",
                    _LOOK_AGAIN_SECONDS,
                )
            case NamespacePhase.ACTIVE if state.owner_id != ctx.store.id:
                raise NamespaceNotOurs(
                    f"The namespace {ctx.namespace} exists and does not belong to this store."
                )
            case NamespacePhase.ACTIVE:
                return Done(f"The namespace {ctx.namespace} exists.")
            case NamespacePhase.ABSENT if ctx.store.established:
                raise DataMissing(f"The namespace {ctx.namespace} is gone, and its data with it.")
            case _:
                created = await ctx.cluster.create_namespace(ctx.namespace, ctx.owner)
                return Done(f"The namespace {ctx.namespace} exists.", changed=created)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        state = await ctx.cluster.namespace(ctx.namespace, live=True)
        if state.phase is NamespacePhase.ACTIVE:
            if state.owner_id != ctx.store.id:
                return Done(f"The namespace {ctx.namespace} is not ours and was left alone.")
            await ctx.cluster.delete_namespace(ctx.namespace, ctx.owner)
            state = await ctx.cluster.namespace(ctx.namespace, live=True)
        if state.phase is NamespacePhase.ABSENT or state.owner_id != ctx.store.id:
            return Done(f"The namespace {ctx.namespace} is gone.", changed=True)
        blocked = f" It is held by {state.blocked_by}." if state.blocked_by else ""
        return Waiting(
            "NamespaceTerminating",
            f"The namespace {ctx.namespace} is being deleted.{blocked}",
            _LOOK_AGAIN_SECONDS,
        )
