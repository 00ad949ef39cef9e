"""Objects of a release that somebody deleted or changed: see, and repair or report.

What is watched is compared with what was found in order before. Only what looks
different is compared with its manifest, by the cluster itself; and only what differs
there is drift. A store that needs nothing costs no call.

What held data is never made anew for a store that may have some: an empty volume in
the place of a full one is told, not repaired.

This module must not know how the release itself is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from storeorch.errors import DataMissing, ReleaseInterrupted
from storeorch.ports import Deviation, Fingerprint, ObjectRef, Release
from storeorch.steps.credentials import CREDENTIALS
from storeorch.steps.memory import Memory, key_of, mark_of
from storeorch.storetype import Done, Note, StoreContext

DRIFTED: Final = "Drifted"
"""Reason of a condition that holds although somebody has changed something."""

REPAIRED: Final = "Repaired"
"""Reason of the event that tells of a repair."""

_REPAIRS: Final = 5
_PERIOD_SECONDS: Final = 600
"""So many repairs of one object within so long: who goes on changing it is not fought faster."""

_CLAIM: Final = "PersistentVolumeClaim"

_RESTORED: Final = "Restored."
_TOO_OFTEN: Final = "It happens again and again, so the repair waits."

ACCEPT: Final = (
    "If its data was restored or is not needed, accept what is there with: "
    "storeorch store retry NAME"
)
"""What to do where data is said to be missing that may be there again."""


class Outdated(ReleaseInterrupted):
    """The Helm release changed while it was looked at."""


async def hold(ctx: StoreContext, release: Release, done: Done, condition: str) -> Done:
    """See to it that the objects of a deployed release are as its manifests say.

    Args:
        ctx: The store.
        release: Its release, deployed.
        done: What to answer if nothing has to be said.
        condition: The condition that the answer is for.

    Returns:
        That, or what was repaired, or what differs and is left so.

    Raises:
        DataMissing: A volume claim of a store that may hold data is gone or made anew.
        Outdated: There is a newer revision than that.
    """
    memory = await Memory.of(ctx)
    claims = await check_claims(ctx, release, memory)
    if not ctx.store.established and memory.claims:
        await _set_up_again(ctx, release, memory)
    deviations, good = await _look(ctx, release, memory)
    changes: dict[str, object] = {}
    if ctx.settled:
        changes = {"release": mark_of(release), "objects": good, "claims": claims}
        if not memory.credentials:
            changes["credentials"] = await _credentials(ctx)
    if not deviations:
        await memory.replace(ctx, **changes)
        return done
    # Nobody asks whether to repair a store that was declared anew.
    if ctx.settled and ctx.settings.drift == "report":
        await memory.replace(ctx, **changes)
        return drifted(ctx, condition, _tell(deviations, ctx))
    now = int(ctx.clock.now().timestamp())
    repairs = {k: v for k, v in memory.repairs.items() if 0 <= now - v[0] < _PERIOD_SECONDS}
    held_back: list[Deviation] = []
    for deviation in deviations:
        key = key_of(deviation.ref)
        since, count = repairs.get(key, (now, 0))
        if count >= _REPAIRS:
            held_back.append(deviation)
        else:
            good[key] = await _restore(ctx, deviation)
            repairs[key] = (since, count + 1)
    await memory.replace(ctx, **changes, repairs=repairs)
    mended = repaired(done, _tell([d for d in deviations if d not in held_back], ctx))
    if not held_back:
        return mended
    first = min(repairs[key_of(each.ref)][0] for each in held_back)
    left = drifted(
        ctx, condition, f"{_tell(held_back, ctx)} {_TOO_OFTEN}", first + _PERIOD_SECONDS - now
    )
    return replace(left, notes=(*left.notes, *mended.notes))


async def check_claims(ctx: StoreContext, release: Release, memory: Memory) -> Mapping[str, str]:
    """Check that the volumes of a store that may hold data are still the same.

    Returns:
        Identities of the release's claims, those that are new included.

    Raises:
        DataMissing: One is gone or made anew.
    """
    if not ctx.store.established:
        return memory.claims
    there: Mapping[str, str] = {}
    lost: list[str] = []
    for live in (False, True):
        kept = (await Memory.of(ctx, live=True)).claims if live else memory.claims
        expected = {name: kept[name] for name in release.claims if name in kept}
        there = await ctx.cluster.claims(ctx.namespace, release.claims, live=live)
        lost = [name for name, identity in expected.items() if there.get(name) != identity]
        if not lost:
            return {**there, **expected}
    became = "was deleted and made anew, without" if lost[0] in there else "is gone, and with it"
    raise DataMissing(f"The volume claim {lost[0]} of the store {became} its data.", hint=ACCEPT)


async def _set_up_again(ctx: StoreContext, release: Release, memory: Memory) -> None:
    """Have Jobs run anew that set up what was lost, for a store that is recreated without it."""
    there = await ctx.cluster.claims(ctx.namespace, release.claims, live=True)
    kept = {name: memory.claims[name] for name in release.claims if name in memory.claims}
    if any(there.get(name) != identity for name, identity in kept.items()):
        before = ctx.store.declared_at
        await ctx.cluster.remove_completed(ctx.namespace, release.workloads, before=before)


async def mend(ctx: StoreContext, release: Release) -> None:
    """Restore what differs from the manifests of a deployed release, whatever the setting.

    Raises:
        Outdated: There is a newer revision than that.
    """
    deviations, _ = await _look(ctx, release, await Memory.of(ctx))
    for deviation in deviations:
        await _restore(ctx, deviation)


async def begin(ctx: StoreContext, release: Release) -> bool:
    """Keep what there is when a store has just been brought to its declaration.

    Returns:
        Whether all is as the release says; the next pass sees to what is not.

    Raises:
        Outdated: There is a newer revision than that.
    """
    memory = await Memory.of(ctx)
    deviations, good = await _look(ctx, release, Memory())
    claims = await ctx.cluster.claims(ctx.namespace, release.claims)
    if len(claims) < len(release.claims):
        claims = await ctx.cluster.claims(ctx.namespace, release.claims, live=True)
    await memory.replace(
        ctx,
        release=mark_of(release),
        objects=good,
        claims=dict(claims),
        credentials=await _credentials(ctx),
    )
    return not deviations


def repaired(done: Done, told: str) -> Done:
    """Answer that something was repaired, if anything was."""
    if not told:
        return done
    notes = (Note(REPAIRED, f"{told} {_RESTORED}"),)
    return Done(done.message, url=done.url, changed=True, notes=notes)


def drifted(
    ctx: StoreContext, condition: str, told: str, look_again_in: float | None = None
) -> Done:
    """Answer that something differs and is left so.

    The condition's new reason makes an event; what differs later needs one of its own.
    """
    before = ctx.store.condition(condition)
    later = before is not None and before.reason == DRIFTED and before.message != told
    notes = (Note(DRIFTED, told),) if later else ()
    return Done(told, reason=DRIFTED, notes=notes, look_again_in=look_again_in)


async def _look(
    ctx: StoreContext, release: Release, memory: Memory
) -> tuple[Sequence[Deviation], dict[str, str]]:
    """Return what differs from its manifest, and the fingerprints of what does not."""
    known = memory.objects if memory.release == mark_of(release) else {}
    seen = await ctx.cluster.fingerprints(ctx.namespace, release.objects)
    good: dict[str, str] = {}
    suspects: list[ObjectRef] = []
    for ref in release.objects:
        key = key_of(ref)
        if ref not in seen:
            # What is not being watched right now is taken to be as it was seen last.
            good |= {key: known[key]} if key in known else {}
        elif (found := seen[ref]) is not None and _trusted(known, ref, found):
            good[key] = found.text
        else:
            suspects.append(ref)
    if not suspects:
        return (), good
    deviations = await _compare(ctx, release, suspects)
    for ref in set(suspects) - {deviation.ref for deviation in deviations}:
        if (found := seen[ref]) is not None:
            good[key_of(ref)] = found.text
    for deviation in deviations:
        ref = deviation.ref
        if deviation.missing and ref.kind == _CLAIM and ctx.store.established:
            raise DataMissing(
                f"The volume claim {ref.name} of the store is gone, and with it its data.",
                hint=ACCEPT,
            )
    return deviations, good


def _trusted(known: Mapping[str, str], ref: ObjectRef, found: Fingerprint) -> bool:
    expected = known.get(key_of(ref))
    return found.untouched if expected is None else expected == found.text


async def _compare(
    ctx: StoreContext, release: Release, suspects: Sequence[ObjectRef]
) -> Sequence[Deviation]:
    name = ctx.store.helm_release
    manifests = await ctx.releases.manifests(ctx.namespace, name, release.revision)
    if manifests is None:
        raise Outdated
    asked = [
        manifest
        for manifest in manifests
        if ObjectRef(manifest["kind"], manifest["metadata"]["name"]) in suspects
    ]
    return await ctx.cluster.differing(ctx.namespace, name, asked)


async def _restore(ctx: StoreContext, deviation: Deviation) -> str:
    return await ctx.cluster.restore(ctx.namespace, ctx.store.helm_release, deviation.manifest)


async def _credentials(ctx: StoreContext) -> str:
    found = (await ctx.cluster.fingerprints(ctx.namespace, [CREDENTIALS])).get(CREDENTIALS)
    return found.text if found else ""


def _tell(deviations: Sequence[Deviation], ctx: StoreContext) -> str:
    # While a store is brought to a declaration, it may be us who has removed something.
    gone = "was deleted by someone." if ctx.settled else "was missing."
    became = {True: gone, False: "was changed by someone."}
    return " ".join(
        f"{each.ref.kind} {each.ref.name} {became[each.missing]}" for each in deviations
    )
