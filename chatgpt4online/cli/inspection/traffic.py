"""What goes over the wire while a client works: a client whose session watches its responses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from ...config import RetryPolicy
from ...network import Network
from ...protocol.address import origin
from ...sync.client import Client

CACHE_HEADERS = (
    "cf-cache-status", "x-cache", "x-cache-status", "x-fastcgi-cache", "x-kinsta-cache",
    "x-litespeed-cache", "x-nginx-cache", "x-proxy-cache", "x-sucuri-cache", "x-varnish-cache",
)  # fmt: skip
"""In which caches say whether they had the response."""

_KEPT = frozenset({
    *CACHE_HEADERS, "age", "cf-mitigated", "cf-ray", "connection", "content-encoding",
    "content-type", "server", "sg-captcha", "via", "x-accel-buffering",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response, without what can be secret but for the query of the URL.

    Attributes:
        url: The URL of the request.
        redirect: The URL that it redirects to, without a query; None if it does not redirect.
        is_page: Whether a web page was asked for.
        status: The HTTP status.
        version: The HTTP version, such as ``1.1``.
        headers: Some of the response headers, by lower-case names.
        answered: When the head of the response was there, by the clock of `Traffic`.
        arrivals: When each part of the body arrived.
    """

    url: str = field(repr=False)
    redirect: str | None
    is_page: bool
    status: int
    version: str
    headers: Mapping[str, str]
    answered: float
    arrivals: list[float] = field(default_factory=list)


class Traffic:
    """Watches the requests of a client.

    Attributes:
        exchanges: The exchanges so far, in their order.
    """

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    @contextlib.contextmanager
    def client(self, arguments: Mapping[str, Any]) -> Iterator[Client]:
        """Yield a client that is watched. It tries everything once.

        Args:
            arguments: The arguments of `Client`.
        """
        has_credentials = "auth" in arguments or "token" in arguments
        network = Network(arguments["proxy"], True, {}, has_credentials)
        # A client reads the environment, but leaves that to a session that it is given. Such a
        # session would read .netrc as well.
        proxy = network.find_proxy(arguments["site"], use_environment=True) or ""
        options = {
            **arguments,
            "proxy": proxy,
            "verify": network.trusted_certificates(arguments["site"]),
            "retry": RetryPolicy(attempts=1),
        }
        with requests.Session() as session:
            session.trust_env = False
            session.hooks["response"].append(self._see)
            with Client(**options, session=session) as client:
                yield client

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the last response."""
        return self.exchanges[-1].headers if self.exchanges else {}

    def now(self) -> float:
        """Return the time in seconds, by the clock of the exchanges."""
        return monotonic()

    def last(self, *routes: str) -> Exchange | None:
        """Return the last exchange with one of the routes, or None."""
        found = (
            item for item in reversed(self.exchanges) if any(name in item.url for name in routes)
        )
        return next(found, None)

    def _see(self, response: requests.Response, *args: Any, **kwargs: Any) -> None:
        """Keep what is of interest, and have the body watched while it is read."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        moved = 300 <= response.status_code < 400
        exchange = Exchange(
            url=response.url,
            redirect=_redirect(response.url, headers.get("location")) if moved else None,
            is_page=response.request.headers.get("Accept", "").startswith("text/html"),
            status=response.status_code,
            version="1.0" if response.raw.version == 10 else "1.1",
            headers={name: value for name, value in headers.items() if name in _KEPT},
            answered=self.now(),
        )
        self.exchanges.append(exchange)
        response.raw = _Watched(response.raw, lambda: exchange.arrivals.append(self.now()))


def without_query(url: str) -> str:
    """Return a URL without what can be secret in it."""
    return origin(url) + urlsplit(url).path


def _redirect(url: str, location: str | None) -> str | None:
    try:
        return without_query(urljoin(url, location)) if location else None
    except ValueError:  # no valid URL
        return None


class _Watched:
    """The raw body of a response, which says when a part of it has arrived."""

    def __init__(self, raw: Any, arrived: Callable[[], None]) -> None:
        self._raw = raw
        self._arrived = arrived

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def read1(self, *args: Any, **kwargs: Any) -> Any:
        """Read what is there."""
        data = self._raw.read1(*args, **kwargs)
        if data:
            self._arrived()
        return data

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Yield the parts of the body."""
        for data in self._raw.stream(*args, **kwargs):
            self._arrived()
            yield data
