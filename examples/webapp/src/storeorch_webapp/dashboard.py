"""Serves the built dashboard; addresses within it lead to its one page.

This module must know nothing of the API.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from typing_extensions import override

_FOREVER: Final = "public, max-age=31536000, immutable"
"""For files that have a hash of their content in their name."""

_NOT_BUILT: Final = (
    "The dashboard is not built. In a checkout: cd examples/webapp/dashboard, then npm ci and "
    "npm run build. The API is at /api.\n"
)


class Dashboard(StaticFiles):
    """The files of the dashboard, and its page for every address that is no file."""

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or the page."""
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or not _is_page(path):  # noqa: PLR2004
                raise
            response = await super().get_response("index.html", scope)
        if path.startswith("assets/"):
            response.headers["Cache-Control"] = _FOREVER
        else:
            response.headers["Cache-Control"] = "no-cache"
        return response


class _Elsewhere(Mount):
    """Takes every address that the API has not: a wrong one there is no page."""

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        first = scope["path"].lstrip("/").partition("/")[0]
        if first in {"api", "metrics"}:
            return Match.NONE, {}
        return super().matches(scope)


def _is_page(path: str) -> bool:
    """Return whether an address that is no file may be one within the dashboard."""
    parts = Path(path).parts
    return not parts or ("." not in parts[-1] and parts[0] != "assets")


def install(app: FastAPI, folder: Path | None) -> None:
    """Serve the dashboard below ``/``; last, since it takes every address that is left.

    Args:
        app: The app.
        folder: Where the files are; None looks where the distribution has them.
    """
    found = folder or find()
    if found is None:

        @app.get("/", include_in_schema=False)
        async def not_built() -> PlainTextResponse:
            return PlainTextResponse(_NOT_BUILT, status_code=503)

        return
    app.router.routes.append(
        _Elsewhere("/", Dashboard(directory=found, html=True), name="dashboard")
    )


def find() -> Path | None:
    """Return the folder of the built dashboard: in the distribution, else in the checkout."""
    here = Path(__file__).resolve().parent
    candidates = (here / "dashboard", here.parents[1] / "dashboard" / "dist")
    return next((path for path in candidates if (path / "index.html").is_file()), None)
