"""What must not be seen, and all that could show it."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

from .loopback import (
    Connection,
    Handler,
    Received,
    answer,
)

PROMPT = "A prompt that nobody else may see"
EARLIER = "What was said before, which is secret too"
INSTRUCTIONS = "Instructions that are not for everybody"
NONCE, SESSION, COOKIE = "n0nce5ecret", "se55ionSecret", "c00kie-5ecret"
PASSWORD, TOKEN = "pass 5ecret word", "t0ken-5ecret"
SECRETS = [PROMPT, EARLIER, INSTRUCTIONS, NONCE, SESSION, COOKIE, PASSWORD, TOKEN]

OPENED = answer(
    {"success": True, "sessionId": SESSION, "restNonce": NONCE},
    200,
    f"Set-Cookie: mwai_session_id={COOKIE}; path=/",
)
TESTS = str(Path(__file__).parent)


def opened_site(submit: Handler) -> Handler:
    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(OPENED)
        else:
            submit(connection, request)

    return handle


def echo(request: Received) -> str:
    """All that a request told, as a debugging page of PHP would print it."""
    headers = " ".join(request.headers.values())
    said = json.loads(request.body) if request.body else {}
    return f"{headers} {' '.join(map(str, said.values()))}"


def all_shown(error: BaseException) -> str:
    """What error trackers show of an error and of all that it was raised from."""
    shown, left, seen = [], [error], set()
    while left:
        raised = left.pop()
        if id(raised) in seen:
            continue
        seen.add(id(raised))
        shown += [str(raised), repr(raised), repr(raised.args)]
        told = traceback.TracebackException.from_exception(raised, capture_locals=True)
        for frame in told.stack:
            if not frame.filename.startswith(TESTS):
                shown.append(f"{frame.filename}:{frame.lineno} {frame.locals}")
        left += [item for item in (raised.__cause__, raised.__context__) if item is not None]
    return "\n".join(shown)


def check_nothing_is_shown(text: str) -> None:
    for secret in SECRETS:
        for form in (secret, secret[:21], json.dumps(secret)):
            at = text.find(form)
            assert at < 0, f"{secret}: {text[max(0, at - 300) : at + 100]}"
