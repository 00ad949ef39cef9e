"""Passwords and keys of a store: generated once, kept in the cluster and nowhere else."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from storeorch.errors import DataMissing
from storeorch.storetype import Done, Outcome, Step, StoreContext

CREDENTIALS_SECRET: Final = "store-credentials"  # noqa: S105 - a name, not a secret
"""Name of the Secret, in the store's namespace."""

_ALPHABET: Final = string.ascii_letters + string.digits
"""Safe in URLs, shells, YAML and PHP alike: a password may be put anywhere as it is."""


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
            if await ctx.cluster.secret_exists(ctx.namespace, CREDENTIALS_SECRET):
                return done
            raise DataMissing("The credentials of the store are gone; its database cannot be read.")
        created = await ctx.cluster.create_secret(
            ctx.namespace, CREDENTIALS_SECRET, self._generate, ctx.owner
        )
        return Done(done.message, changed=created)

    @override
    async def remove(self, ctx: StoreContext) -> Outcome:
        return Done("The credentials go with the namespace.")

    def _generate(self) -> Mapping[str, str]:
        return {
            key: "".join(secrets.choice(_ALPHABET) for _ in range(length))
            for key, length in self._lengths.items()
        }
