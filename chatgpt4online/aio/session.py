"""The aiohttp sessions that a client sends with."""

from __future__ import annotations

import contextlib
import socket
import warnings
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp

from ..errors import UsageError
from ..network import KEEP_ALIVE, SOCKS_EXTRA_MISSING, Network, is_socks
from ..protocol.address import origin

try:
    import aiohttp_socks
except ImportError:
    SOCKS_ERRORS: tuple[type[Exception], ...] = ()
else:
    SOCKS_ERRORS = (
        aiohttp_socks.ProxyError,
        aiohttp_socks.ProxyConnectionError,
        aiohttp_socks.ProxyTimeoutError,
    )

MAX_HEADER = 65536
"""Bytes of a header line, as in Python's http.client."""

_SOCKS_PORT = 1080


class Sessions:
    """What a client sends with: a given session, or its own.

    aiohttp-socks needs a session for each proxy. All of them share their cookies.
    """

    def __init__(self, network: Network, session: aiohttp.ClientSession | None, site: str) -> None:
        self._site = site
        self._own: dict[str, aiohttp.ClientSession] = {}
        self.injected = session
        if session is None:
            return
        if not isinstance(session, aiohttp.ClientSession):
            raise UsageError("session must be an aiohttp.ClientSession.")
        if not session.auto_decompress:
            raise UsageError("session must decompress responses: auto_decompress must be True.")
        if network.proxy and is_socks(network.proxy):
            raise UsageError(
                "proxy must not be a SOCKS proxy if session is given. Create the session with a "
                "ProxyConnector of aiohttp-socks."
            )

    def session_for(self, proxy: str | None) -> aiohttp.ClientSession:
        """Return the session for requests through a proxy, or through none."""
        if self.injected is not None:
            return self.injected
        key = proxy if proxy and is_socks(proxy) else ""
        if key not in self._own:
            self._own[key] = aiohttp.ClientSession(
                connector=_socks_connector(key) if key else _new_connector(),
                max_line_size=MAX_HEADER,
                max_field_size=MAX_HEADER,
                cookie_jar=self._cookies(),
            )
        return self._own[key]

    def _cookies(self) -> aiohttp.abc.AbstractCookieJar:
        for session in self._own.values():
            return session.cookie_jar
        # By default the cookies of sites without a host name are dropped, and some are quoted.
        return aiohttp.CookieJar(unsafe=True, quote_cookie=False)

    async def close(self) -> None:
        """Close the connections. An injected session stays open."""
        for session in self._own.values():
            await session.close()

    def __del__(self) -> None:
        left_open = [session for session in self._own.values() if not session.closed]
        if left_open:
            text = f"Unclosed AsyncClient for {origin(self._site)}; close it or use async with"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=1)
        for session in left_open:
            # Otherwise aiohttp warns of a session that the caller has never seen. The first step
            # closes everything; the rest only waits, and the event loop may have ended.
            with contextlib.suppress(StopIteration):
                session.close().send(None)


def _new_connector() -> aiohttp.TCPConnector:
    # aiohttp has socket factories, and with them keep-alive, from 3.12 on.
    options: dict[str, Any] = (
        {"socket_factory": _new_socket} if hasattr(aiohttp, "SocketFactoryType") else {}
    )
    return aiohttp.TCPConnector(limit=0, **options)


def _new_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    for option in KEEP_ALIVE:
        sock.setsockopt(*option)
    return sock


def _socks_connector(proxy: str) -> aiohttp.TCPConnector:
    """Return a connector for a SOCKS proxy. The proxy resolves names for socks5h and socks4a."""
    if not SOCKS_ERRORS:
        raise UsageError(SOCKS_EXTRA_MISSING)
    parts = urlsplit(proxy)
    return aiohttp_socks.ProxyConnector(
        host=parts.hostname or "",
        port=parts.port or _SOCKS_PORT,
        proxy_type=aiohttp_socks.ProxyType[parts.scheme[:6].upper()],
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        rdns=parts.scheme in ("socks5h", "socks4a"),
        limit=0,
    )
