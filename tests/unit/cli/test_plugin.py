from __future__ import annotations

import json

from storeorch.plugins import PluginInfo

from .fake import Cli


def test_list(so: Cli) -> None:
    so.o.infos.append(PluginInfo("broken", "storeorch-broken", "0.1", error="It cannot be loaded."))
    lines = so("plugin", "list").stdout.splitlines()
    assert lines[1].split() == ["toys", "storeorch-toys", "1.2", "toy", "-"]
    assert lines[2].split() == [
        "broken",
        "storeorch-broken",
        "0.1",
        "-",
        "It",
        "cannot",
        "be",
        "loaded.",
    ]
    found = json.loads(so("plugin", "list", "-o", "json").stdout)
    assert found[0] == {
        "name": "toys",
        "distribution": "storeorch-toys",
        "version": "1.2",
        "types": ["toy"],
        "error": None,
    }
    assert so("plugin", "list", "-o", "name").stdout == "toys\nbroken\n"
    assert so.o.calls == [], "plugins need no database"
