"""What gives access to a store, handed to whoever asks, and who that was.

This module must not know engines, plugins or the wiring.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from storeorch.errors import CredentialsNotReady
from storeorch.models import Credentials, EventKind, NewEvent
from storeorch.steps.credentials import CREDENTIALS_SECRET
from storeorch.views import StoreViews

if TYPE_CHECKING:
    from storeorch.ports import Cluster
    from storeorch.settings import Settings


class StoreAccess(StoreViews):
    """The orchestrator's part that reads a store's secrets."""

    settings: Settings

    @property
    @abstractmethod
    def _cluster(self) -> Cluster:
        """The cluster; connected when it is first asked for."""

    async def credentials(self, name_or_id: str, *, actor: str | None = None) -> Credentials:
        """Return a store's passwords and keys; who asked is kept in its history.

        Args:
            name_or_id: The store.
            actor: Who is named in the history; defaults to the setting.

        Raises:
            StoreNotFound: There is no such store.
            CredentialsNotReady: It has none, or not yet.
            ClusterUnavailable: The cluster, which alone has them, does not answer.
        """
        store = await self.get(name_or_id)
        found = await self._cluster.read_secret(store.namespace, CREDENTIALS_SECRET)
        if not found:
            raise CredentialsNotReady(f"The store {store.name} has no credentials, or not yet.")
        # Written before they are handed out: nobody sees them without a trace.
        await self._repository.note(
            store.id,
            NewEvent(
                kind=EventKind.ACCESS,
                reason="CredentialsShown",
                message=f"The credentials of the store {store.name} were shown.",
                actor=actor or self.settings.actor,
            ),
        )
        values = {key: value.decode(errors="replace") for key, value in sorted(found.items())}
        return Credentials(store_id=store.id, url=store.url, values=values)
