"""The faults that a script can have."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any, Literal

from aiohttp import web

from ..errors import UsageError
from ..server.app import STOPPING
from ..server.replies import hang_up
from ..server.responses import (
    REJECTED,
    approval_request,
    error,
    event,
    failure,
    over_limit,
    start_event,
)
from .script import Respond, Target

Fault = Literal[
    429, "429", "approval", "bot_wall", "cut", "error", "refuse", "rejected", "stale_nonce",
    "stall", "usage_limit",
]  # fmt: skip

_ON_ANYTHING = ("refuse", "stall", "bot_wall", "429")
_EVENTS = "text/event-stream"
_WALL = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"


def make_fault(fault: Fault, on: Target, **options: Any) -> Respond:
    """Return what answers with a fault. Options that are None are left to the fault.

    Raises:
        UsageError: There is no such fault, or it does not take one of the options.
    """
    make = _FAULTS.get(str(fault))
    if make is None:
        raise UsageError(f"There is no fault {fault!r}; the faults are {', '.join(_FAULTS)}.")
    given = {name: value for name, value in options.items() if value is not None}
    for name in given.keys() - inspect.signature(make).parameters.keys():
        raise UsageError(f"The fault {fault!r} does not take {name}.")
    if on != "prompt" and (str(fault) not in _ON_ANYTHING or "after" in given):
        raise UsageError(
            f"On a session or an upload, the faults are {', '.join(_ON_ANYTHING)}, without after."
        )
    return make(**given)


def raw_answer(body: bytes) -> Respond:
    """Return what answers with some bytes, as an event stream.

    Raises:
        UsageError: They are no bytes.
    """
    if not isinstance(body, bytes):
        raise UsageError(f"raw must be bytes, not {body!r}.")
    return _whole(lambda stream: web.Response(body=body, content_type=_EVENTS))


def _whole(make: Callable[[bool], web.Response]) -> Respond:
    async def respond(request: web.Request, stream: bool) -> web.StreamResponse:
        return make(stream)

    return respond


def _broken(beginning: str, *, silence: bool) -> Respond:
    """Return what closes the connection after the beginning of a stream, or before its head."""

    async def respond(request: web.Request, stream: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": _EVENTS})
        with contextlib.suppress(ConnectionError):
            if beginning:
                await response.prepare(request)
                await response.write(beginning.encode())
            if silence:
                await request.app[STOPPING].wait()
        hang_up(request)
        return response  # which is not sent

    return respond


def _begin(text: str) -> str:
    """Return the events of a stream so far."""
    return start_event() + (event("live", text) if text else "")


def _refuse() -> Respond:
    return _broken("", silence=False)


def _stall(after: str = "") -> Respond:
    return _broken(_begin(after) if after else "", silence=True)


def _cut(after: str = "") -> Respond:
    return _broken(_begin(after), silence=False)


def _error(message: str = "The AI service is unavailable.", after: str = "") -> Respond:
    def make(stream: bool) -> web.Response:
        if not stream:
            return failure(500, message)
        body = _begin(after) + event("error", message)
        return web.Response(text=body, content_type=_EVENTS)

    return _whole(make)


def _rejected() -> Respond:
    return _whole(lambda stream: failure(403, REJECTED))


def _usage_limit() -> Respond:
    return _whole(lambda stream: over_limit("Come back tomorrow.", stream=stream))


def _approval(tool: str = "shell") -> Respond:
    return _whole(lambda stream: approval_request(tool, {"ID": 7}, stream=stream))


def _stale_nonce() -> Respond:
    return _whole(lambda stream: error(403, "rest_cookie_invalid_nonce", "Cookie check failed"))


def _bot_wall() -> Respond:
    return _whole(lambda stream: web.Response(text=_WALL, status=403, content_type="text/html"))


def _too_many_requests(retry_after: int | None = None) -> Respond:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return _whole(lambda stream: web.Response(status=429, headers=headers))


_FAULTS: dict[str, Callable[..., Respond]] = {
    "refuse": _refuse,
    "stall": _stall,
    "cut": _cut,
    "error": _error,
    "rejected": _rejected,
    "usage_limit": _usage_limit,
    "approval": _approval,
    "stale_nonce": _stale_nonce,
    "bot_wall": _bot_wall,
    "429": _too_many_requests,
}
