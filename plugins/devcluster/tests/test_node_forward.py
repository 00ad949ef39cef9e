from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from storeorch_devcluster.realnode import forward, linux
from storeorch_devcluster.realnode.forward import Route


def bound() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


async def talk(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_bytes_go_both_ways_and_ends_are_passed_on() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.close()

    target = await asyncio.start_server(shout, "127.0.0.1", 0)
    inner = target.sockets[0].getsockname()[1]
    outer = bound()
    port = outer.getsockname()[1]
    serving = asyncio.create_task(forward.serve([(outer, Route(port, "127.0.0.1", inner))]))
    long = b"x" * 3_000_000
    answers = await asyncio.gather(talk(port, b"one"), talk(port, long))
    assert list(answers) == [b"ONE", long.upper()]
    target.close()
    await target.wait_closed()
    # Nobody is there any more: the connection is closed, and the next one is taken.
    with suppress(ConnectionError):
        assert await talk(port, b"two") == b""
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


def test_routes_are_written_as_they_are_read() -> None:
    argv = forward.command(7, [Route(80, "10.96.0.80", 8080)])
    assert argv[-2:] == ["7", "80=10.96.0.80:8080"]
    assert Route.parse(argv[-1]) == Route(80, "10.96.0.80", 8080)


def test_who_listens_is_seen_from_outside() -> None:
    with bound() as listening:
        port = listening.getsockname()[1]
        own = os.getpid()
        assert not linux.listens(own, port)
        listening.listen()
        assert linux.listens(own, port)
    assert not linux.listens(2**30, port)
