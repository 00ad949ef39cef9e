"""The command line: noun, then verb; data on standard output, everything else on standard error.

Commands use the public API only, like any other consumer. What is heavy to
import is imported by the command that needs it, when it runs.
"""

from __future__ import annotations

from storeorch.cli.root import cli

__all__ = ["cli", "main"]


def main() -> None:
    """Run the command line and exit with its status."""
    cli(prog_name="storeorch")
