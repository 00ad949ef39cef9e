"""Puts the built dashboard into the wheel; hatch calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from typing_extensions import override


class DashboardHook(BuildHookInterface[Any]):
    """Adds ``dashboard/dist`` as ``storeorch_webapp/dashboard``.

    An editable installation finds the folder where it is, built or not.
    """

    @override
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        built = Path(self.root) / "dashboard" / "dist"
        if not (built / "index.html").is_file():
            raise FileNotFoundError(
                "The dashboard is not built; run in the folder dashboard: npm ci && npm run build"
            )
        build_data["force_include"][str(built)] = "storeorch_webapp/dashboard"
