"""``storeorch store update`` and ``storeorch store retry``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from storeorch.cli.assignments import merge
from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.loop import run
from storeorch.cli.options import (
    Format,
    name_argument,
    output_option,
    set_option,
    timeout_option,
    wait_option,
)
from storeorch.cli.store.carry_out import Result, Wait, carry_out, report


@click.command()
@name_argument
@set_option
@wait_option
@timeout_option
@output_option()
@pass_context
def update(
    context: CliContext,
    *,
    name: str,
    set: Mapping[str, Any],  # noqa: A002 - the option's name
    wait: bool,
    timeout: float,
    output: Format,
) -> None:
    """Change parameters of a store; those that are not named stay as they are."""
    if not set:
        raise click.UsageError("There is nothing to update; give at least one --set KEY=VALUE.")

    async def main() -> Result:
        async with context.orchestrator() as o:
            store = await o.get(name)
            # Before the cluster is asked: what cannot be is wrong in any case.
            o.type(store.type).check(merge(store.parameters, set))
            return await carry_out(
                o, lambda: o.update(store.id, parameters=set), Wait(wait, timeout)
            )

    report(run(main()), output, "update accepted")


@click.command()
@name_argument
@wait_option
@timeout_option
@output_option()
@pass_context
def retry(context: CliContext, *, name: str, wait: bool, timeout: float, output: Format) -> None:
    """Try again what has failed, after its cause is gone."""

    async def main() -> Result:
        async with context.orchestrator() as o:
            store = await o.get(name)
            return await carry_out(o, lambda: o.retry(store.id), Wait(wait, timeout))

    report(run(main()), output, "retry accepted")
