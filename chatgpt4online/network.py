"""How a client reaches its site: deadlines, proxies, certificates and headers."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from .config import Timeout
from .errors import ChatTimeout, UsageError

DRAIN_SECONDS = 0.5
"""How long to wait for the end of a body after the reply, so that its connection can be reused."""

SOCKS_EXTRA_MISSING = (
    'A SOCKS proxy needs two more packages. Install them with: pip install "chatgpt4online[socks]"'
)

_KEEP_ALIVE_SECONDS = 60
# Linux and Windows have the first name, macOS the second. Elsewhere the system's time applies.
_IDLE_OPTION = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))
KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *([(socket.IPPROTO_TCP, _IDLE_OPTION, _KEEP_ALIVE_SECONDS)] if _IDLE_OPTION else []),
]
"""Socket options, so that a connection that a router dropped is noticed while a model thinks."""

_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "host"})
_CERTIFICATE_VARIABLES = (
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip


class Deadline:
    """When the total time of a call is over, or never if its timeout has no total.

    Attributes:
        timeout: The timeout of the call, which begins now.
    """

    def __init__(self, timeout: Timeout) -> None:
        self.timeout = timeout
        self._end = None if timeout.total is None else time.monotonic() + timeout.total

    def expired(self) -> bool:
        """Return whether no time is left."""
        return self._end is not None and time.monotonic() >= self._end

    def left(self) -> float | None:
        """Return the remaining seconds, or None without a deadline; raise if the time is up."""
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def cap(self, seconds: float | None) -> float | None:
        """Return `seconds`, or the seconds that are left if those are fewer."""
        left = self.left()
        if left is None or (seconds is not None and seconds < left):
            return seconds
        return left

    def error(self, *, nothing_sent: bool = False) -> ChatTimeout:
        """Return the error for an expired deadline."""
        return ChatTimeout(
            f"The call took longer than {self.timeout.total:g} seconds (Timeout.total).",
            retryable=nothing_sent,
        )


@dataclass(frozen=True, slots=True)
class Network:
    """How a client reaches its site, checked.

    `cookies` are sent beside those of the site. If `has_credentials`, there are credentials that no
    proxy may read. `environment` has the proxies of the environment when the client was made.
    """

    proxy: str | None = field(repr=False)
    verify: bool | str | ssl.SSLContext
    cookies: Mapping[str, str] = field(repr=False)
    has_credentials: bool = False
    max_connections: int | None = None
    environment: Mapping[str, str] = field(default_factory=urllib.request.getproxies, repr=False)

    def __post_init__(self) -> None:
        count = self.max_connections
        if count is not None and (type(count) is not int or count < 1):
            raise UsageError("max_connections must be an integer, at least 1; None means no limit.")
        if self.proxy is not None and not isinstance(self.proxy, str):
            raise UsageError("proxy must be a URL string.")
        if self.proxy:
            _check_proxy(self.proxy, "proxy")
        if not isinstance(self.verify, bool | str | ssl.SSLContext):
            raise UsageError(
                "verify must be True, False, the path of trusted certificates, or an SSLContext."
            )
        if isinstance(self.verify, str):
            tls_context(self.verify, "verify")

    def find_proxy(self, url: str, *, use_environment: bool) -> str | None:
        """Return the proxy for a URL, or None.

        Without a `proxy` it is that of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, unless NO_PROXY names
        the host, by the rules of requests. An injected session reads the environment itself.
        """
        proxy = self.proxy
        if proxy is None and use_environment:
            proxy = self._environment_proxy(url)
        self._refuse_to_expose_credentials(url, proxy)
        return proxy or None

    def _refuse_to_expose_credentials(self, url: str, proxy: str | None) -> None:
        if proxy and self.has_credentials and url.startswith("http:") and not is_local(proxy):
            raise UsageError(
                "The proxy could read the credentials, because the site uses plain http. Use "
                'https, proxy="" or allow_insecure_auth=True.'
            )

    def _environment_proxy(self, url: str) -> str | None:
        if not self.environment:
            return None
        from requests.utils import select_proxy, should_bypass_proxies

        proxy = select_proxy(url, self.environment)
        if not proxy or should_bypass_proxies(url, self.environment.get("no")):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        _check_proxy(proxy, "The proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY")
        return proxy

    def trusted_certificates(self, url: str) -> bool | str | ssl.SSLContext:
        """Return a given context, False, or the path of the trusted certificates.

        They are those of `verify`, of the environment variables, or else those of certifi.
        """
        if self.verify is not True or not url.startswith("https:"):
            return self.verify
        for name in _CERTIFICATE_VARIABLES:
            path = os.environ.get(name)
            if path:
                tls_context(path, f"The environment variable {name}")
                return path
        from requests.utils import DEFAULT_CA_BUNDLE_PATH

        return str(DEFAULT_CA_BUNDLE_PATH)


@lru_cache(maxsize=8)
def tls_context(path: str, named_by: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the certificates in a file or in an OpenSSL folder.

    `named_by` is the start of the error's text if there are none.
    """
    folder = os.path.isdir(path)
    try:
        return ssl.create_default_context(
            cafile=None if folder else path, capath=path if folder else None
        )
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{named_by}: cannot read certificates from {path}: {reason}.") from error


def is_private(url: str) -> bool:
    """Return whether nobody else can read what is sent to a URL: https, or this machine."""
    return url.startswith("https:") or is_local(url)


def is_socks(proxy: str) -> bool:
    """Return whether the URL of a proxy is that of a SOCKS proxy."""
    return proxy.lower().startswith("socks")


def is_local(url: str) -> bool:
    """Return whether a URL is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_cookies(header: str | None) -> dict[str, str]:
    """Return the cookies of a `Cookie` header."""
    pairs = (pair.strip().partition("=") for pair in (header or "").split(";"))
    return {name: value for name, _, value in pairs if name}


def merge_headers(*parts: Mapping[str, str]) -> dict[str, str]:
    """Return all headers. If names differ in case only, the last one wins."""
    merged = {name.lower(): (name, value) for part in parts for name, value in part.items()}
    return dict(merged.values())


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers as plain strings, or raise a `UsageError` for one that cannot be sent."""
    if not isinstance(headers, Mapping):
        raise UsageError("headers must be a mapping of strings.")
    for name, value in headers.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise UsageError("The names and values of headers must be strings.")
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise UsageError("headers contains a name that cannot be sent.")
        if name.lower() in _FRAMING_HEADERS:
            raise UsageError(f"headers must not contain {name}; it is set for each request.")
        if not re.fullmatch(r"(?!\s)[\t\x20-\x7e\xa0-\xff]*", value):
            raise UsageError(f"headers contains a value that cannot be sent, for {name}.")
    # str() of a member of an Enum would return its name; this returns its value.
    return {str.__str__(name): str.__str__(value) for name, value in headers.items()}


def _check_proxy(proxy: str, named_by: str) -> None:
    try:
        parts = urlsplit(proxy)
        valid = parts.scheme in _PROXY_SCHEMES and parts.hostname and parts.port != 0
        # After a backslash, urllib3 takes a password for the name of the host.
        valid = valid and "\\" not in proxy
    except ValueError:
        valid = None
    if not valid:
        raise UsageError(
            f'{named_by} must be an http://, https:// or socks5:// URL; proxy="" uses none.'
        )
