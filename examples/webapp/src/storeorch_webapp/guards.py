"""What holds for every answer and every request, whatever it is about.

This module must know no route.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storeorch_webapp.failures import TOO_LARGE, answer
from storeorch_webapp.models import ErrorBody
from storeorch_webapp.settings import is_loopback

_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    # Component libraries put styles into the page; styles cannot run anything.
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; "
    "font-src 'self'; "
    "connect-src 'self'; "
    "manifest-src 'self'; "
    "frame-ancestors 'none'; "
    "base-uri 'none'; "
    "form-action 'none'"
)

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""As the OWASP Secure Headers Project recommends."""


class SecurityHeaders:
    """Puts the headers onto every answer, and keeps answers of the API out of caches.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        of_the_api = scope["path"].startswith(("/api", "/metrics"))

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if of_the_api:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, watch)


class BodyLimit:
    """Refuses bodies that are too large, whether they say so beforehand or not.

    Args:
        app: What reads the body.
        most: Largest body, in bytes.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        if said.isdecimal() and int(said) > self._most:
            refusal = answer(413, ErrorBody(code="body-too-large", message=TOO_LARGE))
            await refusal(scope, receive, send)
            return
        received = 0

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise HTTPException(413)
            return message

        await self._app(scope, count, send)


class LoopbackOnly:
    """Refuses what does not come from this machine, or comes through a foreign page.

    Where nobody has to say who they are, any page that a browser on this machine shows
    could otherwise use the API, under a name that it made to point here.

    Args:
        app: What is protected.
        origins: Origins whose pages are welcome, beside the app's own.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or refuse it."""
        if scope["type"] != "http" or self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        body = ErrorBody(
            code="loopback-only",
            message="Without authentication the app answers this machine alone.",
            hint="Unset STOREORCH_WEB_AUTH to let others in, with tokens.",
        )
        await answer(403, body)(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        client = scope.get("client")
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        origin = headers.get("origin")
        same = origin is None or origin in {f"http://{host}", f"https://{host}"}
        return (
            (client is None or is_loopback(client[0]))
            and is_loopback(name)
            and (same or origin in self._origins)
        )
