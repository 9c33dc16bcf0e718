"""Opening a session, whatever the plugin's version and whichever address the user gave."""

from __future__ import annotations

from ..errors import ChatError, ProtocolError, RouteNotFound, StatusError
from .address import follow_redirect, link_header_root, move_to_origin, origin, route
from .answers import NONCE_CODES, read_failure, route_not_found
from .http import Flow, Request, Response
from .jsontext import find_object
from .page import Page, read_page
from .site import Era, Session, Site, read_nonce, read_session_id

START_SESSION = "mwai/v1/start_session"
_MAX_REDIRECTS = 5
_GATEWAY_ERRORS = (502, 503, 504)


def open_session(site: Site) -> Flow[None]:
    """Find the REST root and a nonce. What is learned is kept in `site`.

    Plugins from 2.4.4 on answer start_session. Those from 2.0.0 to 2.4.3 have a nonce on the
    page instead, and older ones need none.
    """
    root = site.root
    if root is not None and site.era is not Era.PAGE_NONCE:
        try:
            root, session = yield from _start_session(site, root)
        except RouteNotFound:
            tried = root
        else:
            site.root = root
            if session is not None:
                site.open(session, Era.START_SESSION)
                return
            session = yield from _find_page_nonce(site)
            site.open(session or Session(), Era.PAGE_NONCE if session else Era.NO_NONCE)
            return
    else:
        tried = None
    page = yield from read_site_page(site)
    if page.session is not None:
        site.root = page.root or root or origin(site.page_url) + "/wp-json/"
        site.open(page.session, Era.PAGE_NONCE)
        return
    if page.root is None or page.root == tried:
        raise route_not_found()
    root, session = yield from _start_session(site, page.root)
    site.root = root
    site.open(session or Session(), Era.START_SESSION if session else Era.NO_NONCE)


def find_root(site: Site) -> Flow[str]:
    """Return the REST root, reading the page if it is unknown."""
    if site.root is None:
        page = yield from read_site_page(site)
        if page.root is None:
            raise route_not_found()
        site.root = page.root
    return site.root


def read_site_page(site: Site) -> Flow[Page]:
    """Read the site's page and keep it in `site`."""
    headers = {"Accept": "text/html,*/*;q=0.8"}
    if site.era is not None:
        headers["Cache-Control"] = "no-cache"  # a cached page has the nonce that was refused
    for _ in range(_MAX_REDIRECTS + 1):
        response = yield Request("GET", site.page_url, headers, repeatable=True)
        if not 300 <= response.status < 400:
            break
        site.page_url = _redirect_target(site.page_url, response)
    else:
        raise _bad_redirect(response.status)
    if not response.ok:
        raise _failure(site, response)
    page = read_page(response.body, site.page_url, response.headers.get("link", ""))
    site.page = page
    return page


def _find_page_nonce(site: Site) -> Flow[Session | None]:
    try:
        page = yield from read_site_page(site)
    except RouteNotFound:
        return None  # not every site has a page at its root
    return page.session


def _start_session(site: Site, root: str) -> Flow[tuple[str, Session | None]]:
    """Ask for a session.

    Returns:
        The REST root that answered, and the session; None if WordPress has no such route.

    Raises:
        RouteNotFound: There is no REST API at this root.
    """
    tried = set()
    for _ in range(_MAX_REDIRECTS + 1):
        tried.add(root)
        # A stale X-WP-Nonce would make start_session itself refuse, so none is sent.
        response = yield Request(
            "POST", route(root, START_SESSION), {"Accept": "application/json"}, b"", repeatable=True
        )
        if 300 <= response.status < 400:
            target = _redirect_target(route(root, START_SESSION), response)
            if not target.endswith(START_SESSION):
                raise route_not_found(response.status)
            root = target.removesuffix(START_SESSION)
            site.page_url = move_to_origin(site.page_url, root)
            continue
        answer = find_object(response.body.decode("utf-8", "replace"))
        if answer is not None:
            if response.ok and (nonce := read_nonce(answer.get("restNonce"))) is not None:
                return root, Session(nonce, read_session_id(answer.get("sessionId")))
            if answer.get("code") == "rest_no_route":
                return root, None
            raise _failure(site, response)
        if not response.ok and response.status not in (404, 405, 410):
            raise _failure(site, response)
        announced = link_header_root(response.headers.get("link", ""), root)
        if announced is None or announced in tried:
            raise route_not_found(response.status)
        root = announced
    raise _bad_redirect(response.status)


def _redirect_target(url: str, response: Response) -> str:
    target = follow_redirect(url, response.headers.get("location", ""))
    if target is None:
        raise _bad_redirect(response.status)
    return target


def _bad_redirect(status: int) -> StatusError:
    return StatusError(
        "The site redirects to another host, or in circles. Only redirects on the same host are "
        "followed; use the address that the site redirects to.",
        status=status,
    )


def _failure(site: Site, response: Response) -> ChatError:
    answer = find_object(response.body.decode("utf-8", "replace"))
    code = answer.get("code") if answer else None
    if isinstance(code, str) and code in NONCE_CODES:
        return StatusError(
            f"The site does not let guests open a session (HTTP {response.status}, {code}).",
            status=response.status, code=code,
        )  # fmt: skip
    if response.ok and answer is not None and answer.get("success") is True:
        return ProtocolError("start_session returned no usable nonce.")
    error = read_failure(site, response)
    if isinstance(error, StatusError) and error.status in _GATEWAY_ERRORS:
        error.retryable = True  # no prompt was sent
    return error
