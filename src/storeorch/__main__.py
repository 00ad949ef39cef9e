"""Runs the command line: ``python -m storeorch``."""

from storeorch.cli import main

main()
