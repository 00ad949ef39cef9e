"""What create, update, retry and delete have in common: declare, then perhaps wait.

Where an engine runs in another process, it does the work. Where none runs, the
environment is checked before anything is written, and ``--wait`` runs an engine
inside, for this one store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import Exit

from storeorch.cli.context import note
from storeorch.cli.failures import show_sentences
from storeorch.cli.options import Format
from storeorch.cli.progress import follow_stores
from storeorch.cli.render import emit, error_console
from storeorch.errors import StoreFailed, StoreNotFound, WaitTimeout
from storeorch.models import Fault, Status, Store

if TYPE_CHECKING:
    from storeorch.orchestrator import Orchestrator


@dataclass(frozen=True, slots=True)
class Wait:
    """Whether to wait, and for how long.

    Attributes:
        wanted: Whether to wait at all.
        timeout: Seconds to wait at most; None waits for ever.
    """

    wanted: bool
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a declaration.

    Attributes:
        store: The store as accepted, or as it settled; None if it is gone.
        name: The store's name.
        waited: Whether it was waited for.
    """

    store: Store | None
    name: str
    waited: bool


async def carry_out(o: Orchestrator, declare: Callable[[], Awaitable[Store]], wait: Wait) -> Result:
    """Declare, and wait if that is wanted.

    Args:
        o: The orchestrator, entered.
        declare: Writes the declaration and returns the store.
        wait: Whether to wait.

    Raises:
        EnvironmentNotReady: No engine runs, and none could; nothing was written.
        WaitTimeout: The time is up; nothing was cancelled.
    """
    elsewhere = await o.engine_running()
    if not elsewhere:
        await o.require_environment()
    store = await declare()
    if wait.wanted:
        return await settle(o, store, elsewhere=elsewhere, timeout=wait.timeout)
    if not elsewhere:
        note("Note: No engine is running, so nothing happens yet. Start one with: storeorch run")
    return Result(store, store.name, waited=False)


async def settle(
    o: Orchestrator,
    store: Store,
    *,
    elsewhere: bool,
    timeout: float | None,
) -> Result:
    """Wait until a store is settled or gone, and show its progress on standard error.

    Args:
        o: The orchestrator, entered.
        store: The store.
        elsewhere: Whether an engine runs in another process; else one runs inside.
        timeout: Seconds to wait at most; None waits for ever.

    Raises:
        WaitTimeout: The time is up; nothing was cancelled.
    """
    if not elsewhere:
        await o.start_engine(only=[store.id])
    again = _how_to_go_on(store.name, elsewhere=elsewhere)
    try:
        found = await follow_stores(o, [store.id], error_console(), timeout)
    except asyncio.CancelledError:
        note(again)
        raise
    except WaitTimeout as error:
        raise WaitTimeout(error.message, hint=again) from None
    return Result(found[store.id], store.name, waited=True)


def report(result: Result, output: Format, accepted: str) -> None:
    """Write what became of a declaration.

    Args:
        result: It.
        output: The format.
        accepted: What to say of it where it was not waited for, for example ``accepted``.

    Raises:
        click.exceptions.Exit: It was waited for and is not ready.
        StoreNotFound: It was waited for and somebody deleted it.
    """
    store = result.store
    if store is None:
        raise StoreNotFound(
            f"The store {result.name} was deleted while it was waited for.",
            hint=f"See what happened with: storeorch store events {result.name}",
        )
    words = [f"store/{store.name}", store.status.value if result.waited else accepted]
    if result.waited and store.url:
        words.append(store.url)
    emit(output, as_data(store), table=lambda: click.echo(" ".join(words)), names=[store.name])
    if result.waited and store.status is not Status.READY:
        _show_fault(store)
        raise Exit(1)


def _show_fault(store: Store) -> None:
    fault = store.fault or Fault(
        code=StoreFailed.code, message=f"The store {store.name} is {store.status.value}."
    )
    hint = fault.hint or f"Mend the cause, then: storeorch store retry {store.name}"
    show_sentences(fault.message, hint, fault.error_id)


def as_data(store: Store) -> dict[str, Any]:
    """Return a store as it is written as JSON."""
    return store.model_dump(mode="json")


def _how_to_go_on(name: str, *, elsewhere: bool) -> str:
    if elsewhere:
        return f"The work goes on. Wait for it again with: storeorch store wait {name}"
    return (
        "Nothing is lost. Go on with: "
        f"storeorch store wait {name}, or leave it to an engine: storeorch run"
    )
