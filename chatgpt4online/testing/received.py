"""What a scripted site has received."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ..protocol.chat import SUBMIT
from ..protocol.public_api import CHATBOT_QUERY, TEXT_QUERY

_PROMPT_FIELDS = {SUBMIT: "newMessage", CHATBOT_QUERY: "message", TEXT_QUERY: "message"}


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request. Its repr shows no headers and no body, which can contain secrets.

    Attributes:
        method: The HTTP method.
        path: The path, such as ``/wp-json/mwai/v1/start_session``.
        query: The parameters after the path.
        headers: The headers, whose names may be looked up in any case.
        body: The body. Empty if it is a multipart form with a file.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def json(self) -> Any:
        """The body, parsed as JSON."""
        return json.loads(self.body)

    @property
    def prompt(self) -> str | None:
        """The message, or None if the request does not send a prompt."""
        route = self.query.get("rest_route", self.path).rstrip("/")
        for prompt_route, name in _PROMPT_FIELDS.items():
            if route.endswith(f"/{prompt_route}"):
                return _text_field(self.body, name)
        return None


def _text_field(body: bytes, name: str) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return str(value.get(name) or "") if isinstance(value, dict) else ""


async def receive(request: web.Request) -> ReceivedRequest:
    """Read a request. The file of a form is left for the site to read."""
    is_form = request.content_type.startswith("multipart/")
    return ReceivedRequest(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=b"" if is_form else await request.read(),
    )
