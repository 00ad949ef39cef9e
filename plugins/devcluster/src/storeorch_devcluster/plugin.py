"""What this distribution adds to storeorch: ``storeorch dev``, and built programs.

This module must stay cheap to import: storeorch reads it at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storeorch.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import click


@hookimpl
def storeorch_cli_commands() -> Sequence[click.Command]:
    """Add ``storeorch dev up | status | kubeconfig | load | down``."""
    from storeorch_devcluster.cli import dev  # noqa: PLC0415 - click only when asked for

    return [dev]


@hookimpl
def storeorch_executable(name: str) -> Path | None:
    """Offer ``helm`` and ``kubectl`` where the cluster's programs have been built."""
    if name not in {"helm", "kubectl"}:
        return None
    from storeorch_devcluster.paths import built_executable  # noqa: PLC0415

    return built_executable(name)
