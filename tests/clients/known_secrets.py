"""Secrets, sites that echo them, and a check that nothing reveals them."""

from __future__ import annotations

import traceback

from ..loopback import USER, Connection, Handler, Received, response

PROMPT = "A prompt that nobody else should see"
NONCE, SESSION, COOKIE = "n0nce5ecret", "se55ionSecret", "c00kie-5ecret"
PASSWORD, TOKEN = "pass 5ecret word", "t0ken-5ecret"
SECRETS = [NONCE, SESSION, COOKIE, PASSWORD, TOKEN]

OPENED = response(
    {"success": True, "sessionId": SESSION, "restNonce": NONCE},
    200,
    f"Set-Cookie: mwai_session_id={COOKIE}; path=/",
)


def site_with_secrets(submit: Handler) -> Handler:
    """Return a handler that opens sessions and passes all other requests to `submit`."""

    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(OPENED)
        elif "users/me" in request.target:
            connection.send(response(USER))
        else:
            submit(connection, request)

    return handle


def echo(request: Received) -> str:
    """Return the headers of a request, as a PHP debugging page would print them."""
    return " ".join([*request.headers.values(), *SECRETS[:3]])


def error_details(error: BaseException) -> str:
    """Return all that a traceback or an error tracker shows of an error."""
    shown = traceback.format_exception(error)
    cause: BaseException | None = error
    while cause is not None:
        shown += [str(cause), repr(cause), repr(cause.args), repr(vars(cause))]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(shown)


def assert_no_secrets(text: str) -> None:
    for secret in SECRETS:
        found = text.find(secret)
        assert found < 0, f"{secret}: {text[max(0, found - 300) : found + 100]}"
