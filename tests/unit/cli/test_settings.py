from __future__ import annotations

import json

from storeorch.settings import Settings

from .fake import Cli


def test_every_setting_is_listed(so: Cli) -> None:
    found = json.loads(so("settings", "list", "-o", "json").stdout)
    assert [entry["name"] for entry in found] == list(Settings.model_fields)
    for entry in found:
        assert entry["variable"] == f"STOREORCH_{entry['name'].upper()}"
        assert entry["description"], entry
    assert "STOREORCH_DOMAIN" in so("settings", "list", "-o", "name").stdout.splitlines()


def test_values_and_where_they_come_from(so: Cli) -> None:
    so.settings = so.settings.model_copy(
        update={"database_url": "postgresql://me:hunter2@db/storeorch"}
    )
    result = so("settings", "list", STOREORCH_DATABASE_URL="anything")
    line = next(line for line in result.stdout.splitlines() if "DATABASE_URL" in line)
    assert line.split()[1:3] == ["postgresql://me:[redacted]@db/storeorch", "environment"]
    assert "hunter2" not in result.stdout
