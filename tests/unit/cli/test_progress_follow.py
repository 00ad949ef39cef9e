from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator

import pytest
from rich.console import Console
from typing_extensions import override

from storeorch.cli.progress import follow_stores, settled
from storeorch.errors import StoreNotFound, WaitTimeout
from storeorch.models import Status, Store
from storeorch.settings import Settings

from .fake import T0, FakeOrchestrator, condition, make_store


@pytest.fixture
def o(settings: Settings) -> FakeOrchestrator:
    return FakeOrchestrator(settings)


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=80, force_terminal=terminal, color_system=None), out


async def test_several_stores_side_by_side(o: FakeOrchestrator) -> None:
    for name in ("a", "b", "c"):
        o.stores[name] = make_store(name)
    o.story = [
        make_store("b", Status.READY),
        make_store("c", Status.DELETING),
        make_store("a", Status.FAILED),
    ]
    # The story of c goes on to its end; those of a and b end where they are settled.
    o.story.append(None)
    target, out = console()
    found = await follow_stores(o, ["a", "b", "c"], target, now=lambda: T0)
    assert {name: store and store.status for name, store in found.items()} == {
        "a": Status.FAILED,
        "b": Status.READY,
        "c": None,
    }
    lines = out.getvalue().splitlines()
    assert "b  status  ready  7.0s  http://b.local.test" in lines
    assert "a  status  failed  7.0s" in lines
    assert "c  status  deleted  0.0s" in lines


async def test_a_terminal_gets_a_picture(o: FakeOrchestrator) -> None:
    o.stores["a"] = make_store("a")
    o.story = [make_store("a", Status.READY)]
    target, out = console(terminal=True)
    await follow_stores(o, ["a"], target, now=lambda: T0)
    assert "a  ready         0/2" in out.getvalue()
    assert "status" not in out.getvalue()


async def test_a_type_that_is_not_installed_here_is_shown_by_its_conditions(
    o: FakeOrchestrator,
) -> None:
    holds = condition("SunShines", holds=True, after=1, message="It does.")
    o.stores["a"] = make_store("a", Status.READY, type="strange", conditions=(holds,))
    target, out = console()
    await follow_stores(o, ["a"], target, now=lambda: T0)
    assert "a  SunShines  done  1.0s  It does." in out.getvalue()


async def test_the_time_is_up(o: FakeOrchestrator) -> None:
    o.stores["a"] = make_store("a")
    o.hangs = True
    with pytest.raises(WaitTimeout, match=r"timed out after 0\.0s"):
        await follow_stores(o, ["a"], console()[0], 0)


async def test_a_timeout_of_somebody_else_is_not_ours(o: FakeOrchestrator) -> None:
    o.raises["watch"] = TimeoutError("not ours")
    with pytest.raises(TimeoutError, match="not ours"):
        await follow_stores(o, ["a"], console()[0], 60)


async def test_one_error_ends_all(o: FakeOrchestrator) -> None:
    o.stores["a"] = make_store("a")
    o.hangs = True
    with pytest.raises(StoreNotFound):
        await follow_stores(o, ["a", "b"], console()[0])
    assert len(asyncio.all_tasks()) == 1


async def test_watches_are_closed(o: FakeOrchestrator) -> None:
    closed = []

    class Closing(FakeOrchestrator):
        @override
        async def watch(self, name_or_id: str) -> AsyncGenerator[Store]:
            try:
                yield make_store("a", Status.READY)
                await asyncio.Event().wait()
            finally:
                closed.append(name_or_id)

    await follow_stores(Closing(o.settings), ["a"], console()[0])
    assert closed == ["a"]


@pytest.mark.parametrize("status", Status)
def test_what_is_settled(status: Status) -> None:
    expected = status in {Status.READY, Status.DEGRADED, Status.FAILED}
    assert settled(make_store(status=status)) is expected
    assert not settled(make_store(status=status, generation=2, observed_generation=1))
