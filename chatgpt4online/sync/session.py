"""The requests session that a client sends with."""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from typing import Any

import requests
from urllib3.connection import HTTPConnection

from ..errors import UsageError
from ..network import KEEP_ALIVE, SOCKS_EXTRA_MISSING, Network, is_socks

POOL_SIZE = 100
"""Idle connections that are kept, so that as many threads can share a client."""

_SOCKET_OPTIONS = [*HTTPConnection.default_socket_options, *KEEP_ALIVE]


class Sessions:
    """What a client sends with: a given session, or one of its own for all proxies."""

    def __init__(self, network: Network, session: requests.Session | None) -> None:
        context = network.verify if isinstance(network.verify, ssl.SSLContext) else None
        self.injected = session
        if session is None:
            self._session = _new_session(context)
            return
        if not isinstance(session, requests.Session):
            raise UsageError("session must be a requests.Session.")
        if context is not None:
            raise UsageError(
                "verify must not be an SSLContext if session is given. Mount an adapter that uses "
                "the context on the session."
            )
        self._session = session

    def session_for(self, proxy: str | None) -> requests.Session:
        """Return the session for requests through a proxy, or through none."""
        if proxy and is_socks(proxy) and find_spec("socks") is None:
            raise UsageError(SOCKS_EXTRA_MISSING)
        return self._session

    def close(self) -> None:
        """Close the connections. An injected session stays open."""
        if self.injected is None:
            self._session.close()


def _new_session(context: ssl.SSLContext | None) -> requests.Session:
    session = _Session()
    # `Network` reads the environment for both clients alike, and .netrc must not be read.
    session.trust_env = False
    adapter = _Adapter(context)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect. requests reads its body even when told not to follow it."""
        return None


class _Adapter(requests.adapters.HTTPAdapter):
    """An adapter with TCP keep-alive, and with a TLS context if one is given."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._pool_options: dict[str, Any] = {"socket_options": _SOCKET_OPTIONS}
        if context is not None:
            # By default urllib3 checks the host name even if the context does not.
            check = None if context.check_hostname else False
            self._pool_options |= {"ssl_context": context, "assert_hostname": check}
        super().__init__(pool_maxsize=POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        kwargs |= self._pool_options
        super().init_poolmanager(*args, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of connections through a proxy."""
        if self._context is not None and proxy.startswith("https:"):
            kwargs["proxy_ssl_context"] = self._context
        return super().proxy_manager_for(proxy, **kwargs, **self._pool_options)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Choose the trusted certificates, unless there is a context, which has its own."""
        if self._context is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the idle connections, which urllib3 leaves to the garbage collector."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is not a dict
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()
