"""What the contracts share: one PostgreSQL for the session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.postgresql import PostgresServer

from storeorch.db import upgrade_database
from storeorch.ports import ObjectRef
from storeorch.testing import MemoryCluster

pytest.register_assert_rewrite("storeorch.testing.contracts")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a server with an empty database of the newest schema, named ``template``."""
    server = PostgresServer()
    try:
        server.start()
        asyncio.run(upgrade_database(server.create("template")))
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Return the URL of an empty database of the newest schema."""
    yield postgres.create("storeorch", template="template")
    postgres.drop("storeorch")


class MemoryByHand:
    """Somebody who changes a cluster in memory."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    async def delete(self, namespace: str, ref: ObjectRef) -> None:
        self._cluster.delete_by_hand(namespace, ref.kind, ref.name)

    async def change(self, namespace: str, ref: ObjectRef) -> None:
        self._cluster.change_by_hand(namespace, ref.kind, ref.name)

    async def take_labels(self, namespace: str) -> None:
        self._cluster.change_labels_by_hand(namespace)


@pytest.fixture
def by_hand(cluster: MemoryCluster) -> MemoryByHand:
    return MemoryByHand(cluster)
