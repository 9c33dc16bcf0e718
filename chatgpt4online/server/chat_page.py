"""The chat page of the local site, which is also the page that clients read."""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Any

from aiohttp import web

_PREFIX = "/chat-page/"
_TYPES = {".css": "text/css", ".js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_chat_page(app: web.Application) -> None:
    """Add the scripts and the style of the chat page to an application."""
    for entry in resources.files(__package__).joinpath("static").iterdir():
        _, dot, suffix = entry.name.rpartition(".")
        kind = _TYPES.get(dot + suffix)
        if kind is not None:
            app.router.add_get(_PREFIX + entry.name, _serve(entry.name, kind))


def chat_page(root: str, system: Mapping[str, Any], params: Mapping[str, Any]) -> web.Response:
    """Return the page of a chatbot.

    Args:
        root: The REST root of the site.
        system: What the plugin writes into `data-system`.
        params: What the plugin writes into `data-params`.
    """
    text = Template(_read("chat.html")).substitute(
        root=html.escape(root), system=_attribute(system), params=_attribute(params)
    )
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)


def _serve(name: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        return web.Response(text=_read(name), content_type=kind, headers=_HEADERS)

    return serve


@cache
def _read(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")


def _attribute(value: Mapping[str, Any]) -> str:
    return html.escape(json.dumps(value))
