"""What the containers of a store have written, pod by pod.

It must not know stores, nor what is done with a line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import anyio

from storeorch.errors import ClusterRefused, ClusterUnavailable
from storeorch.kube.connection import Connection, together
from storeorch.kube.errors import ApiStatus, NotFound
from storeorch.kube.resources import POD_LOGS, PODS, Call, Json, Verb
from storeorch.ports import LogLine

_LONGEST: Final = 16_384
"""Characters of a line that are handed on; a terminal shows no longer ones."""

_WAITING: Final = 1000
"""Lines that are held for a slow reader before containers have to wait."""


async def pod_logs(
    connection: Connection, namespace: str, *, follow: bool, tail: int
) -> AsyncIterator[LogLine]:
    """Yield the lines of all containers that have been started; see ``ports.Cluster.logs``.

    Without ``follow`` they come container by container, otherwise as they are written.

    Raises:
        ClusterRefused: The node of a pod does not hand out its logs.
        StoreorchError: As for any call of the cluster.
    """
    started: list[tuple[str, str]] = []
    async for page in connection.pages(PODS, namespace=namespace):
        for pod in page.get("items") or ():
            started += [(pod["metadata"]["name"], name) for name in _started(pod)]
    readers = [
        _read(connection, namespace, *each, tail=tail, follow=follow) for each in sorted(started)
    ]
    if follow:
        readers = [_merged(readers)]
    for reader in readers:
        async for line in reader:
            yield line


async def _merged(readers: Sequence[AsyncIterator[LogLine]]) -> AsyncIterator[LogLine]:
    """Yield what several readers yield, as it comes; the first error ends all."""
    send, receive = anyio.create_memory_object_stream[LogLine](_WAITING)

    async def hand_on(reader: AsyncIterator[LogLine]) -> None:
        async for line in reader:
            await send.send(line)

    async def all_of_them() -> None:
        with send:
            await together(hand_on(reader) for reader in readers)

    reading = asyncio.create_task(all_of_them())
    try:
        with receive:
            async for line in receive:
                yield line
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _started(pod: Json) -> Iterator[str]:
    status = pod.get("status") or {}
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(group) or ():
            state = container.get("state") or {}
            if "running" in state or "terminated" in state or container.get("restartCount"):
                yield str(container["name"])


async def _read(
    connection: Connection,
    namespace: str,
    pod: str,
    container: str,
    *,
    tail: int,
    follow: bool = False,
) -> AsyncIterator[LogLine]:
    params = {"container": container, "tailLines": str(tail)}
    if follow:
        params["follow"] = "true"
    call = Call(Verb.GET, POD_LOGS, name=pod, namespace=namespace, params=params, accept="*/*")
    try:
        async with connection.text(call) as lines:
            async for line in lines:
                text = line.decode(errors="replace").rstrip("\r")
                yield LogLine(pod, container, text[:_LONGEST])
    except NotFound:
        return  # It has gone meanwhile.
    except (ClusterRefused, ClusterUnavailable) as error:
        # A node that does not answer is told as if the whole cluster did not.
        if not isinstance(error.__cause__, ApiStatus):
            raise
        raise ClusterRefused(
            f"The logs of the pod {pod} cannot be read.",
            hint="Its node does not hand them out; pods on simulated nodes write nothing.",
        ) from error
