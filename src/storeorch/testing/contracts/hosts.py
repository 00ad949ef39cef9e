"""What every place has to hold where hosts are made known."""

# ruff: noqa: S101 - a test suite asserts

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from storeorch.errors import HostsFileUnwritable
from storeorch.ports import Hosts, Owner

FIRST = Owner("11111111-1111-4111-8111-111111111111", "first")
SECOND = Owner("22222222-2222-4222-8222-222222222222", "second")


class HostsContract:
    """``ports.Hosts``.

    Give the fixtures ``hosts``, ``known`` (says which hosts are known) and
    ``make_unwritable`` (from then on nothing can be written).
    """

    async def test_host_is_made_known_and_forgotten(
        self, hosts: Hosts, known: Callable[[], set[str]]
    ) -> None:
        """Each as often as one likes."""
        for _ in range(2):
            await hosts.ensure("first.local.test", FIRST)
            assert known() == {"first.local.test"}
        for _ in range(2):
            await hosts.remove("first.local.test", FIRST)
            assert known() == set()

    async def test_stores_do_not_touch_each_other(
        self, hosts: Hosts, known: Callable[[], set[str]]
    ) -> None:
        """A host is forgotten for the store that it belongs to alone."""
        await hosts.ensure("first.local.test", FIRST)
        await hosts.remove("first.local.test", SECOND)
        assert known() == {"first.local.test"}
        await hosts.ensure("second.local.test", SECOND)
        await hosts.remove("first.local.test", FIRST)
        assert known() == {"second.local.test"}

    async def test_many_at_once(self, hosts: Hosts, known: Callable[[], set[str]]) -> None:
        """No one's entry is lost."""
        owners = [Owner(f"{n:08d}-0000-4000-8000-000000000000", f"s{n}") for n in range(20)]
        await asyncio.gather(*(hosts.ensure(f"{o.store_name}.local.test", o) for o in owners))
        assert known() == {f"s{n}.local.test" for n in range(20)}
        await asyncio.gather(*(hosts.remove(f"{o.store_name}.local.test", o) for o in owners))
        assert known() == set()

    async def test_nothing_can_be_written(
        self, hosts: Hosts, make_unwritable: Callable[[], None]
    ) -> None:
        """It is said in words of ours, unless there is nothing to write."""
        await hosts.ensure("first.local.test", FIRST)
        make_unwritable()
        await hosts.ensure("first.local.test", FIRST)
        await hosts.remove("second.local.test", SECOND)
        with pytest.raises(HostsFileUnwritable):
            await hosts.ensure("second.local.test", SECOND)
        with pytest.raises(HostsFileUnwritable):
            await hosts.remove("first.local.test", FIRST)
