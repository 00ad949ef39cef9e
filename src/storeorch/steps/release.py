"""The Helm release: one Helm process where something has to change, none otherwise."""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import override

from storeorch.errors import DataMissing
from storeorch.ports import NamespacePhase, Release, ReleaseRequest, ReleaseStatus
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
        release = await deployed_release(ctx, request.digest)
        if release is not None:
            return self._done(request, release, changed=False)
        if ctx.settled:
            present = await ctx.releases.get(request.namespace, request.name, live=True)
            if present is None:
                raise DataMissing(f"The Helm release {request.name} was uninstalled by someone.")
        release = await ctx.releases.install(request)
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
