"""Opening a session, whatever the plugin's version and whichever address the user gave."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from ..errors import (
    AuthenticationError,
    ChatError,
    NonceRejected,
    ProtocolError,
    RouteNotFound,
    StatusError,
)
from .address import follow_redirect, move_to_origin, origin, route
from .answers import is_wall, read_failure, route_not_found
from .http import ACCEPT_JSON, Flow, Request, Response
from .jsontext import find_object, read_field
from .page import Page, read_page
from .site import Era, Session, Site, User, read_nonce, read_session_id

START_SESSION = "mwai/v1/start_session"
USERS_ME = "wp/v2/users/me"
_MAX_REDIRECTS = 5
_GATEWAY_ERRORS = (502, 503, 504)
_WRONG_CREDENTIALS = ("incorrect_password", "invalid_username", "invalid_email")


def open_session(site: Site) -> Flow[None]:
    """Find the REST root and a nonce, and verify the user. What is learned is kept in `site`."""
    session, era = yield from _find_session(site)
    assert site.root is not None
    if site.user is User.UNVERIFIED:
        site.user = yield from _verify_user(site, site.root, era)
    site.open(session, era)  # only now, so that no prompt is sent for a user who is not verified


def _verify_user(site: Site, root: str, era: Era) -> Flow[User]:
    """Ask who is signed in, because WordPress serves a wrong password as a guest.

    Some security plugins hide this route. The user then counts as verified, although nothing has
    been checked.
    """
    if era is Era.PAGE_NONCE:
        raise AuthenticationError(
            "Versions 2.0.0 to 2.4.3 of the plugin let only guests chat, because the nonce on "
            "their page is a guest's. Update the plugin, or chat without auth."
        )
    try:
        _, response = yield from _send("GET", route(root, USERS_ME), ACCEPT_JSON, None, USERS_ME)
    except StatusError:  # it is redirected elsewhere
        return User.HIDDEN
    answer = find_object(response.text)
    if response.ok and answer is not None and "id" in answer:
        return User.VERIFIED
    code = read_field(answer or {}, "code", str, None)
    if response.status == 401 or code in _WRONG_CREDENTIALS:
        failure = read_failure(site, response)
        code = failure.code if isinstance(failure, StatusError) else None  # without secrets
        said = f"HTTP {response.status}, {code}" if code else f"HTTP {response.status}"
        raise AuthenticationError(
            f"The site does not accept the user name and application password ({said}). Check "
            "both. If they are right, the server may remove the Authorization header before "
            "WordPress sees it.",
            status=response.status, code=code,
        )  # fmt: skip
    if response.status == 429 or response.status >= 500:
        raise _opening_error(site, response)
    return User.HIDDEN


def _find_session(site: Site) -> Flow[tuple[Session, Era]]:
    """Return a session, whatever the plugin's version.

    start_session is tried first, which plugins from 2.4.4 on answer. Those from 2.0.0 to 2.4.3
    have a nonce on the page instead, and older ones need none.
    """
    tried_root, has_rest_api = None, False
    if site.root is not None and site.era is not Era.PAGE_NONCE:
        tried_root = site.root
        with contextlib.suppress(RouteNotFound):
            session = yield from _start_session(site, tried_root)
            has_rest_api = True
            if session is not None:
                return session, Era.START_SESSION
    page = yield from read_site_page(site)
    if page.session is not None:
        if not has_rest_api:
            site.root = page.root or site.root or origin(site.page_url) + "/wp-json/"
        return page.session, Era.PAGE_NONCE
    if has_rest_api:
        return Session(), Era.NO_NONCE
    if page.root is None or page.root == tried_root:
        raise route_not_found()
    # The page names a root that was not tried yet.
    session = yield from _start_session(site, page.root)
    return session or Session(), Era.START_SESSION if session else Era.NO_NONCE


def find_root(site: Site) -> Flow[str]:
    """Return the REST root, reading the page if it is unknown or was guessed wrong."""
    root = site.root
    if root is None or (site.root_is_guess and not (yield from _is_rest_root(site, root))):
        root = (yield from read_site_page(site)).root or root
    if root is None:
        raise route_not_found()
    if site.root is None or site.root_is_guess:  # another call may have found it in the meantime
        site.root, site.root_is_guess = root, False
    return root


def _is_rest_root(site: Site, root: str) -> Flow[bool]:
    """Return whether WordPress answers at a root, or raise why that cannot be told now."""
    response: Response = yield Request("GET", rest_index(root), ACCEPT_JSON, repeatable=True)
    answer = find_object(response.text) or {}
    if "namespaces" in answer or isinstance(answer.get("code"), str):
        return True
    if response.status in (404, 405, 410):
        return False
    if response.status >= 400 or is_wall(response, response.text):
        raise _opening_error(site, response)
    return not response.ok  # a redirect is for the call itself to tell


def rest_index(root: str) -> str:
    """Return the URL of what a REST root says of itself, as far as it is needed."""
    url = route(root, "")
    return url + ("&" if "?" in url else "?") + "_fields=namespaces"


def read_site_page(site: Site) -> Flow[Page]:
    """Read the site's page and keep it in `site`. It is empty if the site answers 404."""
    headers = {"Accept": "text/html,*/*;q=0.8"}
    if site.era is not None:
        headers["Cache-Control"] = "no-cache"  # a cached page may have the refused nonce
    site.page_url, response = yield from _send("GET", site.page_url, headers)
    if response.ok:
        page = read_page(response.body, site.page_url, response.headers.get("link", ""))
        if page.root is None and is_wall(response, response.text):
            raise _opening_error(site, response)
    elif response.status == 404:
        page = Page()  # not every site has a page at its root
    else:
        raise _opening_error(site, response)
    site.page = page
    return page


def _start_session(site: Site, root: str) -> Flow[Session | None]:
    """Ask for a session; None if WordPress answers at this root, but has no such route.

    Raises RouteNotFound if there is no REST API at this root.
    """
    start = route(root, START_SESSION)
    # A stale X-WP-Nonce would make start_session itself refuse, so none is sent.
    url, response = yield from _send("POST", start, ACCEPT_JSON, b"", START_SESSION)
    answer = find_object(response.text)
    if answer is None:
        is_plain = response.ok and not is_wall(response, response.text)
        if is_plain or response.status in (405, 410):  # a server without a REST API
            raise route_not_found(response.status)
        raise _opening_error(site, response)
    nonce = read_nonce(answer.get("restNonce")) if response.ok else None
    if nonce is None and answer.get("code") != "rest_no_route":
        raise _opening_error(site, response)
    if url != start:
        root = url.removesuffix(START_SESSION)
        site.page_url = move_to_origin(site.page_url, root)
    site.root = root
    return Session(nonce, read_session_id(answer.get("sessionId"))) if nonce else None


def _send(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, ending: str = ""
) -> Flow[tuple[str, Response]]:
    """Send a request; return the last URL and its response.

    Redirects are followed to URLs with this ending only.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        response: Response = yield Request(method, url, headers, body, repeatable=True)
        if not 300 <= response.status < 400:
            return url, response
        target = follow_redirect(url, response.headers.get("location", ""))
        if target is None:
            break
        if not target.endswith(ending):
            raise route_not_found(response.status)
        url = target
    raise StatusError(
        "The site redirects to another host, or endlessly. Only redirects on the same host are "
        "followed; use the address that the site redirects to.",
        status=response.status,
    )


def _opening_error(site: Site, response: Response) -> ChatError:
    error = read_failure(site, response)
    if isinstance(error, ProtocolError):  # never for a page, whose contents are not judged
        return ProtocolError("start_session returned no usable nonce.")
    if isinstance(error, NonceRejected):
        return StatusError(
            f"The site does not let guests open a session (HTTP {error.status}, {error.code}).",
            status=error.status, code=error.code, message=error.message,
        )  # fmt: skip
    if isinstance(error, StatusError) and error.status in _GATEWAY_ERRORS:
        error.retryable = True  # opening a session twice does no harm
    return error
