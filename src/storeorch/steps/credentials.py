"""Passwords and keys of a store: generated once, kept in the cluster and nowhere else."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from storeorch.errors import DataMissing
from storeorch.ports import ObjectRef
from storeorch.steps.memory import Memory
from storeorch.storetype import Done, Outcome, Step, StoreContext

CREDENTIALS_SECRET: Final = "store-credentials"  # noqa: S105 - a name, not a secret
"""Name of the Secret, in the store's namespace."""

CREDENTIALS: Final = ObjectRef("Secret", CREDENTIALS_SECRET)

_ALPHABET: Final = string.ascii_letters + string.digits
"""Safe in URLs, shells, YAML and PHP alike: a password may be put anywhere as it is."""


CHANGED: Final = (
    "Restore them, or see to it that the database accepts them, then: storeorch store retry NAME"
)
"""What to do where somebody has changed the credentials."""


class CredentialsStep(Step):
    """Creates the Secret with generated credentials unless it exists.

    Args:
        lengths: Length in characters by key; 32 characters are 190 bits.
    """

    name = "credentials"
    condition = "CredentialsReady"

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self._lengths = lengths

    @override
    async def apply(self, ctx: StoreContext) -> Outcome:
        if not self._lengths:
            return Done("The store needs no credentials.")
        done = Done("The credentials are in place.")
        if ctx.store.established:
            await self._check(ctx)
            return done
        created = await ctx.cluster.create_secret(
            ctx.namespace, CREDENTIALS_SECRET, self._generate, ctx.owner
        )
        return Done(done.message, changed=created)

    @staticmethod
    async def _check(ctx: StoreContext) -> None:
        """Check that the credentials are those that the store's database was made with."""
        seen = (await ctx.cluster.fingerprints(ctx.namespace, [CREDENTIALS])).get(CREDENTIALS)
        if seen is None and not await ctx.cluster.secret_exists(ctx.namespace, CREDENTIALS_SECRET):
            raise DataMissing("The credentials of the store are gone; its database cannot be read.")
        if seen is None or seen.text == (await Memory.of(ctx)).credentials:
            return
        # Nothing else knows the passwords, so they cannot be restored: this had better be true.
        kept = (await Memory.of(ctx, live=True)).credentials
        found = await ctx.cluster.fingerprints(ctx.namespace, [CREDENTIALS], live=True)
        if kept and (now := found[CREDENTIALS]) is not None and now.text != kept:
            raise DataMissing(
                "The credentials of the store were changed by someone; "
                "its database may not accept them.",
                hint=CHANGED,
            )

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        return Done("The credentials go with the namespace.")

    def _generate(self) -> Mapping[str, str]:
        return {
            key: "".join(secrets.choice(_ALPHABET) for _ in range(length))
            for key, length in self._lengths.items()
        }
