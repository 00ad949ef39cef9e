"""One HTTP connection pool to one cluster, speaking plain JSON.

The generated client of ``kubernetes.aio`` brings configuration, TLS and
credentials; its typed models are passed by, because parsing an answer into them
costs several times what parsing its JSON does.

It must not know what the objects mean.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from storeorch.errors import PermissionMissing
from storeorch.fencing import check_lease
from storeorch.kube import kubeconfig as kubeconfigs
from storeorch.kube.errors import Gone, error_for, unreachable
from storeorch.kube.resources import METADATA_ONLY_LIST, Call, Json, Resource, Verb

if TYPE_CHECKING:
    import aiohttp
    from kubernetes.aio.client import ApiClient, Configuration

T = TypeVar("T")

CONNECT_TIMEOUT: Final = 5.0
"""Seconds until a server that does not take the connection counts as unreachable."""

READ_TIMEOUT: Final = 30.0
"""Seconds that a whole answer may take."""

PAGE: Final = 500
"""Objects in one page of a list, as client-go's pager asks for."""

_FIRST_ERROR: Final = 300

_TRANSPORT: Final = {"host", "ssl_ca_cert", "verify_ssl", "tls_server_name", "proxy"}
"""What of a configuration an open connection pool cannot change."""


class Connection:
    """Sends calls to the API server and translates what goes wrong.

    Nothing is read and nothing is opened before the first call. Credentials that
    the server no longer accepts are read anew once, so short-lived tokens of
    exec plugins and rotated files need no restart.

    Args:
        kubeconfig: A file; None means: as everyone finds it.
        context: Name of the context; None means the current one.
        environ: The environment.
        connect_timeout: In seconds.
        read_timeout: Of a whole answer, in seconds; watches have their own.
    """

    def __init__(
        self,
        *,
        kubeconfig: Path | None = None,
        context: str | None = None,
        environ: Mapping[str, str] = os.environ,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self.kubeconfig = kubeconfig
        self.context = context
        self._environ = environ
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._client: ApiClient | None = None
        self._opening = asyncio.Lock()

    def beside(self) -> Connection:
        """Return one to the same cluster, with a pool of its own.

        For calls that hold on to their connection: a pool gives out a hundred, and whoever
        comes after them waits.
        """
        return Connection(
            kubeconfig=self.kubeconfig,
            context=self.context,
            environ=self._environ,
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
        )

    async def close(self) -> None:
        """Close the connection pool; the next call opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()  # type: ignore[no-untyped-call]

    async def request(self, call: Call) -> Json:
        """Send a call and return the parsed answer.

        Raises:
            ClusterUnavailable: The cluster did not answer, or cannot now.
            PermissionMissing: The right is missing.
            LeaseLost: It would change something, and the lease for it has run out.
            ClusterRefused: The cluster refused for another reason.
            NotFound, Conflict, Gone, Invalid: For the caller to handle.
        """
        client = await self._open()
        if call.method != "GET":
            check_lease()
        try:
            return await self._request(client, call)
        except PermissionMissing as error:
            if not _unauthenticated(error):
                raise
            return await self._request(await self._renew(client), call)

    async def pages(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        params: Mapping[str, str] | None = None,
        metadata_only: bool = False,
    ) -> AsyncIterator[Json]:
        """List objects in pages of 500.

        Args:
            resource: What to list.
            namespace: Where; None means everywhere.
            params: Selectors.
            metadata_only: Leave everything but the metadata in the cluster.

        Yields:
            Lists as the API answers them, with ``items`` and ``metadata``.
        """
        query = {**(params or {}), "limit": str(PAGE)}
        accept = METADATA_ONLY_LIST if metadata_only else "application/json"
        while True:
            page = await self.request(
                Call(Verb.LIST, resource, namespace=namespace, params=query, accept=accept)
            )
            yield page
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            query["continue"] = token

    @asynccontextmanager
    async def stream(
        self, call: Call, *, idle: float, total: float
    ) -> AsyncIterator[AsyncIterator[Any]]:
        """Send a watch and hand out the events that arrive, parsed, one at a time.

        The answer has to begin as soon as any other: a pooled connection that silently
        died is noticed then, and not only after ``idle`` seconds.

        Args:
            call: The watch.
            idle: Seconds without a byte after which the watch counts as dead.
            total: Seconds after which it counts as dead in any case.

        Raises:
            Gone: The version to go on from is no longer kept.
            StoreorchError: As for ``request``; also while events are read.
        """
        import aiohttp  # noqa: PLC0415 (see ``kubeconfig.load``)

        timeout = aiohttp.ClientTimeout(
            total=total, sock_connect=self._connect_timeout, sock_read=idle
        )
        async with self._answering(call, timeout) as response:
            yield _events(call, response)

    @asynccontextmanager
    async def text(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send a call and hand out the lines of an answer that may never end.

        Raises:
            StoreorchError: As for ``request``; also while lines are read.
        """
        import aiohttp  # noqa: PLC0415 (see ``kubeconfig.load``)

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout)
        async with self._answering(call, timeout) as response:
            yield _lines(response)

    @asynccontextmanager
    async def _answering(
        self, call: Call, timeout: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a call whose answer is read bit by bit; it is cut off at the end."""
        client = await self._open()
        try:
            response = await self._begin(client, call, timeout)
        except PermissionMissing as error:
            if not _unauthenticated(error):
                raise
            response = await self._begin(await self._renew(client), call, timeout)
        try:
            yield response
        finally:
            # Closing politely would wait for the server's TLS farewell, longer than our loop lives.
            if response.connection is not None and response.connection.transport is not None:
                response.connection.transport.abort()
            response.close()

    async def _begin(
        self, client: ApiClient, call: Call, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Send a watch, and wait for the head of the answer."""
        try:
            async with asyncio.timeout(self._read_timeout):
                return await self._send(client, call, timeout)
        except TimeoutError as error:
            raise unreachable(error) from error

    async def _request(self, client: ApiClient, call: Call) -> Json:
        import aiohttp  # noqa: PLC0415

        timeout = aiohttp.ClientTimeout(
            total=self._read_timeout, sock_connect=self._connect_timeout
        )
        response = await self._send(client, call, timeout)
        try:
            answer = json.loads(await response.read())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise unreachable(error) from error
        if not isinstance(answer, dict):
            raise unreachable(ValueError("the answer is not an object"))
        return answer

    async def _send(
        self, client: ApiClient, call: Call, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        import aiohttp  # noqa: PLC0415

        headers = {
            "Accept": call.accept,
            "Content-Type": call.content_type,
            "User-Agent": "storeorch",
        }
        target = call.target
        try:
            await client.update_params_for_auth(
                headers, [], ["BearerToken"], target, call.method, call.body
            )
            answer = await client.call_api(
                call.method,
                client.configuration.host + target,
                headers,
                body=call.body,
                _request_timeout=timeout,
            )
            response: aiohttp.ClientResponse = answer.response
            if response.status < _FIRST_ERROR:
                return response
            body = await response.read()
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            # RuntimeError is how aiohttp says that the session was closed meanwhile.
            raise unreachable(error) from error
        raise error_for(call, response.status, body)

    async def _open(self) -> ApiClient:
        if self._client is None:
            async with self._opening:
                if self._client is None:
                    self._client = _client(await self._configuration())
        return self._client

    async def _renew(self, refused: ApiClient) -> ApiClient:
        async with self._opening:
            if self._client is refused:
                fresh = await self._configuration()
                if _same_transport(refused.configuration, fresh):
                    refused.configuration.api_key = fresh.api_key
                else:
                    self._client = _client(fresh)
                    await refused.close()  # type: ignore[no-untyped-call]
        return await self._open()

    async def _configuration(self) -> Configuration:
        return await kubeconfigs.load(self.kubeconfig, self.context, self._environ)


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all at once and return their results in order; the first error ends all.

    Raises:
        Exception: That error, not in a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    return [task.result() for task in tasks]


def _client(configuration: Configuration) -> ApiClient:
    import aiohttp  # noqa: PLC0415 (see ``kubeconfig.load``)
    from kubernetes.aio.client import ApiClient  # noqa: PLC0415

    configuration.client_session_kwargs = {
        "cookie_jar": aiohttp.DummyCookieJar(),
        "trust_env": False,
    }
    try:
        return ApiClient(configuration=configuration)
    except (OSError, ValueError) as error:
        # The TLS context is made here, from files that may hold no certificate.
        raise kubeconfigs.unusable() from error


def _same_transport(old: Configuration, new: Configuration) -> bool:
    # A client certificate may have been replaced in place: that needs a new pool.
    return new.cert_file is None and all(
        getattr(old, name) == getattr(new, name) for name in _TRANSPORT
    )


def _unauthenticated(error: PermissionMissing) -> bool:
    return getattr(error.__cause__, "status", None) == 401  # noqa: PLR2004


async def _events(call: Call, response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    import aiohttp  # noqa: PLC0415

    rest = b""
    try:
        # Splitting whole chunks is cheaper than ``readline`` when events come in bursts.
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line:
                    yield _checked(call, json.loads(line))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise unreachable(error) from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    import aiohttp  # noqa: PLC0415

    rest = b""
    try:
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise unreachable(error) from error
    if rest:
        yield rest


def _checked(call: Call, event: Any) -> Any:
    if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
        raise ValueError("an event of the watch has no object")  # noqa: TRY004
    if event.get("type") == "ERROR":
        answer = event["object"]
        code = answer.get("code")
        status = code if isinstance(code, int) else 500
        body = json.dumps(answer).encode()
        raise (
            Gone(status, body)
            if answer.get("reason") == "Expired"
            else error_for(call, status, body)
        )
    return event
