"""The blocking front door is the asynchronous one, in a thread."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from storeorch import orchestrator, sync
from storeorch.clock import SystemClock
from storeorch.errors import (
    DatabaseUnavailable,
    HelmMissing,
    InvalidStoreName,
    StoreNotFound,
    WaitTimeout,
)
from storeorch.models import EventKind, Status
from storeorch.plugins import Plugins
from storeorch.settings import Settings
from storeorch.testing import MemoryCluster, MemoryHosts, MemoryReleases
from storeorch.wiring import Adapters


def public(of: type) -> dict[str, Any]:
    return {name: getattr(of, name) for name in dir(of) if not name.startswith("_")}


ASYNC = public(orchestrator.Orchestrator)
SYNC = public(sync.Orchestrator)
METHODS = sorted(name for name, member in ASYNC.items() if callable(member))


# -- in step ------------------------------------------------------------------


def test_same_members() -> None:
    """``settings`` is an attribute there and a property here."""
    assert set(SYNC) == {*ASYNC, "settings"}


@pytest.mark.parametrize("name", METHODS)
def test_same_parameters(name: str) -> None:
    there, here = inspect.signature(ASYNC[name]), inspect.signature(SYNC[name])
    assert here.parameters == there.parameters


@pytest.mark.parametrize("name", METHODS)
def test_same_answer(name: str) -> None:
    """What is awaited there is returned here; what is iterated there is iterated here."""
    there = get_type_hints(ASYNC[name])["return"]
    here = get_type_hints(SYNC[name])["return"]
    if get_origin(there) is AsyncGenerator:
        assert get_origin(here) is Iterator
        assert get_args(here) == get_args(there)[:1]
    else:
        assert here == there


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_asynchronous(name: str) -> None:
    assert not inspect.iscoroutinefunction(SYNC[name])
    assert not inspect.isasyncgenfunction(SYNC[name])
    assert SYNC[name].__doc__


# -- in a thread --------------------------------------------------------------


def blocking(
    path: Path,
    plugins: Plugins,
    *,
    engine: bool = True,
    adapters: Callable[[], Adapters] | None = None,
) -> sync.Orchestrator:
    """Return one on a database of its own and a cluster in memory that is fast."""
    settings = Settings(
        _env_prefix="STOREORCH_TESTS_ONLY_",
        database_url=f"sqlite:///{path}/a.db",
        log_file=None,
        actor="tester",
    )
    return sync.Orchestrator(
        orchestrator.Orchestrator(
            settings, plugins, engine=engine, adapters=adapters or in_memory()
        )
    )


def in_memory(*, ready_lag: float = 0) -> Callable[[], Adapters]:
    def make() -> Adapters:
        cluster = MemoryCluster(SystemClock(), ready_lag=ready_lag, terminating_lag=0)
        return Adapters(cluster, MemoryReleases(cluster), MemoryHosts(), close)

    return make


async def close() -> None: ...


def test_whole_life_of_a_store(tmp_path: Path, sample_plugins: Plugins) -> None:
    with blocking(tmp_path, sample_plugins) as o:
        store = o.create("my-store", type="sample", parameters={"title": "Mine"})
        statuses = []
        for seen in o.watch(store.id):
            statuses.append(seen.status)
            if seen.status is Status.READY:
                break
        assert statuses[0] is Status.PROVISIONING
        assert o.get("my-store").url == "http://my-store.local.test"
        assert [listed.id for listed in o.list().items] == [store.id]
        o.update("my-store", parameters={"replicas": 2}, actor="maria")
        updated = o.wait("my-store", timeout=60)
        assert updated is not None
        assert updated.parameters == {"title": "Mine", "replicas": 2}
        assert o.orphans() == []
        o.delete("my-store")
        kinds = [event.kind for event in o.follow(store.id)]
        assert kinds[-1] is EventKind.DELETED
        assert o.wait(store.id) is None
        assert [event.kind for event in o.events("my-store")] == kinds


def test_watch_to_the_end(tmp_path: Path, sample_plugins: Plugins) -> None:
    with blocking(tmp_path, sample_plugins) as o:
        o.create("my-store", type="sample")
        o.delete("my-store")
        assert [seen.status for seen in o.watch("my-store")] != []
        with pytest.raises(StoreNotFound):
            o.get("my-store")


def test_errors_pass_through(tmp_path: Path, sample_plugins: Plugins) -> None:
    with blocking(tmp_path, sample_plugins, engine=False) as o:
        with pytest.raises(InvalidStoreName):
            o.create("My Store", type="sample")
        with pytest.raises(StoreNotFound):
            o.retry("nothing")
        with pytest.raises(StoreNotFound):
            next(o.watch("nothing"))
        o.create("my-store", type="sample")
        with pytest.raises(WaitTimeout):
            o.wait("my-store", timeout=0.01)


def test_types_plugins_and_settings(tmp_path: Path, sample_plugins: Plugins) -> None:
    """They are known before anything is opened."""
    o = blocking(tmp_path, sample_plugins)
    (offered,) = o.types()
    assert o.type("sample") is offered
    assert [info.name for info in o.plugins()] == ["tests"]
    assert o.settings.actor == "tester"


def test_engine_beside_the_program(tmp_path: Path, sample_plugins: Plugins) -> None:
    with blocking(tmp_path, sample_plugins, engine=False) as o:
        store = o.create("my-store", type="sample")
        o.start_engine(only=[store.id])
        assert o.wait("my-store", timeout=60) is not None
        assert not o.engine_running()
        o.stop()


def test_engine_in_the_foreground(tmp_path: Path, sample_plugins: Plugins) -> None:
    """It runs until another thread stops it."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread, blocking(tmp_path, sample_plugins, engine=False) as o:
        running = thread.submit(o.run)
        o.create("my-store", type="sample")
        assert o.wait("my-store", timeout=60) is not None
        o.stop()
        running.result(timeout=60)


def test_environment(tmp_path: Path, sample_plugins: Plugins) -> None:
    with blocking(tmp_path, sample_plugins, engine=False) as o:
        assert [check.ok for check in o.check_environment()] == [True, True, True]
        o.require_environment()


def test_database(tmp_path: Path, sample_plugins: Plugins) -> None:
    settings = blocking(tmp_path, sample_plugins).settings
    assert sync.Orchestrator.upgrade_database(settings) is True
    assert sync.Orchestrator.upgrade_database(settings) is False


def test_from_settings(tmp_path: Path, sample_plugins: Plugins) -> None:
    settings = blocking(tmp_path, sample_plugins).settings
    with sync.Orchestrator.from_settings(settings, engine=False) as o:
        assert o.settings is settings
        assert "medusa" in {offered.name for offered in o.types()}
        assert o.list().items == ()


# -- beginning and end --------------------------------------------------------


def test_use_outside_of_with(tmp_path: Path, sample_plugins: Plugins) -> None:
    """Before it was entered, and after it was left."""
    o = blocking(tmp_path, sample_plugins, engine=False)
    for _ in range(2):
        for call in (o.list, o.stop, o.run, o.orphans, lambda: next(o.watch("my-store"))):
            with pytest.raises(RuntimeError, match="used with 'with'"):
                call()
        with o:
            assert o.list().items == ()


def test_closed_twice(tmp_path: Path, sample_plugins: Plugins) -> None:
    o = blocking(tmp_path, sample_plugins)
    with o:
        o.create("my-store", type="sample")
    o.__exit__(None, None, None)


def test_error_in_the_body(tmp_path: Path, sample_plugins: Plugins) -> None:
    with pytest.raises(ZeroDivisionError), blocking(tmp_path, sample_plugins):
        raise ZeroDivisionError


def test_database_that_cannot_be_opened(tmp_path: Path, sample_plugins: Plugins) -> None:
    (tmp_path / "a.db").mkdir()
    o = blocking(tmp_path, sample_plugins)
    with pytest.raises(DatabaseUnavailable), o:
        pass
    with pytest.raises(RuntimeError, match="used with 'with'"):
        o.list()


def test_engine_that_cannot_start(tmp_path: Path, sample_plugins: Plugins) -> None:
    def fail() -> Adapters:
        raise HelmMissing

    with pytest.raises(HelmMissing), blocking(tmp_path, sample_plugins, adapters=fail):
        pass


@contextmanager
def untraced() -> Iterator[None]:
    """Have nobody trace this thread, as coverage does.

    Threads end just after their loop has. What greenlet leaves to the main thread then runs
    within the garbage collection, and a thread that ends meanwhile leaves more: CPython 3.11
    enters a traced function again and again as long as something is left so.
    """
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def test_iterator_that_outlives_the_orchestrator(tmp_path: Path, sample_plugins: Plugins) -> None:
    """It can be thrown away in silence; used, it says why it cannot go on."""
    with blocking(tmp_path, sample_plugins, engine=False) as o:
        o.create("my-store", type="sample")
        thrown_away, used = o.watch("my-store"), o.watch("my-store")
        next(thrown_away)
        next(used)
    del thrown_away
    with untraced():
        gc.collect()
    with pytest.raises(RuntimeError, match="used with 'with'"):
        next(used)


def test_program_with_a_loop_of_its_own(tmp_path: Path, sample_plugins: Plugins) -> None:
    """The façade has its own, in a thread, so it may be used beside one."""

    async def program() -> str:
        with blocking(tmp_path, sample_plugins, engine=False) as o:
            return o.create("my-store", type="sample").name

    assert asyncio.run(program()) == "my-store"
