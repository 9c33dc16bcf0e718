"""Who may ask a local site for what: nonces, users and the public API's token."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Mapping

from aiohttp import web

from ..protocol.site import Era
from .answers import error, success
from .nonces import NonceMint

SESSION_COOKIE = "mwai_session_id"


class Guard:
    """Check what a request shows, as WordPress and the plugin do.

    Args:
        era: how guests get in.
        users: application passwords by user.
        token: the public API's; None where it is switched off.
        clock: returns seconds since 1970.

    Attributes:
        sessions_opened: how many nonces `start_session` gave.
    """

    def __init__(
        self, era: Era, users: Mapping[str, str], token: str | None, clock: Callable[[], float]
    ) -> None:
        self.sessions_opened = 0
        self._era = era
        self._users = users
        self._token = token
        self._nonces = NonceMint(clock)

    def page_nonce(self) -> str | None:
        """Return the nonce to show in a page; None where pages show none."""
        return self._nonces.make("") if self._era is Era.PAGE_NONCE else None

    async def start_session(self, request: web.Request) -> web.Response:
        """Answer `start_session`."""
        nonce = request.headers.get("X-WP-Nonce")
        if nonce is not None and not self._nonces.age(self._bound_to(request), nonce):
            return _invalid_nonce()
        self.sessions_opened += 1
        session = request.cookies.get(SESSION_COOKIE) or secrets.token_hex(8)
        nonce = self._nonces.make(f"{session}|{self.user(request) or ''}")
        response = success(sessionId=session, restNonce=nonce)
        response.set_cookie(SESSION_COOKIE, session, httponly=True)
        return response

    def refuse(self, request: web.Request) -> web.Response | None:
        """Return the refusal of a request that needs a nonce; None where its nonce is good."""
        if self._era is Era.NO_NONCE:
            return None
        if "X-WP-Nonce" not in request.headers:
            return _forbidden()
        return None if self.next_nonce(request) else _invalid_nonce()

    def next_nonce(self, request: web.Request) -> str | None:
        """Return the nonce for the next request; None where that of this one is not good."""
        nonce, session = request.headers.get("X-WP-Nonce", ""), self._bound_to(request)
        age = self._nonces.age(session, nonce)
        if not age:
            return None
        return nonce if age == 1 else self._nonces.make(session)

    def refuse_api(self, request: web.Request) -> web.Response | None:
        """Return the refusal of a request of the public API; None where it is let in."""
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._token is not None and hmac.compare_digest(shown.encode(), self._token.encode()):
            return None
        return None if self._token is not None and self.user(request) else _forbidden()

    def refuse_user(self, request: web.Request) -> web.Response | None:
        """Return the refusal of a wrong password; None for guests and right ones."""
        if not request.headers.get("Authorization", "").startswith("Basic "):
            return None
        if self.user(request) is None:
            return error(401, "incorrect_password", "The application password is not right.")
        return None

    def user(self, request: web.Request) -> str | None:
        """Return the user who asks; None for a guest."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            shown = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        user, _, password = shown.partition(":")
        expected = self._users.get(user)
        if scheme != "Basic" or expected is None:
            return None
        return user if hmac.compare_digest(password.encode(), expected.encode()) else None

    def renewed(self, request: web.Request) -> str | None:
        """Return the next nonce where that of the request is past half of its life."""
        following = self.next_nonce(request)
        return following if following != request.headers.get("X-WP-Nonce") else None

    def _bound_to(self, request: web.Request) -> str:
        if self._era is not Era.START_SESSION:
            return ""
        return f"{request.cookies.get(SESSION_COOKIE, '')}|{self.user(request) or ''}"


def _forbidden() -> web.Response:
    return error(401, "rest_forbidden", "Sorry, you are not allowed to do that.")


def _invalid_nonce() -> web.Response:
    return error(403, "rest_cookie_invalid_nonce", "Cookie check failed")
