"""Where a site is: the address that the user gave, REST roots, routes and redirects.

WordPress answers REST requests below a root. It may be ``/wp-json/``, ``/?rest_route=/``,
``/index.php/wp-json/``, a renamed one, or any of these inside a folder.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from ..errors import UsageError

_REST_ROUTE = re.compile(r"(?<![^&])rest_route=[^&]*")
_API_LINK = r"""(?i)<([^<>]*)>\s*;[^<]*?rel\s*=\s*["']?https://api\.w\.org/"""
_LONGEST_LABEL = 63
"""Characters of a part of a host name."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """The address of a site: the page to read if one is needed, and the REST root.

    The root is None if only the page names it; that of a home page is a guess.
    """

    page: str
    root: str | None
    is_guess: bool = False


def parse_address(site: str) -> Address:
    """Parse the address of a site: its home page, its REST root or its chatbot's page.

    Raises a UsageError if it is no http or https URL, or contains a user name or password.
    """
    site = site.strip()
    try:
        url = urlsplit(site)
        labels = (url.hostname or "").removesuffix(".").split(".")
        valid = (
            url.scheme in _DEFAULT_PORTS
            and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
            and url.port != 0
        )
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(
            "The site must be a full URL, such as https://example.com or https://example.com/chat/."
        )
    if "@" in url.netloc:
        raise UsageError(
            "The site's URL must not contain a user name or password; pass them as auth."
        )
    if not _is_clean(site):
        raise UsageError("The site's URL must not contain spaces or control characters.")
    url = url._replace(path=url.path or "/", fragment="")
    before, found, _ = f"{url.path}/".partition("/wp-json/")
    if _REST_ROUTE.search(url.query):
        folder, root = url.path, url._replace(query=_REST_ROUTE.sub("rest_route=/", url.query))
    elif found:
        folder, root = f"{before}/", url._replace(path=before + found, query="")
    elif url.path == "/" and not url.query:
        return Address(urlunsplit(url), urlunsplit(url._replace(path="/wp-json/")), is_guess=True)
    else:
        return Address(urlunsplit(url), None)
    folder = folder.removesuffix("index.php/").removesuffix("index.php")
    return Address(urlunsplit(url._replace(path=folder, query="")), urlunsplit(root))


def _is_clean(address: str) -> bool:
    """Return whether a URL contains no spaces and no unprintable characters."""
    return address.isprintable() and " " not in address


def route(root: str, name: str) -> str:
    """Return the URL of a route, such as ``mwai/v1/start_session``, below a REST root."""
    url = urlsplit(root)
    query, in_query = _REST_ROUTE.subn(f"rest_route=/{name}", url.query, count=1)
    path = url.path if in_query else f"{url.path.rstrip('/')}/{name}"
    return urlunsplit(url._replace(path=path, query=query))


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, without a default port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _ascii_origin(url: str) -> str:
    """Return the origin of a URL, with the host name as it is sent: xn--... for a Unicode name."""
    host = urlsplit(url).hostname or ""
    if host.isascii():
        return origin(url)
    import idna  # large, and rarely needed

    return origin(url).replace(host, idna.encode(host, uts46=True).decode())


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
    # Without a host, the path would become part of the page's: http:.evil.example
    if url.scheme not in _DEFAULT_PORTS or not url.netloc or not _is_clean(announced.strip()):
        return None
    path = url.path or "/"
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
    location = location.strip()
    try:
        here, target = _ascii_origin(url), urlsplit(urljoin(url, location))
        secure = here.replace("http:", "https:") if urlsplit(here).port is None else here
        same_host = _ascii_origin(target.geturl()) in (here, secure)
    except ValueError:
        return None
    if not same_host or "@" in target.netloc or not _is_clean(location):
        return None
    return urlunsplit(target._replace(fragment=""))
