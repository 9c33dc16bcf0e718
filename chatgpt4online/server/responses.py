"""The responses of the local site, in the formats of the plugin and of WordPress."""

from __future__ import annotations

import json
import secrets
from typing import Any

from aiohttp import web

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


def over_limit(*, stream: bool) -> web.Response:
    """Return the plugin's response if the usage limit is reached."""
    text = "Come back tomorrow."  # the owner's own words
    if stream:
        return _events(event("error", text, overLimit=True))
    body = {"success": False, "message": text, "overLimit": True}
    return web.json_response(body, status=429)


def internal_error_event() -> str:
    """Return the event that ends a stream if anything went wrong."""
    return event("error", MASKED, overLimit=False)


def internal_error(*, stream: bool) -> web.Response:
    """Return the plugin's response to a guest if anything went wrong."""
    if stream:
        return _events(internal_error_event())
    body = {"success": False, "message": MASKED, "overLimit": False}
    return web.json_response(body, status=500)


def approval_request(tool: str, *, stream: bool) -> web.Response:
    """Return the plugin's response if a tool needs an approval."""
    approval = {"tool": tool, "args": {"ID": 7}}
    body = {"success": True, "reply": "", "usage": [], "approval": approval}
    if not stream:
        return web.json_response(body)
    text = f"Waiting for your approval to run {tool}..."
    request = event("live", text, subtype="approval_request", metadata=approval)
    return _events(request, event("end", json.dumps(body)))


def _events(*events: str) -> web.Response:
    return web.Response(text="".join(events), content_type="text/event-stream")


def reply(text: str, new_nonce: str | None, shortcuts: list[Any]) -> dict[str, Any]:
    """Return the plugin's reply to a prompt, with the next nonce if there is one."""
    tokens = len(text.split())
    fields = {
        "success": True, "reply": text, "images": None, "actions": [], "shortcuts": shortcuts,
        "blocks": [], "responseId": f"local-{secrets.token_hex(6)}",
        "usage": {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens},
    }  # fmt: skip
    return {**fields, "new_token": new_nonce} if new_nonce else fields


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
