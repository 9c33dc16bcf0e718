"""Secrets, sites that echo them, and everything that could show them."""

from __future__ import annotations

import traceback

from .loopback import Connection, Handler, Received, answer

PROMPT = "A prompt that nobody else should see"
NONCE, SESSION, COOKIE = "n0nce5ecret", "se55ionSecret", "c00kie-5ecret"
PASSWORD, TOKEN = "pass 5ecret word", "t0ken-5ecret"
SECRETS = [NONCE, SESSION, COOKIE, PASSWORD, TOKEN]

OPENED = answer(
    {"success": True, "sessionId": SESSION, "restNonce": NONCE},
    200,
    f"Set-Cookie: mwai_session_id={COOKIE}; path=/",
)


def opened_site(submit: Handler) -> Handler:
    """Return a handler that opens sessions, and leaves everything else to `submit`."""

    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(OPENED)
        else:
            submit(connection, request)

    return handle


def echo(request: Received) -> str:
    """Return the headers of a request, as a debugging page of PHP would print them."""
    return " ".join([*request.headers.values(), *SECRETS[:3]])


def all_shown(error: BaseException) -> str:
    """Return what a traceback or an error tracker shows of an error."""
    shown = traceback.format_exception(error)
    cause: BaseException | None = error
    while cause is not None:
        shown += [str(cause), repr(cause), repr(cause.args), repr(vars(cause))]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(shown)


def check_nothing_is_shown(text: str) -> None:
    for secret in SECRETS:
        at = text.find(secret)
        assert at < 0, f"{secret}: {text[max(0, at - 300) : at + 100]}"
