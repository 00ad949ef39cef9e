"""Ports of the machine's loopback interface that lead into a node: ``python -m`` this module.

A socket stays in the network namespace that it was made in. So the listening
sockets are made outside, then the process moves into the node, and every
connection that it opens from there on is the node's.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from storeorch_devcluster.realnode import linux

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 1024
CHUNK: Final = 256 * 1024
"""Bytes read at once."""


@dataclass(frozen=True, slots=True)
class Route:
    """One port that leads into the node.

    Attributes:
        port: Port on the machine's loopback interface.
        host: Address in the node.
        target: Port in the node.
    """

    port: int
    host: str
    target: int

    @classmethod
    def parse(cls, text: str) -> Route:
        """Read ``PORT=HOST:PORT``."""
        port, _, goal = text.partition("=")
        host, _, target = goal.rpartition(":")
        return cls(int(port), host, int(target))


def command(holder: int, routes: list[Route]) -> list[str]:
    """Return the command line that serves these routes.

    Args:
        holder: The process that holds the node's namespaces.
        routes: The routes.
    """
    texts = [f"{route.port}={route.host}:{route.target}" for route in routes]
    return [sys.executable, "-I", "-m", f"{__package__}.forward", str(holder), *texts]


async def serve(listening: list[tuple[socket.socket, Route]]) -> None:
    """Serve routes for ever.

    Args:
        listening: A bound socket for each route.
    """
    async with asyncio.TaskGroup() as group:
        for bound, route in listening:
            server = await asyncio.start_server(
                _handler(route), sock=bound, limit=CHUNK, backlog=BACKLOG
            )
            group.create_task(server.serve_forever())


def main(arguments: list[str]) -> None:
    """Listen outside, move inside, serve."""
    holder, *texts = arguments
    listening = [(_listen(route.port), route) for route in map(Route.parse, texts)]
    linux.enter(int(holder), network=True, mounts=False)
    asyncio.run(serve(listening))


def _listen(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((LOOPBACK, port))
    return bound


def _handler(
    route: Route,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, target = await asyncio.open_connection(route.host, route.target, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_copy(reader, target), _copy(answers, writer))
        target.close()
        writer.close()

    return handle


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Either end may hang up at any time; the other is told in the same way.
    try:
        while block := await reader.read(CHUNK):
            writer.write(block)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1:])
