from __future__ import annotations

from storeorch.errors import DatabaseUnavailable

from .fake import Cli


def test_upgrade_does_not_open_the_database(so: Cli) -> None:
    result = so("db", "upgrade")
    assert (result.exit_code, result.stdout) == (0, "database upgraded\n")
    assert so.o.calls == [("upgrade_database", so.settings)]


def test_a_database_that_is_not_there(so: Cli) -> None:
    so.o.raises["upgrade_database"] = DatabaseUnavailable()
    assert so("db", "upgrade").exit_code == 4
