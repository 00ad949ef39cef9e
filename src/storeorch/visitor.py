"""Ask for pages of stores over HTTP: the port ``Visitor``.

A store's host need not be known to the name service of the machine that the engine
runs on: below ``.test``, or where only a hosts file names it, the engine connects to
the ingress itself and says which host it means.

This module must not know stores, steps or what a page should hold.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from typing_extensions import override

from storeorch.ports import Visit

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult

_SECONDS: Final = 10.0
"""Longest time that one page may take; a shop that needs more is not usable."""

_READ: Final = 262_144
"""Bytes of a page that are looked at."""

_HTTPS: Final = 443

_NEVER_RESOLVED: Final = (".test", ".localhost", ".invalid", ".example")
"""Domains that no name service knows. Source: RFC 6761."""


class HttpVisitor:
    """Asks for pages over HTTP; satisfies ``ports.Visitor``.

    Args:
        ingress: Where the ingress is reached, as the setting ``probe_address`` has it; empty
            connects to where the name service says.
    """

    def __init__(self, ingress: str) -> None:
        self._ingress = ingress
        self._session: aiohttp.ClientSession | None = None

    async def visit(self, url: str) -> Visit:
        """Ask for one page; see ``ports.Visitor``."""
        import aiohttp  # noqa: PLC0415 - heavy

        try:
            async with (
                self._open().get(url, max_redirects=5, timeout=_timeout()) as answer,
            ):
                return Visit(answer.status, await answer.content.read(_READ))
        except aiohttp.ClientConnectorDNSError:
            host = "of STOREORCH_PROBE_ADDRESS" if self._ingress else urlsplit(url).hostname
            return Visit(None, trouble=f"The name service does not know the host {host}.")
        except aiohttp.TooManyRedirects:
            return Visit(None, trouble="The store redirects without end.")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return Visit(None, trouble="Nothing answers at the address of the store.")

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415

        if self._session is None:
            # Whether a store's certificate is trusted is its owner's business: what is asked
            # here is whether the shop serves.
            connector = aiohttp.TCPConnector(
                ssl=False, limit=32, force_close=True, resolver=_resolver(self._ingress)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "storeorch"},
                trust_env=False,
            )
        return self._session


def ingress_of(probe_address: str, ingress_address: str, *, domain: str, hosts_file: bool) -> str:
    """Say where an engine reaches the ingress; empty where the name service says it.

    Args:
        probe_address: What the settings name for just this, or empty.
        ingress_address: What the hosts file gives to every store.
        domain: The domain of the stores.
        hosts_file: Whether a hosts file names the stores.
    """
    unresolved = hosts_file or f".{domain}".endswith(_NEVER_RESOLVED)
    return probe_address or (ingress_address if unresolved else "")


def _timeout() -> Any:
    import aiohttp  # noqa: PLC0415

    return aiohttp.ClientTimeout(total=_SECONDS)


def _resolver(ingress: str) -> Any:
    """Return a resolver that names the ingress for every host; None, aiohttp's own."""
    if not ingress:
        return None
    from aiohttp import ThreadedResolver  # noqa: PLC0415
    from aiohttp.abc import AbstractResolver  # noqa: PLC0415

    places = places_of(ingress)
    names = ThreadedResolver()

    class ToTheIngress(AbstractResolver):
        @override
        async def resolve(
            self,
            host: str,
            port: int = 0,
            family: socket.AddressFamily = socket.AF_UNSPEC,
        ) -> list[ResolveResult]:
            address, own = places["https" if port == _HTTPS else "http"]
            found = await names.resolve(address, own or port, family)
            return [{**each, "hostname": host} for each in found]

        @override
        async def close(self) -> None:
            await names.close()

    return ToTheIngress()


def places_of(ingress: str) -> dict[str, tuple[str, int | None]]:
    """Return address and port by scheme; without a port it is the one that is asked for."""
    places: dict[str, tuple[str, int | None]] = {}
    for word in ingress.split(","):
        scheme, _, where = word.strip().rpartition("://")
        # Only an IPv6 address in brackets can have a port.
        bare = where.count(":") > 1 and not where.startswith("[")
        parts = urlsplit(f"//[{where}]" if bare else f"//{where}")
        for each in (scheme,) if scheme else ("http", "https"):
            places[each] = parts.hostname or "", parts.port
    address, _ = next(iter(places.values()))
    return {"http": (address, None), "https": (address, None), **places}
