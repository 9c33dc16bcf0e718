"""The responses of the local site, in the formats of the plugin and of WordPress."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aiohttp import web

from ..models import Extra, Reply
from ..protocol.site import DEFAULT_BOT
from .chat_page import chat_page

REJECTED = "Sorry, your query has been rejected."
MASKED = (
    "Oops! Something went wrong on the server. Please try again, and if you are the site "
    "developer, check the PHP Error Logs for details."
)
START_SENTENCE = "Hi! How can I help you?"


def success(**fields: Any) -> web.Response:
    """Return the plugin's response to a successful request."""
    return web.json_response({"success": True, **fields})


def failure(status: int, message: str) -> web.Response:
    """Return the plugin's response to a rejected request."""
    return web.json_response({"success": False, "message": message}, status=status)


def error(status: int, code: str, message: str) -> web.Response:
    """Return a WordPress REST error."""
    body = {"code": code, "message": message, "data": {"status": status}}
    return web.json_response(body, status=status)


def event(kind: str, data: str, **fields: Any) -> str:
    """Return one event of a stream."""
    return f"data: {json.dumps({'type': kind, 'data': data, **fields})}\n\n"


def start_event() -> str:
    """Return the event that begins a stream."""
    return event("live", "Starting stream...", subtype="status", visibility="collapsed")


def too_many_requests(message: str, retry_after: float | None) -> web.Response:
    """Return the response of something in front of the plugin that limits the rate of requests."""
    response = error(429, "too_many_requests", message)
    if retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(retry_after))
    return response


def over_limit(message: str, *, stream: bool) -> web.Response:
    """Return the plugin's response if the usage limit is reached, in the owner's own words."""
    if stream:
        return _events(error_event(message, over_limit=True))
    body = {"success": False, "message": message, "overLimit": True}
    return web.json_response(body, status=429)


def error_event(message: str, *, over_limit: bool = False) -> str:
    """Return the event that ends a stream if anything went wrong."""
    return event("error", message, overLimit=over_limit)


def internal_error(message: str, *, stream: bool) -> web.Response:
    """Return the plugin's response if anything went wrong."""
    if stream:
        return _events(error_event(message))
    body = {"success": False, "message": message, "overLimit": False}
    return web.json_response(body, status=500)


def approval_request(tool: str, arguments: Mapping[str, Any], *, stream: bool) -> web.Response:
    """Return the plugin's response if a tool needs an approval."""
    approval = {"tool": tool, "args": arguments}
    if not stream:
        return web.json_response(_waiting(approval))
    text = f"Waiting for your approval to run {tool}..."
    request = event("live", text, subtype="approval_request", metadata=approval)
    return _events(request, approval_event(tool, arguments))


def approval_event(tool: str, arguments: Mapping[str, Any]) -> str:
    """Return the event that ends a stream if a tool needs an approval."""
    return event("end", json.dumps(_waiting({"tool": tool, "args": arguments})))


def _waiting(approval: Mapping[str, Any]) -> dict[str, Any]:
    return {"success": True, "reply": "", "usage": [], "approval": approval}


def _events(*events: str) -> web.Response:
    return web.Response(text="".join(events), content_type="text/event-stream")


def reply(result: Reply, new_nonce: str | None) -> dict[str, Any]:
    """Return the plugin's reply to a prompt, with the next nonce if there is one."""
    fields: dict[str, Any] = {
        "success": True, "reply": result.text, "images": list(result.images) or None,
        "actions": _extras(result.actions), "shortcuts": _extras(result.shortcuts),
        "blocks": _extras(result.blocks),
        "responseId": result.response_id or f"local-{secrets.token_hex(6)}",
    }  # fmt: skip
    if result.usage is not None:
        counts = asdict(result.usage)
        fields["usage"] = {**counts.pop("raw"), **counts}
    return {**fields, "new_token": new_nonce} if new_nonce else fields


def _extras(extras: Sequence[Extra]) -> list[dict[str, Any]]:
    return [asdict(item) for item in extras]


def page(root: str, nonce: str | None, max_length: int, uploads: int) -> web.Response:
    """Return a page with the default chatbot, which accepts so many files per message."""
    system = {
        "botId": DEFAULT_BOT, "customId": None, "sessionId": "N/A", "restNonce": nonce,
        "contextId": 1, "restUrl": root, "stream": True,
    }  # fmt: skip
    params = {
        "startSentence": START_SENTENCE, "textInputMaxLength": max_length, "mode": "chat",
        "fileUpload": uploads > 0,
    }  # fmt: skip
    if uploads > 1:
        params["maxUploads"] = uploads
    return chat_page(root, system, params)
