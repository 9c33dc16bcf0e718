"""Calling a route of the site, with a nonce that is renewed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import NonceRejected, StatusError
from .address import route
from .answers import read_failure
from .http import OPEN_SESSION, Flow, Form, Request, Response
from .jsontext import encode_json, find_object
from .session import find_root
from .site import Session, Site

ACCEPT_JSON = {"Accept": "application/json"}
SEND_JSON = {**ACCEPT_JSON, "Content-Type": "application/json"}


def send_with_nonce(
    site: Site, build: Callable[[Session], Request]
) -> Flow[tuple[Session, Response]]:
    """Send a request with a nonce, opening a session if none is open.

    A refused nonce means that the site did not run the request, so it is sent once more with a
    new session.

    Args:
        site: The site.
        build: Returns the request for a session, without the nonce.

    Returns:
        The session that was used, and a successful response.
    """
    renewed = False
    while True:
        session = yield from current_session(site)
        response = yield _with_nonce(build(session), session)
        if response.ok:
            site.renew_nonce(session, response.headers.get("x-wp-nonce"))
            return session, response
        error = read_failure(site, response)
        if not isinstance(error, NonceRejected):
            raise error
        site.drop_session(session)
        if renewed:
            raise error
        renewed = True


def current_session(site: Site) -> Flow[Session]:
    """Return the site's session, opening one if none is open."""
    while site.session is None:  # another thread may have dropped it again
        yield OPEN_SESSION
    return site.session


def _with_nonce(request: Request, session: Session) -> Request:
    if session.nonce is None:
        return request
    return replace(request, headers={**request.headers, "X-WP-Nonce": session.nonce})


def call(
    site: Site,
    name: str,
    body: Mapping[str, Any] | Form | None,
    *,
    headers: Mapping[str, str] = SEND_JSON,
    repeatable: bool = False,
) -> Flow[dict[str, Any]]:
    """Call a route that needs a nonce.

    Args:
        site: The site.
        name: The route.
        body: What to send.
        headers: The headers of the route.
        repeatable: Whether calling it twice does no harm.

    Returns:
        The plugin's answer object.
    """
    data = encode_json(body) if isinstance(body, Mapping) else body

    def build(session: Session) -> Request:
        assert site.root is not None
        return Request("POST", route(site.root, name), headers, data, repeatable=repeatable)

    _, response = yield from send_with_nonce(site, build)
    return read_answer(site, response)


def call_public_api(
    site: Site, name: str, body: Mapping[str, Any] | None = None, *, stream: bool = False
) -> Flow[Response]:
    """Call a route of the public API, which needs credentials but no nonce.

    Args:
        site: The site.
        name: The route.
        body: What to send; None for a GET request.
        stream: Whether to leave the body of the response unread.
    """
    root = yield from find_root(site)
    if body is None:
        request = Request("GET", route(root, name), ACCEPT_JSON, repeatable=True)
    else:
        request = Request("POST", route(root, name), SEND_JSON, encode_json(body), stream)
    response: Response = yield request
    if response.ok:
        return response
    error = read_failure(site, response)
    if isinstance(error, NonceRejected):
        raise StatusError(
            f"The site refused the token or the password (HTTP {error.status}, {error.code}), or "
            "its public API is switched off.",
            status=error.status, code=error.code, message=error.message,
        )  # fmt: skip
    raise error


def read_answer(site: Site, response: Response) -> dict[str, Any]:
    """Return the plugin's answer object.

    Raises:
        ChatError: The site reported a failure, or there is no such object.
    """
    answer = find_object(response.body.decode("utf-8", "replace"))
    if answer is None or answer.get("success") is not True:
        raise read_failure(site, response)
    return answer
