"""Where a site is: the address that the user gave, REST roots, routes and redirects.

WordPress answers REST requests below a root. It may be ``/wp-json/``, ``/?rest_route=/``,
``/index.php/wp-json/``, a renamed one, or any of these inside a folder.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from ..errors import UsageError

_REST_ROUTE = re.compile(r"(?<![^&])rest_route=[^&]*")
_API_LINK = r"""(?i)<([^<>]*)>\s*;[^<]*?rel\s*=\s*["']?https://api\.w\.org/"""
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """The address of a site.

    Attributes:
        page: The page to read when a page is needed.
        root: The REST root; None if only the page can tell.
    """

    page: str
    root: str | None


def parse_address(site: str) -> Address:
    """Parse the address of a site: its home page, its REST root or its chatbot's page.

    Raises:
        UsageError: It is not an http or https URL, or contains a user name or password.
    """
    try:
        url = urlsplit(site.strip())
        valid = url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        valid = None
    if not valid or url.scheme not in _DEFAULT_PORTS:
        raise UsageError(
            "The site must be a full URL, such as https://example.com or https://example.com/chat/."
        )
    if "@" in url.netloc:
        raise UsageError(
            "The site's URL must not contain a user name or password; pass them as auth."
        )
    if not _is_clean(site.strip()):
        raise UsageError("The site's URL must not contain spaces or control characters.")
    url = url._replace(path=url.path or "/", fragment="")
    return _rest_address(url) or Address(
        page=urlunsplit(url),
        root=urljoin(urlunsplit(url), "/wp-json/") if url.path == "/" and not url.query else None,
    )


def _rest_address(url: SplitResult) -> Address | None:
    """Return the address of a REST root or of something below one, or None."""
    if _REST_ROUTE.search(url.query):
        root = urlunsplit(url._replace(query=_REST_ROUTE.sub("rest_route=/", url.query)))
        return Address(page=_folder(url, url.path), root=root)
    before, found, _ = f"{url.path}/".partition("/wp-json/")
    if not found:
        return None
    root = urlunsplit(url._replace(path=before + found, query=""))
    return Address(page=_folder(url, f"{before}/"), root=root)


def _folder(url: SplitResult, path: str) -> str:
    path = path.removesuffix("index.php/").removesuffix("index.php")
    return urlunsplit(url._replace(path=path or "/", query=""))


def _is_clean(address: str) -> bool:
    """Return whether a URL contains no spaces and no unprintable characters."""
    return address.isprintable() and " " not in address


def route(root: str, name: str) -> str:
    """Return the URL of a route, such as ``mwai/v1/start_session``, below a REST root."""
    url = urlsplit(root)
    match = _REST_ROUTE.search(url.query)
    if match is None:
        return urlunsplit(url._replace(path=url.path.rstrip("/") + "/" + name))
    query = f"{url.query[: match.start()]}rest_route=/{name}{url.query[match.end() :]}"
    return urlunsplit(url._replace(query=query))


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, without a default port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def move_to_origin(url: str, other: str) -> str:
    """Return `url` on the scheme, host and port of another URL."""
    target = urlsplit(other)
    return urlunsplit(urlsplit(url)._replace(scheme=target.scheme, netloc=target.netloc))


def announced_root(announced: str, page: str) -> str | None:
    """Return the REST root that a site announces, on the page's own origin, or None.

    Behind a proxy a site often announces another scheme, host or port than the ones that work.
    Only the path and the query are right.
    """
    try:
        url = urlsplit(urljoin(page, announced.strip()))
    except ValueError:
        return None
    if not _is_clean(announced.strip()):
        return None
    path = url.path or "/"
    if url.scheme not in _DEFAULT_PORTS or not path.startswith("/"):
        return None  # the path of mailto:.evil.com would become part of the host
    if not _REST_ROUTE.search(url.query):
        path = path.rstrip("/") + "/"
    return origin(page) + urlunsplit(("", "", path, url.query, ""))


def link_header_root(header: str, page: str) -> str | None:
    """Return the REST root that a `Link` header announces, or None."""
    match = re.search(_API_LINK, header)
    return announced_root(match[1], page) if match else None


def follow_redirect(url: str, location: str) -> str | None:
    """Return the target of a redirect, or None if it must not be followed.

    The target must be on the same origin, or on the same host with https in place of http.
    """
    if not _is_clean(location.strip()):
        return None
    try:
        target = urljoin(url, location.strip())
        old, new = urlsplit(url), urlsplit(target)
        same_host = old.hostname == new.hostname
        upgrade = (old.scheme, new.scheme) == ("http", "https") and old.port in (None, 80)
        if not same_host or "@" in new.netloc or new.scheme not in _DEFAULT_PORTS:
            return None
        if origin(url) != origin(target) and not (upgrade and new.port in (None, 443)):
            return None
    except ValueError:
        return None
    return urlunsplit(new._replace(fragment=""))
