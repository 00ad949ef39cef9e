"""The Helm release: one Helm process where something has to change, none otherwise."""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import override

from storeorch.errors import DataMissing
from storeorch.ports import NamespacePhase, Release, ReleaseRequest, ReleaseStatus
from storeorch.steps import drift
from storeorch.steps.memory import Memory, mark_of
from storeorch.storetype import Done, Outcome, Step, StoreContext


async def deployed_release(ctx: StoreContext, digest: str, *, live: bool = False) -> Release | None:
    """Return the deployed release that the store may rely on, or None.

    While the store is being brought to a declaration, only a release made from
    the very same chart and values will do. Once it is established, a newer
    version of the plugin does not upgrade it unasked.

    Args:
        ctx: The store.
        digest: Digest of chart and values as they are now.
        live: Believe the cluster itself only, not what was watched.
    """
    for asking in (True,) if live else (False, True):
        release = await ctx.releases.get(ctx.namespace, ctx.store.helm_release, live=asking)
        if (
            release is not None
            and release.status is ReleaseStatus.DEPLOYED
            and (ctx.settled or release.digest == digest)
        ):
            return release
    return None


async def _still_ours(ctx: StoreContext, release: Release, *, live: bool) -> Release | None:
    """Return the release that a settled store goes on with, or None if somebody made another.

    Helm hands labels on to the next revision, the digest among them, so the revision
    counts too. What is watched may lag behind, so the cluster itself is asked in the end.
    """
    for asking in (True,) if live else (False, True):
        if asking:
            name = ctx.store.helm_release
            release = await ctx.releases.get(ctx.namespace, name, live=True) or release
        kept = (await Memory.of(ctx, live=asking)).release
        if kept in {"", mark_of(release)}:
            return release
    return None


class ReleaseStep(Step):
    """Installs or upgrades the release, and uninstalls it.

    Args:
        request_for: Says what to install for a store.
    """

    name = "release"
    condition = "ReleaseInstalled"
    slow = True

    def __init__(self, request_for: Callable[[StoreContext], ReleaseRequest]) -> None:
        self._request_for = request_for

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        request = self._request_for(ctx)
        try:
            return await self._keep(ctx, request)
        except drift.Outdated:
            # The watch lags behind an upgrade: what it shows must not be restored.
            return await self._keep(ctx, request, live=True)

    async def _keep(
        self, ctx: StoreContext, request: ReleaseRequest, *, live: bool = False
    ) -> Outcome:
        release = await deployed_release(ctx, request.digest, live=live)
        if release is None:
            done = await self._install(ctx, request)
            told = f"The Helm release {request.name} was not deployed any more."
            return drift.repaired(done, told) if ctx.settled else done
        if ctx.settled:
            release = await _still_ours(ctx, release, live=live)
        if release is None:
            told = f"The Helm release {request.name} was changed by someone."
            if ctx.settings.drift == "report":
                return drift.drifted(ctx, self.condition, told)
            return drift.repaired(await self._install(ctx, request), told)
        done = self._done(request, release, changed=False)
        return await drift.hold(ctx, release, done, self.condition)

    async def _install(self, ctx: StoreContext, request: ReleaseRequest) -> Done:
        if ctx.store.established:
            present = await ctx.releases.get(request.namespace, request.name, live=True)
            if present is None:
                raise DataMissing(f"The Helm release {request.name} was uninstalled by someone.")
            await drift.check_claims(ctx, present, await Memory.of(ctx))
            if present.status is ReleaseStatus.DEPLOYED:
                # Helm merges, and fails over what somebody has put in its way.
                await drift.mend(ctx, present)
        release = await ctx.releases.install(request)
        if ctx.settled:
            # This revision is ours: it must not be taken for one that somebody has made.
            memory = await Memory.of(ctx, live=True)
            await memory.replace(ctx, release=mark_of(release), objects={})
        return self._done(request, release, changed=True)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        state = await ctx.cluster.namespace(ctx.namespace, live=True)
        if state.phase is NamespacePhase.ACTIVE and state.owner_id == ctx.store.id:
            await ctx.releases.uninstall(ctx.namespace, ctx.store.helm_release)
        return Done(f"The Helm release {ctx.store.helm_release} is gone.", changed=True)

    @staticmethod
    def _done(request: ReleaseRequest, release: Release, *, changed: bool) -> Done:
        return Done(
            f"Revision {release.revision} of the Helm release {request.name} is deployed.",
            changed=changed,
        )
