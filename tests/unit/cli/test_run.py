from __future__ import annotations

from storeorch.errors import HelmMissing
from storeorch.models import Status

from .fake import Cli


def test_it_needs_an_environment(so: Cli) -> None:
    so.o.raises["require_environment"] = HelmMissing()
    result = so("run")
    assert result.exit_code == 4
    assert "run" not in so.o.names_called


def test_it_ends_when_the_engine_ends(so: Cli) -> None:
    so.o.on_hang = so.o.stop
    result = so("run")
    assert (result.exit_code, result.stdout) == (0, "")
    assert so.o.names_called == ["open", "require_environment", "run", "stop", "close"]


def test_transitions_are_lines_on_standard_error(so: Cli) -> None:
    import logging

    def work() -> None:
        logging.getLogger("storeorch").info("store %s: %s", "my-store", Status.READY)
        logging.getLogger("storeorch.operator").error("the canary sings")
        so.o.stop()

    so.o.on_hang = work
    result = so("run")
    assert " store my-store: ready\n" in result.stderr
    assert "canary" not in result.output
    assert "canary" in so.log()
