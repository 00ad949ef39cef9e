"""What the cluster knows of stores: access, handed to whoever asks, logs, and orphans.

This module must not know engines, plugins or the wiring.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING

from storeorch.errors import CredentialsNotReady, InvalidParameters, UnknownStoreType
from storeorch.models import AdminLogin, Credentials, EventKind, NewEvent, Store
from storeorch.ports import LogLine
from storeorch.steps.credentials import CREDENTIALS_SECRET
from storeorch.views import StoreViews

if TYPE_CHECKING:
    from storeorch.ports import Cluster
    from storeorch.settings import Settings
    from storeorch.storetype import StoreType


class StoreAccess(StoreViews):
    """The orchestrator's part that looks into the cluster."""

    settings: Settings

    @property
    @abstractmethod
    def _cluster(self) -> Cluster:
        """The cluster; connected when it is first asked for."""

    @abstractmethod
    def type(self, name: str) -> StoreType:
        """Return the store type of that name."""

    async def logs(
        self, name_or_id: str, *, follow: bool = False, tail: int = 100
    ) -> AsyncGenerator[LogLine]:
        """Yield what the containers of a store have written.

        Args:
            name_or_id: The store.
            follow: Go on as they write, until all of them have ended.
            tail: How many of the last lines of each container to begin with.

        Raises:
            StoreNotFound: There is no such store.
            ClusterRefused: The node of a pod does not hand out its logs.
            EnvironmentNotReady: The cluster cannot be asked.
        """
        store = await self.get(name_or_id)
        async for line in self._cluster.logs(store.namespace, follow=follow, tail=tail):
            yield line

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
        return Credentials(
            store_id=store.id, url=store.url, values=values, admin=self._admin(store, values)
        )

    async def orphans(self) -> Sequence[str]:
        """Return namespaces that carry our label and belong to no store of the database."""
        # A store that is declared meanwhile is in neither look; one that is gone, not in the last.
        labelled = set(await self._cluster.orphans(lambda store_id: False))  # noqa: ARG005
        known: set[str] = set()
        cursor: str | None = None
        while True:
            page = await self.list(cursor=cursor, limit=1000)
            known.update(store.id for store in page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
        found = await self._cluster.orphans(known.__contains__)
        return [namespace for namespace in found if namespace in labelled]

    def _admin(self, store: Store, values: Mapping[str, str]) -> AdminLogin | None:
        """Say how the store's administrator logs in, if its type has one."""
        try:
            offered = self.type(store.type)
            access = offered.admin
            if access is None or access.password_key not in values:
                return None
            username = access.username_for(offered.check(store.parameters))
        except (UnknownStoreType, InvalidParameters):
            return None  # Its plugin is gone or newer; what the cluster has is still shown.
        return AdminLogin(
            username=username,
            password=values[access.password_key],
            url=f"{store.url}{access.path}" if store.url else None,
        )
