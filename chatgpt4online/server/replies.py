"""Passing on the reply of a source in AI Engine's dialect."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from aiohttp import web

from ..errors import (
    ApprovalRequired,
    ChatError,
    IncompleteReply,
    LimitReached,
    QueryRejected,
    RateLimited,
    ReplyError,
    UsageError,
)
from ..models import ActivityEvent, EndEvent, Event, Reply
from .responses import (
    approval_event,
    approval_request,
    error_event,
    event,
    failure,
    internal_error,
    over_limit,
    reply,
    start_event,
    too_many_requests,
)


async def read_reply(events: AsyncIterator[Event]) -> Reply:
    """Read the events of a reply to their end, and return the reply."""
    async for item in events:
        if isinstance(item, EndEvent):
            return item.reply
    raise IncompleteReply("The reply ended without its end.")


async def stream_reply(
    request: web.Request,
    response: web.StreamResponse,
    events: AsyncIterator[Event],
    pace: float,
) -> Reply:
    """Send the events of a reply as they come, but not its end, and return the reply.

    Nothing is sent before the first event, so that an error before it can have its own status.
    """
    pieces: list[str] = []
    async for item in events:
        if not response.prepared:
            await begin(request, response)
        match item:
            case EndEvent(result):
                return result
            case ActivityEvent():
                await send(response, _activity(item))
            case _:
                pieces.append(item.text)
                await send(response, event("live", item.text))
                await asyncio.sleep(pace)
    raise IncompleteReply("The reply ended without its end.", partial_text="".join(pieces))


async def end(response: web.StreamResponse, result: Reply, new_nonce: str | None) -> None:
    """Send the end of a stream."""
    await send(response, event("end", json.dumps(reply(result, new_nonce))))


async def begin(request: web.Request, response: web.StreamResponse) -> None:
    """Send the beginning of a stream."""
    response.content_type = "text/event-stream"
    response.charset = "UTF-8"
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
    await send(response, start_event())


async def fail(
    request: web.Request, stream: web.StreamResponse | None, error: ChatError
) -> web.StreamResponse:
    """Tell the client what went wrong, as the plugin does; a reply that broke off breaks off."""
    begun = stream is not None and stream.prepared
    message = (error.message if isinstance(error, ReplyError) else "") or str(error)
    if not begun:
        if isinstance(error, ApprovalRequired):
            return approval_request(error.tool, error.arguments, stream=stream is not None)
        if isinstance(error, RateLimited):
            return too_many_requests(message, error.retry_after)
        if isinstance(error, LimitReached):
            return over_limit(message, stream=stream is not None)
        if isinstance(error, QueryRejected | UsageError):
            return failure(400, message)
    if stream is None:
        return internal_error(message, stream=False)
    if not begun:
        await begin(request, stream)
    if isinstance(error, ApprovalRequired):
        await send(stream, approval_event(error.tool, error.arguments))
    elif not isinstance(error, IncompleteReply):
        limit_reached = isinstance(error, LimitReached)
        await send(stream, error_event(message, over_limit=limit_reached))
    else:
        hang_up(request)
    return stream


def hang_up(request: web.Request) -> None:
    """Close the connection, so that the client sees that the reply breaks off."""
    if request.transport is not None:
        request.transport.close()


async def send(response: web.StreamResponse, data: str) -> None:
    """Send a part of a stream, to whoever is still there."""
    with contextlib.suppress(ConnectionError):  # PHP goes on after the client has left
        await response.write(data.encode())


def _activity(item: ActivityEvent) -> str:
    details = {name: value for name, value in item.raw.items() if name not in ("type", "data")}
    return event("live", item.text, **{"subtype": item.kind, **details})
