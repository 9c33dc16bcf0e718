"""The routes of a local site."""

from __future__ import annotations

import asyncio
import html
import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from ..messages import Message
from ..protocol.opening import START_SESSION
from ..protocol.prompt import ROLES
from ..protocol.site import Era
from ..protocol.turn import DEFAULT_BOT, SUBMIT
from .bots import Bot
from .nonces import NonceMint

SESSION_COOKIE = "mwai_session_id"
_MOST_KEPT = 10_000
_REJECTED = "Sorry, your query has been rejected."
_START_SENTENCE = "Hi! How can I help you?"


class SiteApp:
    """The web application of a local site.

    Attributes:
        submissions: the bodies of the prompts that the site ran, the last few thousand.
        sessions_opened: how many nonces `start_session` gave.
    """

    def __init__(
        self, *, bot: Bot, era: Era, pace: float, max_length: int, clock: Callable[[], float]
    ) -> None:
        self.submissions: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)
        self.sessions_opened = 0
        self._bot = bot
        self._era = era
        self._pace = pace
        self._max_length = max_length
        self._nonces = NonceMint(clock)

    def web_app(self) -> web.Application:
        """Return the application to serve."""
        app = web.Application()
        for prefix in ("/wp-json", "/index.php/wp-json"):
            app.router.add_route("*", prefix + "{name:(/.*)?}", self._rest)
        app.router.add_get("/chat/", self._page)
        app.router.add_route("*", "/", self._home)
        app.router.add_route("*", "/{name:.*}", self._not_found)
        app.on_response_prepare.append(_announce_root)
        return app

    async def _home(self, request: web.Request) -> web.StreamResponse:
        if "rest_route" in request.query:
            return await self._rest(request)
        return await self._page(request)

    async def _page(self, request: web.Request) -> web.Response:
        root = f"http://{request.host}/wp-json"
        nonce = self._nonces.make("") if self._era is Era.PAGE_NONCE else None
        system = {
            "botId": DEFAULT_BOT, "customId": None, "sessionId": "N/A", "restNonce": nonce,
            "contextId": 1, "restUrl": root, "stream": True,
        }  # fmt: skip
        params = {"startSentence": _START_SENTENCE, "textInputMaxLength": self._max_length}
        return web.Response(
            text="<!doctype html><html><head><title>A local site</title>"
            f'<link rel="https://api.w.org/" href="{root}/"></head><body>'
            f"<div class='mwai-chatbot-container' data-params='{_attribute(params)}' "
            f"data-system='{_attribute(system)}'></div></body></html>",
            content_type="text/html",
        )

    async def _not_found(self, request: web.Request) -> web.Response:
        text = "<!doctype html><html><title>Page not found</title></html>"
        return web.Response(text=text, status=404, content_type="text/html")

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("rest_route") or request.match_info.get("name", "")
        name = name.strip("/")
        if request.method == "POST" and name == START_SESSION and self._has_start_session():
            return self._start_session(request)
        if request.method == "POST" and name == SUBMIT:
            return await self._submit(request)
        if request.method == "GET" and not name:
            return web.json_response({"name": "A local site", "namespaces": ["mwai-ui/v1"]})
        return _error(404, "rest_no_route", "No route was found matching the URL and method.")

    def _has_start_session(self) -> bool:
        return self._era is Era.START_SESSION

    def _session_of(self, request: web.Request) -> str:
        return request.cookies.get(SESSION_COOKIE, "") if self._has_start_session() else ""

    def _start_session(self, request: web.Request) -> web.Response:
        nonce = request.headers.get("X-WP-Nonce")
        if nonce is not None and not self._nonces.age(self._session_of(request), nonce):
            return _invalid_nonce()
        self.sessions_opened += 1
        session = self._session_of(request) or secrets.token_hex(8)
        response = web.json_response(
            {"success": True, "sessionId": session, "restNonce": self._nonces.make(session)}
        )
        response.set_cookie(SESSION_COOKIE, session, httponly=True)
        return response

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        next_nonce = None
        if self._era is not Era.NO_NONCE:
            nonce = request.headers.get("X-WP-Nonce")
            if nonce is None:
                return _error(401, "rest_forbidden", "Sorry, you are not allowed to do that.")
            age = self._nonces.age(self._session_of(request), nonce)
            if not age:
                return _invalid_nonce()
            next_nonce = nonce if age == 1 else self._nonces.make(self._session_of(request))
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return _error(400, "rest_invalid_json", "Invalid JSON body passed.")
        headers = {"X-WP-Nonce": next_nonce} if next_nonce else {}
        renewed = next_nonce if next_nonce != request.headers.get("X-WP-Nonce") else None
        return await self._answer(request, body, headers, renewed)

    async def _answer(
        self,
        request: web.Request,
        body: dict[str, Any],
        headers: Mapping[str, str],
        renewed: str | None,
    ) -> web.StreamResponse:
        prompt = body.get("newMessage")
        if not (body.get("botId") or body.get("customId")) or not prompt:
            return web.json_response(
                {"success": False, "message": _REJECTED}, status=403, headers=headers
            )
        if len(str(prompt)) > self._max_length:
            return web.Response(
                text=_event("error", _REJECTED), content_type="application/json", headers=headers
            )
        self.submissions.append(body)
        pieces = self._bot(_conversation(body))
        if body.get("stream"):
            return await self._stream(request, pieces, headers, renewed)
        return web.json_response(_result("".join(pieces), renewed), headers=headers)

    async def _stream(
        self, request: web.Request, pieces: Any, headers: Mapping[str, str], renewed: str | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={**headers, "Cache-Control": "no-cache"})
        response.content_type = "text/event-stream"
        response.charset = "UTF-8"
        await response.prepare(request)
        status = _event("live", "Starting stream...", subtype="status", visibility="collapsed")
        await response.write(status.encode())
        said = []
        for piece in pieces:
            said.append(piece)
            await response.write(_event("live", piece).encode())
            await asyncio.sleep(self._pace)
        result = json.dumps(_result("".join(said), renewed))
        await response.write(_event("end", result).encode())
        return response


def _conversation(body: Mapping[str, Any]) -> list[Message]:
    history = body.get("messages")
    return [
        Message(item["role"], str(item.get("content", "")))
        for item in (history if isinstance(history, list) else [])
        if isinstance(item, dict) and item.get("role") in ROLES
    ] + [Message("user", str(body["newMessage"]))]


def _result(text: str, renewed: str | None) -> dict[str, Any]:
    tokens = len(text.split())
    result = {
        "success": True, "reply": text, "images": None, "actions": [], "shortcuts": [],
        "blocks": [], "responseId": f"local-{secrets.token_hex(6)}",
        "usage": {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens},
    }  # fmt: skip
    return {**result, "new_token": renewed} if renewed else result


def _event(kind: str, data: str, **fields: Any) -> str:
    return f"data: {json.dumps({'type': kind, 'data': data, **fields})}\n\n"


def _attribute(value: Mapping[str, Any]) -> str:
    return html.escape(json.dumps(value))


def _error(status: int, code: str, message: str) -> web.Response:
    body = {"code": code, "message": message, "data": {"status": status}}
    return web.json_response(body, status=status)


def _invalid_nonce() -> web.Response:
    return _error(403, "rest_cookie_invalid_nonce", "Cookie check failed")


async def _announce_root(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Link"] = f'<http://{request.host}/wp-json/>; rel="https://api.w.org/"'
