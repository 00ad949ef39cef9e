"""Serves the app until it is told to stop.

This module must know no route.
"""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from storeorch import StoreorchError
from storeorch.errors import EnvironmentNotReady
from storeorch_webapp.services import Services
from storeorch_webapp.settings import WebSettings

_GRACE_SECONDS: Final = 10
"""How long requests under way may take once the app is told to stop."""

_KEEP_ALIVE_SECONDS: Final = 75
"""How long a connection may be idle. Longer than usual proxies and clients keep it, for one that
is closed here in the moment of its use is an error there."""

_BACKLOG: Final = 2048


class Server(uvicorn.Server):
    """Ends the event streams as soon as it is told to stop: they would never end by themselves.

    Args:
        app: What is served.
        config: How.
        started: Called with the address once it is served.
    """

    def __init__(self, app: FastAPI, config: uvicorn.Config, started: Callable[[], object]) -> None:
        super().__init__(config)
        self._app = app
        self._started_hook = started

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started_hook()

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end the app, which then ends as done rather than as killed."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        services: Services | None = getattr(self._app.state, "services", None)
        if services is not None:
            services.feed.close()
        super().handle_exit(sig, frame)


class _ForOperators(logging.Handler):
    """Sends the server's own messages, foreign text, to the operator's log."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger("storeorch.operator").handle(record)


def listen(settings: WebSettings) -> socket.socket:
    """Open the socket that the settings name.

    Raises:
        EnvironmentNotReady: The address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise EnvironmentNotReady(
            f"The app cannot listen on port {settings.port} of the host {settings.host!a}.",
            hint="Name another with PORT or HOST, or end the program that has it.",
        ) from error


def address_of(listening: socket.socket) -> str:
    """Return the address to open in a browser."""
    host, port = listening.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - what was asked for
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(app: FastAPI, listening: socket.socket, started: Callable[[str], object]) -> None:
    """Serve the app until SIGINT or SIGTERM.

    Args:
        app: What is served.
        listening: Where.
        started: Called with the address once it is served.

    Raises:
        StoreorchError: The app could not start.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        lifespan="on",
    )
    log = logging.getLogger("uvicorn")
    log.propagate = False
    log.addHandler(_ForOperators())
    with listening:
        server = Server(app, config, lambda: started(address_of(listening)))
        server.run(sockets=[listening])
    if not server.started:
        failure: StoreorchError | None = getattr(app.state, "failure", None)
        raise failure or StoreorchError("The app could not start.")
