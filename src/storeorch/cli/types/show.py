"""``storeorch type list`` and ``storeorch type show``."""

from __future__ import annotations

import json
from typing import Any

import click

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.options import Format, output_option
from storeorch.cli.render import emit, write_details, write_table
from storeorch.cli.types.schema import flatten
from storeorch.storetype import StoreType


@click.command("list")
@output_option()
@pass_context
def list_types(context: CliContext, *, output: Format) -> None:
    """List the store types."""
    found = sorted(context.orchestrator().types(), key=lambda offered: offered.name)
    emit(
        output,
        [_summary(offered) for offered in found],
        table=lambda: write_table(
            ("name", "title", "description"),
            ((offered.name, offered.title, offered.description) for offered in found),
        ),
        names=(offered.name for offered in found),
    )


@click.command("show")
@click.argument("type_", metavar="TYPE")
@output_option(Format.TABLE, Format.JSON, Format.YAML)
@pass_context
def show_type(context: CliContext, *, type_: str, output: Format) -> None:
    """Show what can be set of a store type, with --set KEY=VALUE."""
    offered = context.orchestrator().type(type_)
    emit(output, _as_data(offered), table=lambda: _write(offered))


def _summary(offered: StoreType) -> dict[str, Any]:
    return {"name": offered.name, "title": offered.title, "description": offered.description}


def _as_data(offered: StoreType) -> dict[str, Any]:
    return {
        **_summary(offered),
        "steps": [step.name for step in offered.steps()],
        "parameters": [parameter.data for parameter in flatten(_schema(offered))],
        "schema": _schema(offered),
    }


def _schema(offered: StoreType) -> dict[str, Any]:
    return offered.parameters.model_json_schema()


def _write(offered: StoreType) -> None:
    write_details(
        [
            ("Name", offered.name),
            ("Title", offered.title),
            ("Description", offered.description),
            ("Steps", ", ".join(step.name for step in offered.steps())),
        ]
    )
    parameters = flatten(_schema(offered))
    if not parameters:
        return
    click.echo()
    write_table(
        ("parameter", "type", "default", "description"),
        (
            (
                parameter.key,
                parameter.type,
                "(required)" if parameter.required else _shown(parameter.default),
                parameter.description,
            )
            for parameter in parameters
        ),
    )


def _shown(default: Any) -> str | None:
    if default is None or default == "":
        return None
    return default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
