"""Access control of the local site: sessions, nonces, users and the public API's token."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable, Mapping

from aiohttp import web

from ..protocol.site import Era
from .nonces import Nonces
from .responses import error, success

SESSION_COOKIE = "mwai_session_id"


class AccessControl:
    """Checks nonces, passwords and the token as WordPress and the plugin do.

    Args:
        era: How guests get a nonce.
        users: Application passwords by user name.
        token: Token of the public API. Default: none, the API is disabled.
        clock: Returns the seconds since 1970.

    Attributes:
        sessions_opened: Number of successful `start_session` requests.
    """

    def __init__(
        self, era: Era, users: Mapping[str, str], token: str | None, clock: Callable[[], float]
    ) -> None:
        self.sessions_opened = 0
        self._era = era
        self._users = users
        self._token = token
        self._nonces = Nonces(clock)

    def page_nonce(self) -> str | None:
        """Return the nonce to embed in a page, or None if pages have none in this era."""
        return self._nonces.create("") if self._era is Era.PAGE_NONCE else None

    async def start_session(self, request: web.Request) -> web.Response:
        """Handle `start_session`."""
        nonce = request.headers.get("X-WP-Nonce")
        if nonce is not None and not self._nonces.age(self._session_of(request), nonce):
            return _invalid_nonce()
        self.sessions_opened += 1
        session = request.cookies.get(SESSION_COOKIE) or secrets.token_hex(8)
        nonce = self._nonces.create(f"{session}|{self.user(request) or ''}")
        response = success(sessionId=session, restNonce=nonce)
        response.set_cookie(SESSION_COOKIE, session, httponly=True)
        return response

    def check_nonce(self, request: web.Request) -> web.Response | None:
        """Return the error if the request has no valid nonce, else None."""
        if self._era is Era.NO_NONCE:
            return None
        if "X-WP-Nonce" not in request.headers:
            return _forbidden()
        return None if self.next_nonce(request) else _invalid_nonce()

    def next_nonce(self, request: web.Request) -> str | None:
        """Return the nonce for the next request, or None if the one of this request is invalid."""
        nonce, session = request.headers.get("X-WP-Nonce", ""), self._session_of(request)
        age = self._nonces.age(session, nonce)
        if not age:
            return None
        return nonce if age == 1 else self._nonces.create(session)

    def check_public_api(self, request: web.Request) -> web.Response | None:
        """Return the error if the request may not use the public API, else None."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        given = token.encode(errors="surrogateescape")
        if self._token is not None and hmac.compare_digest(given, self._token.encode()):
            return None
        return None if self._token is not None and self.user(request) else _forbidden()

    async def users_me(self, request: web.Request) -> web.Response:
        """Handle `wp/v2/users/me`. All other routes serve a wrong password as a guest."""
        user = self.user(request)
        if user is None:
            return error(401, "rest_not_logged_in", "You are not currently logged in.")
        return web.json_response({"id": 2, "name": user})

    def user(self, request: web.Request) -> str | None:
        """Return the name of the signed-in user, or None for a guest."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            decoded = base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            return None
        user, _, password = decoded.partition(":")
        expected = self._users.get(user)
        if scheme.lower() != "basic" or expected is None:
            return None
        return user if hmac.compare_digest(password.encode(), expected.encode()) else None

    def renewed_nonce(self, request: web.Request) -> str | None:
        """Return a new nonce if the one of the request is in its second half-life, else None."""
        nonce = self.next_nonce(request)
        return nonce if nonce != request.headers.get("X-WP-Nonce") else None

    def _session_of(self, request: web.Request) -> str:
        if self._era is not Era.START_SESSION:
            return ""
        return f"{request.cookies.get(SESSION_COOKIE, '')}|{self.user(request) or ''}"


def _forbidden() -> web.Response:
    return error(401, "rest_forbidden", "Sorry, you are not allowed to do that.")


def _invalid_nonce() -> web.Response:
    return error(403, "rest_cookie_invalid_nonce", "Cookie check failed")
