"""How a client reaches its site: times to wait, proxy, TLS and headers."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from .errors import ChatTimeout, UsageError

LINGER_SECONDS = 0.5
"""How long, at most, a request waits for the end of an earlier answer to use its connection."""


@dataclass(frozen=True, slots=True)
class Timeout:
    """Times in seconds; None means no limit.

    Attributes:
        connect: to make a connection.
        idle: between two pieces of an answer, and for the first one.
        total: for a whole call, with its retries, until the reply is complete.
    """

    connect: float | None = 10.0
    idle: float | None = 120.0
    total: float | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            seconds = getattr(self, item.name)
            if seconds is not None and not seconds > 0:
                raise UsageError(f"Timeout.{item.name} must be above 0 seconds, or None.")


class Deadline:
    """The moment at which a call's total time is over.

    Args:
        seconds: from now; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Return the seconds that are left; None where there is no end.

        Raises:
            ChatTimeout: none are left.
        """
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def cap(self, seconds: float | None) -> float | None:
        """Return `seconds`, or what is left where that is less. It raises as `left` does."""
        left = self.left()
        return min((value for value in (seconds, left) if value is not None), default=None)

    def passed(self) -> ChatTimeout:
        """Return the error for a deadline that has passed."""
        return ChatTimeout(f"The call took longer than {self.seconds:g} seconds (Timeout.total).")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What both transports need to know.

    Attributes:
        proxy: the proxy that the caller named; None for those of the environment, '' for none.
        verify: whether to check TLS certificates, or a file of certificates to trust.
        headers: the caller's own.
        timeout: times to wait.
    """

    proxy: str | None = field(repr=False)
    verify: bool | str
    headers: Mapping[str, str] = field(repr=False)
    timeout: Timeout

    def __post_init__(self) -> None:
        if self.proxy:
            _check_proxy(self.proxy)
        if isinstance(self.verify, str) and not os.path.isfile(self.verify):
            raise UsageError("verify names no file of certificates.")
        for name, value in self.headers.items():
            if not (isinstance(name, str) and isinstance(value, str)):
                raise UsageError("headers must be texts by name.")
            if not name or any(char in name + value for char in "\r\n\0"):
                raise UsageError("headers must not hold line ends or NUL characters.")

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy for an address: the caller's, else that of the environment.

        The variables are HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case.

        Raises:
            UsageError: it is not an http or https proxy.
        """
        if self.proxy is not None:
            return self.proxy or None
        parts = urlsplit(url)
        proxies = urllib.request.getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if not proxy or urllib.request.proxy_bypass(parts.netloc):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        _check_proxy(proxy)
        return proxy

    def trusted(self) -> bool | str:
        """Return `verify`, or the certificates that the environment names in place of True."""
        if self.verify is not True:
            return self.verify
        names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
        return next((os.environ[name] for name in names if os.environ.get(name)), True)


def _check_proxy(proxy: str) -> None:
    try:
        parts = urlsplit(proxy)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = None
    if not valid:
        raise UsageError("A proxy must be an http:// or https:// address.")
