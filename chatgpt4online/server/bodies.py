"""The bodies of requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

_LONGEST_REST = 64 * 1024 * 1024
_LONGEST_WAIT = 20.0
"""Bytes and seconds. A client that sends more after a refusal is not listened to any longer."""


class InvalidBody(Exception):
    """The body of a request is not a JSON object."""


async def read_object(request: web.Request) -> dict[str, Any]:
    """Read a body that is a JSON object.

    Raises:
        InvalidBody: It is something else.
    """
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidBody
    return body


@web.middleware
async def body_first(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only after the body has arrived, as PHP does behind a web server.

    Some clients lose an answer that comes while they are still sending.
    """
    try:
        response = await handler(request)
    except Exception:
        await _read_rest(request)
        raise
    await _read_rest(request)
    return response


async def _read_rest(request: web.Request) -> None:
    """Read and discard what the handler has left of the body."""
    size = 0
    # Without a connection or in a broken encoding, there is nothing more to come.
    with contextlib.suppress(ConnectionError, web.RequestPayloadError, TimeoutError):
        async with asyncio.timeout(_LONGEST_WAIT):
            while size <= _LONGEST_REST and (data := await request.content.readany()):
                size += len(data)
