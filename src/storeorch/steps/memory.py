"""What is kept with a store's namespace from one pass to the next, and across restarts.

It tells what was found in order, so that a store that needs nothing is known by what
was watched, and what held data, so that an empty volume in its place is noticed. It
goes with the namespace. A text that cannot be read counts as none: all is looked at
anew then.

This module must not know how anything is compared or mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from storeorch.ports import ObjectRef, Release
from storeorch.storetype import StoreContext


class Memory(BaseModel):
    """What was found in order.

    Attributes:
        release: Which revision of the release, and what it was made from.
        objects: Fingerprints of its objects, by kind and name.
        claims: Identities of the volume claims that hold data, by name.
        credentials: Fingerprint of the credentials.
        repairs: When an object was first repaired lately, in seconds since 1970, and how
            often since, by kind and name.
    """

    model_config = ConfigDict(frozen=True)

    release: str = ""
    objects: Mapping[str, str] = {}
    claims: Mapping[str, str] = {}
    credentials: str = ""
    repairs: Mapping[str, tuple[int, int]] = {}

    @classmethod
    async def of(cls, ctx: StoreContext, *, live: bool = False) -> Self:
        """Return what is kept with a store's namespace; watched, it may lag behind."""
        text = await ctx.cluster.memory(ctx.namespace, live=live)
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()

    async def replace(self, ctx: StoreContext, **changes: object) -> None:
        """Keep this with some changes, if there are any."""
        new = self.model_copy(update=changes)
        if new != self:
            text = new.model_dump_json(exclude_defaults=True)
            await ctx.cluster.remember(ctx.namespace, ctx.owner, text)


def mark_of(release: Release) -> str:
    """Return what tells a revision from one that somebody else made."""
    return f"{release.revision}:{release.digest or ''}"


def key_of(ref: ObjectRef) -> str:
    """Return the key of an object in ``Memory.objects``."""
    return f"{ref.kind}/{ref.name}"
