"""How a client reaches its site: times to wait, proxy, TLS and headers."""

from __future__ import annotations

import ipaddress
import os
import re
import time
import urllib.request
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import ChatTimeout, UsageError
from .values import FrozenValue

if TYPE_CHECKING:
    import ssl

_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "host"})

LONGEST_TIME = 1e8
"""More than three years, in seconds; the clocks of some systems take no longer waits."""

LINGER_SECONDS = 0.5
"""How long, at most, a request waits for the end of an earlier answer to use its connection."""


class Timeout(FrozenValue):
    """Times in seconds; None means no limit.

    Attributes:
        connect: to make a connection.
        idle: of silence between two pieces of an answer, and before the first one. The async
            client waits up to a fifth longer, 2 seconds at most.
        total: for a whole call, with its retries, until the reply is complete.
    """

    __match_args__ = ("connect", "idle", "total")
    connect: float | None
    idle: float | None
    total: float | None

    def __init__(
        self,
        connect: float | None = 10.0,
        idle: float | None = 120.0,
        total: float | None = None,
    ) -> None:
        self._set(connect, idle, total)
        for name, seconds in vars(self).items():
            if seconds is not None and not (
                isinstance(seconds, int | float) and 0 < seconds <= LONGEST_TIME
            ):
                raise UsageError(
                    f"Timeout.{name} must be a number of seconds above 0, or None for no limit."
                )


class Deadline:
    """The moment at which a call's total time is over.

    Args:
        seconds: from now; None for never.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def is_over(self) -> bool:
        """Whether no time is left."""
        return self._end is not None and time.monotonic() >= self._end

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

    def share(self, seconds: float) -> float:
        """Return `seconds`, or a quarter of what is left where that is less."""
        return seconds if self._end is None else min(seconds, (self._end - time.monotonic()) / 4)

    def passed(self) -> ChatTimeout:
        """Return the error for a deadline that has passed."""
        return ChatTimeout(f"The call took longer than {self.seconds:g} seconds (Timeout.total).")


NO_DEADLINE = Deadline(None)


class HttpSettings:
    """What both transports need to know.

    Args:
        proxy: the proxy that the caller named; None for those of the environment, '' for none.
        verify: whether to check TLS certificates, or a file of certificates to trust.
        headers: sent with each request, see `merge_headers`.
        timeout: times to wait.
        guarded: whether no other machine than the site's may read what is sent.

    Raises:
        UsageError: one of them cannot be used.
    """

    def __init__(
        self,
        proxy: str | None,
        verify: bool | str,
        headers: Mapping[str, str],
        timeout: Timeout,
        *,
        guarded: bool = False,
    ) -> None:
        if not isinstance(timeout, Timeout):
            raise UsageError("timeout must be a Timeout, such as Timeout(total=30).")
        if proxy is not None and not isinstance(proxy, str):
            raise UsageError("proxy must be a text.")
        if proxy:
            _check_proxy(proxy, "The proxy")
        if not isinstance(verify, bool | str):
            raise UsageError("verify must be True, False, or a file of certificates.")
        if isinstance(verify, str):
            trusting(verify, "verify")
        self.proxy = proxy
        self.verify = verify
        self.headers = headers
        self.timeout = timeout
        self.guarded = guarded

    def proxy_for(self, url: str, *, owned: bool) -> str | None:
        """Return the proxy for an address: the caller's, else that of the environment.

        The variables are HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case.

        Args:
            url: the address.
            owned: whether the session is the client's own. An injected one reads the
                environment itself, where it wants to.

        Raises:
            UsageError: it is not an http or https proxy, or would see credentials.
        """
        proxy = self._named_proxy(url) if owned else self.proxy or None
        if proxy and self.guarded and url.startswith("http:") and not is_private(proxy):
            raise UsageError(
                'Credentials would be sent in clear to the proxy. Use https, proxy="", or '
                "allow_insecure_auth=True."
            )
        return proxy

    def _named_proxy(self, url: str) -> str | None:
        if self.proxy is not None:
            return self.proxy or None
        parts = urlsplit(url)
        proxies = urllib.request.getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if not proxy or urllib.request.proxy_bypass(parts.netloc):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        _check_proxy(proxy, "The proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names")
        return proxy

    def trusted(self, url: str) -> bool | str:
        """Return `verify`, or the certificates that the environment names in place of True.

        Raises:
            UsageError: the environment names certificates that cannot be read.
        """
        if self.verify is not True or not url.startswith("https:"):
            return self.verify
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            path = os.environ.get(name)
            if path:
                trusting(path, f"The environment variable {name}")
                return path
        return True


@lru_cache(maxsize=8)
def trusting(path: str, named_by: str) -> ssl.SSLContext:
    """Return what trusts the certificates in a file, or in a folder as OpenSSL keeps it.

    Raises:
        UsageError: there are none; `named_by` is what the text says has named them.
    """
    import ssl

    folder = os.path.isdir(path)
    try:
        return ssl.create_default_context(
            cafile=None if folder else path, capath=path if folder else None
        )
    except OSError as error:
        raise UsageError(f"{named_by} names no readable certificates.") from error


def is_private(url: str) -> bool:
    """Whether nobody else can read what is sent to an address: https, or this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def cookie_values(header: str | None) -> tuple[str, ...]:
    """Return the values of a `Cookie` header, those in quotes without them too."""
    if not header:
        return ()
    values = [pair.strip().partition("=")[2] for pair in header.split(";")]
    bare = [value.strip('"') for value in values if value.startswith('"')]
    return tuple(value for value in (*values, *bare) if value)


def join_cookies(given: str, kept: str | None) -> str:
    """Return a `Cookie` header of those that the caller gives and those that sites have set.

    Of two by one name that of the site stands, as in the async client.
    """
    if not kept:
        return given

    def name(pair: str) -> str:
        return pair.partition("=")[0].strip()

    names = {"", *(name(pair) for pair in kept.split(";"))}
    mine = ";".join(pair for pair in given.split(";") if name(pair) not in names).strip()
    return f"{mine}; {kept}" if mine else kept


def _check_proxy(proxy: str, named_by: str) -> None:
    try:
        parts = urlsplit(proxy)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = None
    if not valid:
        raise UsageError(f'{named_by} must be an http:// or https:// address; proxy="" uses none.')


def merge_headers(*parts: Mapping[str, str]) -> dict[str, str]:
    """Return all headers; of those whose names differ in case alone, the last one.

    Raises:
        UsageError: one cannot be sent.
    """
    merged: dict[str, tuple[str, str]] = {}
    for part in parts:
        for name, value in part.items():
            _check_header(name, value)
            # Plain texts: what str() gives of a member of an enumeration is not what it is.
            merged[name.lower()] = str.__str__(name), str.__str__(value)
    return dict(merged.values())


def _check_header(name: object, value: object) -> None:
    if not (isinstance(name, str) and isinstance(value, str)):
        raise UsageError("headers must be texts by name.")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or name.lower() in _FRAMING:
        raise UsageError("headers hold a name that cannot be sent.")
    if not re.fullmatch(r"(?!\s)[\t\x20-\x7e\xa0-\xff]*", value):
        raise UsageError(f"headers hold a value that cannot be sent, that of {name}.")
