"""Calling a route of the site, with a nonce that is renewed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import AuthenticationError, ChatError, NonceRejected, RouteNotFound, StatusError
from .address import route
from .answers import read_failure
from .http import ACCEPT_JSON, OPEN_SESSION, SEND_JSON, Flow, Form, Request, Response
from .jsontext import encode_json, find_object
from .session import find_root
from .site import Session, Site

_FORBIDDEN = "rest_forbidden"


def current_session(site: Site) -> Flow[Session]:
    """Return the site's session, opening one if none is open."""
    while (session := site.session) is None:  # another thread may have dropped it again
        yield OPEN_SESSION
    return session


def send_with_nonce(
    site: Site,
    name: str,
    headers: Mapping[str, str],
    make_body: Callable[[Session], bytes | Form],
    *,
    stream: bool = False,
    repeatable: bool = False,
    may_be_forbidden: bool = False,
) -> Flow[tuple[Session, Response]]:
    """Send a request; return the session that was used, and a successful response.

    With `stream` it has the site run a prompt, and the body of the response is left unread.

    A refused nonce means that the site did not run the request, so it is sent once more with a
    new session. WordPress says `rest_forbidden` both for a nonce that is missing and for what the
    user may not do; `may_be_forbidden` means that the latter is more likely.
    """
    renewed = False
    while True:
        session = yield from current_session(site)
        assert site.root is not None
        nonce = {} if session.nonce is None else {"X-WP-Nonce": session.nonce}
        url, body = route(site.root, name), make_body(session)
        response: Response = yield Request(
            "POST", url, {**headers, **nonce}, body, stream, repeatable, runs_prompt=stream
        )
        if response.ok:
            site.renew_nonce(session, response.headers.get("x-wp-nonce"))
            return session, response
        error = read_failure(site, response)
        if may_be_forbidden:
            error = _forbidden(error) or error
        if isinstance(error, NonceRejected):
            site.drop_session(session)
        if renewed or not isinstance(error, NonceRejected):
            raise error
        renewed = True


def _forbidden(error: ChatError) -> ChatError | None:
    """Return the error for what a signed-in user may not do; None if it is something else."""
    if not isinstance(error, NonceRejected) or (error.status, error.code) != (403, _FORBIDDEN):
        return None
    return StatusError(
        f"The site does not let this user do that, or there is no such item (HTTP {error.status}, "
        f"{error.code}).",
        status=error.status, code=error.code, message=error.message,
    )  # fmt: skip


def call(
    site: Site,
    name: str,
    body: Mapping[str, Any] | Form,
    *,
    headers: Mapping[str, str] = SEND_JSON,
    repeatable: bool = False,
    may_be_forbidden: bool = False,
) -> Flow[dict[str, Any]]:
    """Call a route that needs a nonce, and return the plugin's answer object."""
    data = body if isinstance(body, Form) else encode_json(body)
    try:
        _, response = yield from send_with_nonce(
            site,
            name,
            headers,
            lambda _: data,
            repeatable=repeatable,
            may_be_forbidden=may_be_forbidden,
        )
        return read_answer(site, response)
    except RouteNotFound as error:
        raise RouteNotFound(
            f"The site has no route {name}: its owner has switched this feature off, or its plugin "
            "is too old for it.",
            status=error.status, code=error.code, message=error.message,
        ) from error  # fmt: skip


def call_public_api(
    site: Site, name: str, body: Mapping[str, Any] | None = None, *, stream: bool = False
) -> Flow[Response]:
    """Call a route of the public API, which needs credentials but no nonce.

    Without a body it is a GET request; with one, it has the site run a prompt. With `stream` the
    body of the response is left unread.
    """
    url = route((yield from find_root(site)), name)
    if body is None:
        request = Request("GET", url, ACCEPT_JSON, repeatable=True)
    else:
        request = Request("POST", url, SEND_JSON, encode_json(body), stream, runs_prompt=True)
    response: Response = yield request
    if response.ok:
        return response
    error = read_failure(site, response)
    if isinstance(error, NonceRejected):
        raise AuthenticationError(
            f"The site refused the token or the password (HTTP {error.status}, {error.code}), or "
            "its public API is switched off.",
            status=error.status, code=error.code, message=error.message,
        )  # fmt: skip
    raise error


def read_answer(site: Site, response: Response) -> dict[str, Any]:
    """Return the plugin's answer object, or raise the error that it means."""
    answer = find_object(response.text)
    if answer is None or answer.get("success") is not True:
        raise read_failure(site, response)
    return answer
