"""``storeorch settings list``."""

from __future__ import annotations

import os
from typing import Any

import click

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.options import Format, output_option
from storeorch.cli.render import emit, write_table
from storeorch.cli.types.schema import one_line
from storeorch.redaction import redact
from storeorch.settings import Settings


@click.command("list")
@output_option()
@pass_context
def list_settings(context: CliContext, *, output: Format) -> None:
    """List the settings with their variables and values; passwords are masked."""
    found = [_as_data(context.settings, name) for name in Settings.model_fields]
    emit(
        output,
        found,
        table=lambda: write_table(
            ("variable", "value", "source", "description"),
            (
                (entry["variable"], entry["value"], entry["source"], entry["description"])
                for entry in found
            ),
        ),
        names=(entry["variable"] for entry in found),
    )


def _shown(value: object) -> str:
    """Write a value as its variable has it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _as_data(settings: Settings, name: str) -> dict[str, Any]:
    variable = f"STOREORCH_{name.upper()}"
    value = getattr(settings, name)
    return {
        "name": name,
        "variable": variable,
        "value": None if value is None else redact(_shown(value)),
        "source": "environment" if os.environ.get(variable) else "default",
        "description": one_line(Settings.describe(name)),
    }
