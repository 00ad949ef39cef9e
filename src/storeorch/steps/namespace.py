"""The store's own namespace: first to come, last to go."""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from storeorch.errors import DataMissing, NamespaceNotOurs
from storeorch.ports import NamespacePhase, NamespaceState
from storeorch.steps.drift import drifted, repaired
from storeorch.storetype import Done, Outcome, Step, StoreContext, Waiting

_LOOK_AGAIN_SECONDS: Final = 30.0
"""A namespace that hangs is looked at this often: what blocks it may change unseen."""


def pod_security_labels(level: str) -> dict[str, str]:
    """Return the labels by which the cluster holds a namespace's pods to a standard.

    Args:
        level: ``restricted``, ``baseline`` or ``privileged``.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
    """
    modes = ("enforce", "warn")
    return {f"pod-security.kubernetes.io/{mode}": level for mode in modes}


class NamespaceStep(Step):
    """Creates the namespace with ownership labels, and deletes it."""

    name = "namespace"
    condition = "NamespaceReady"

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        state = await ctx.cluster.namespace(ctx.namespace)
        # What fails a store for good was seen on the cluster itself: the watch may lag behind.
        if state.phase is not NamespacePhase.ACTIVE or not _is_labelled(ctx, state):
            state = await ctx.cluster.namespace(ctx.namespace, live=True)
        match state.phase:
            case NamespacePhase.TERMINATING:
                return _terminating(
                    f"The namespace {ctx.namespace} is being deleted by someone.", state
                )
            case NamespacePhase.ACTIVE if not _is_labelled(ctx, state):
                return await self._adopt(ctx, state)
            case NamespacePhase.ACTIVE:
                return Done(f"The namespace {ctx.namespace} exists.")
            case NamespacePhase.ABSENT if ctx.store.established:
                raise DataMissing(f"The namespace {ctx.namespace} is gone, and its data with it.")
            case _:
                created = await ctx.cluster.create_namespace(
                    ctx.namespace, ctx.owner, labels=pod_security_labels(ctx.settings.pod_security)
                )
                return Done(f"The namespace {ctx.namespace} exists.", changed=created)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        state = await ctx.cluster.namespace(ctx.namespace, live=True)
        if state.phase is NamespacePhase.ACTIVE:
            if state.owner_id != ctx.store.id and not await self._is_adopted(ctx, state):
                return Done(f"The namespace {ctx.namespace} is not ours and was left alone.")
            await ctx.cluster.delete_namespace(ctx.namespace, ctx.owner)
            state = await ctx.cluster.namespace(ctx.namespace, live=True)
        if state.phase is NamespacePhase.ABSENT or state.owner_id != ctx.store.id:
            return Done(f"The namespace {ctx.namespace} is gone.", changed=True)
        return _terminating(f"The namespace {ctx.namespace} is being deleted.", state)

    @staticmethod
    async def _is_adopted(ctx: StoreContext, state: NamespaceState) -> bool:
        """Take a namespace back whose labels somebody took away, so that it can go."""
        if state.owner_id is not None:
            return False
        try:
            await ctx.cluster.adopt_namespace(ctx.namespace, ctx.owner)
        except NamespaceNotOurs:
            return False
        return True

    async def _adopt(self, ctx: StoreContext, state: NamespaceState) -> Outcome:
        """Give a namespace its labels back that somebody took away, if it is ours at all."""
        ours = state.owner_id == ctx.store.id
        told = f"Ownership labels of the namespace {ctx.namespace} were changed by someone."
        if ctx.settled and ctx.settings.drift == "report":
            if ours:
                return drifted(ctx, self.condition, told)
        elif ours or (ctx.store.established and state.owner_id is None):
            await ctx.cluster.adopt_namespace(ctx.namespace, ctx.owner)
            return repaired(Done(f"The namespace {ctx.namespace} exists."), told)
        raise NamespaceNotOurs(
            f"The namespace {ctx.namespace} exists and does not belong to this store."
        )


def _is_labelled(ctx: StoreContext, state: NamespaceState) -> bool:
    return (state.owner_id, state.owner_name) == (ctx.store.id, ctx.store.name)


def _terminating(told: str, state: NamespaceState) -> Waiting:
    blocked = f" It is held by {state.blocked_by}." if state.blocked_by else ""
    return Waiting("NamespaceTerminating", f"{told}{blocked}", _LOOK_AGAIN_SECONDS)
