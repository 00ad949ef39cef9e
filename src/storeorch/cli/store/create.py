"""``storeorch store create``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.loop import run
from storeorch.cli.options import (
    EnvOption,
    Format,
    output_option,
    set_option,
    timeout_option,
    wait_option,
)
from storeorch.cli.store.carry_out import Result, Wait, carry_out, report
from storeorch.names import check_store_name


@click.command()
@click.argument("name", metavar="NAME")
@click.option(
    "-t",
    "--type",
    "type_",
    cls=EnvOption,
    envvar="STOREORCH_STORE_CREATE_TYPE",
    required=True,
    metavar="TYPE",
    help="Type of the store; see: storeorch type list",
)
@set_option
@wait_option
@timeout_option
@output_option()
@pass_context
def create(
    context: CliContext,
    *,
    name: str,
    type_: str,
    set: Mapping[str, Any],  # noqa: A002 - the option's name
    wait: bool,
    timeout: float,
    output: Format,
) -> None:
    """Create a store.

    Returns as soon as the store is accepted, unless --wait is given.
    """
    check_store_name(name)
    o = context.orchestrator()
    # Before the database and the cluster are asked: what cannot be is wrong in any case.
    o.type(type_).check(set)

    async def main() -> Result:
        async with o:
            return await carry_out(
                o, lambda: o.create(name, type=type_, parameters=set), Wait(wait, timeout)
            )

    report(run(main()), output, "accepted")
