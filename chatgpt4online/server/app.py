"""The routes of a local site."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from ..models import Message
from ..protocol import discussions, files, public_api
from ..protocol.chat import SUBMIT
from ..protocol.prompt import ROLES
from ..protocol.session import START_SESSION
from ..protocol.site import DEFAULT_BOT, Era
from .answers import REJECTED, error, event, failure, page, result, success
from .bots import Bot
from .guard import Guard
from .stores import DiscussionStore, FileStore

_MOST_KEPT = 10_000
_SHORTCUT = {
    "type": "message",
    "data": {"label": "Tell me more", "variant": "info", "shortcutId": "tell-me-more"},
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SiteApp:
    """The web application of a local site.

    Attributes:
        submissions: the bodies of the prompts that the site ran, the last few thousand.
        guard: who is let in.
        files: the files that were uploaded.
    """

    def __init__(
        self, *, bot: Bot, era: Era, guard: Guard, pace: float, max_length: int, uploads: bool
    ) -> None:
        self.submissions: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)
        self.guard = guard
        self.files = FileStore()
        self._discussions = DiscussionStore()
        self._bot = bot
        self._era = era
        self._pace = pace
        self._max_length = max_length
        self._uploads = uploads
        self._with_nonce: dict[str, Handler] = {
            SUBMIT: self._submit,
            discussions.LIST: self._by_user(self._discussions.list),
            discussions.EDIT: self._by_user(self._discussions.edit),
            discussions.DELETE: self._by_user(self._discussions.delete),
        }
        if uploads:
            self._with_nonce[files.UPLOAD] = self.files.upload
            self._with_nonce[files.LIST] = self.files.list
            self._with_nonce[files.DELETE] = self.files.delete
        self._by_api: dict[str, Handler] = {
            public_api.CHATBOT_QUERY: self._query,
            public_api.TEXT_QUERY: self._query,
            public_api.LIST_CHATBOTS: self._list_chatbots,
            public_api.AUTH_CHECK: self._check_auth,
        }

    @property
    def sessions_opened(self) -> int:
        """How many nonces `start_session` gave."""
        return self.guard.sessions_opened

    def web_app(self) -> web.Application:
        """Return the application to serve."""
        # Uploads are counted, not kept, so they may have any length.
        app = web.Application(client_max_size=sys.maxsize)
        for prefix in ("/wp-json", "/index.php/wp-json"):
            app.router.add_route("*", prefix + "{name:(/.*)?}", self._rest)
        app.router.add_get("/chat/", self._page)
        app.router.add_route("*", "/", self._home)
        app.router.add_route("*", "/{name:.*}", self._not_found)
        app.on_response_prepare.append(self._add_headers)
        return app

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Link"] = f'<http://{request.host}/wp-json/>; rel="https://api.w.org/"'
        nonce = self.guard.next_nonce(request)
        if nonce is not None:
            response.headers["X-WP-Nonce"] = nonce

    async def _home(self, request: web.Request) -> web.StreamResponse:
        if "rest_route" in request.query:
            return await self._rest(request)
        return await self._page(request)

    async def _page(self, request: web.Request) -> web.Response:
        root = f"http://{request.host}/wp-json"
        return page(root, self.guard.page_nonce(), self._max_length, uploads=self._uploads)

    async def _not_found(self, request: web.Request) -> web.Response:
        text = "<!doctype html><html><title>Page not found</title></html>"
        return web.Response(text=text, status=404, content_type="text/html")

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("rest_route") or request.match_info.get("name", "")
        name = name.strip("/")
        refused = self.guard.refuse_user(request)
        handler: Handler | None = None
        if name == START_SESSION and self._era is Era.START_SESSION:
            handler = self.guard.start_session
        elif name in self._with_nonce:
            refused = self.guard.refuse(request) if refused is None else refused
            handler = self._with_nonce[name]
        elif name in self._by_api:
            refused = self.guard.refuse_api(request) if refused is None else refused
            handler = self._by_api[name]
        if refused is not None:  # older responses of aiohttp are false in themselves
            return refused
        if handler is not None:
            return await handler(request)
        if not name:
            return web.json_response({"name": "A local site", "namespaces": ["mwai-ui/v1"]})
        return error(404, "rest_no_route", "No route was found matching the URL and method.")

    def _by_user(
        self, handler: Callable[[web.Request, str | None], Awaitable[web.Response]]
    ) -> Handler:
        return lambda request: handler(request, self.guard.user(request))

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return error(400, "rest_invalid_json", "Invalid JSON body passed.")
        prompt = body.get("newMessage")
        if body.get("shortcutId"):
            if body["shortcutId"] != _SHORTCUT["data"]["shortcutId"]:  # type: ignore[index]
                return failure(400, "Invalid or expired shortcut.")
            prompt = body["newMessage"] = _SHORTCUT["data"]["label"]  # type: ignore[index]
        if not (body.get("botId") or body.get("customId")) or not (prompt or _file_ids(body)):
            return failure(403, REJECTED)
        if len(str(prompt)) > self._max_length:
            return web.Response(text=event("error", REJECTED), content_type="application/json")
        self.submissions.append(body)
        return await self._answer(request, body)

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        conversation = _conversation(body)
        pieces = self._bot(conversation)
        renewed = self.guard.renewed(request)
        response: web.StreamResponse
        if body.get("stream"):
            response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
            try:
                text = await self._stream(request, response, pieces, renewed)
            except ConnectionError:
                return response  # the visitor has gone
        else:
            text = "".join(pieces)
            response = web.json_response(result(text, renewed, [_SHORTCUT]))
        user = self.guard.user(request)
        if user is not None:
            said = [{"role": item.role, "content": item.content} for item in conversation]
            self._discussions.keep(user, body, [*said, {"role": "assistant", "content": text}])
        return response

    async def _stream(
        self,
        request: web.Request,
        response: web.StreamResponse,
        pieces: Iterable[str],
        renewed: str | None,
    ) -> str:
        response.content_type = "text/event-stream"
        response.charset = "UTF-8"
        await response.prepare(request)
        status = event("live", "Starting stream...", subtype="status", visibility="collapsed")
        await response.write(status.encode())
        said = []
        for piece in pieces:
            said.append(piece)
            await response.write(event("live", piece).encode())
            await asyncio.sleep(self._pace)
        text = "".join(said)
        await response.write(event("end", json.dumps(result(text, renewed, [_SHORTCUT]))).encode())
        return text

    async def _query(self, request: web.Request) -> web.Response:
        body = await request.json()
        if not body.get("message"):
            return failure(400, "The message is required.")
        self.submissions.append(body)
        text = "".join(self._bot([Message("user", str(body["message"]))]))
        return success(data=text, extra={"actions": [], "chatId": body.get("chatId")})

    async def _list_chatbots(self, request: web.Request) -> web.Response:
        return success(data=[{"id": DEFAULT_BOT, "name": "Default", "type": "chat"}])

    async def _check_auth(self, request: web.Request) -> web.Response:
        user = self.guard.user(request)
        return success(data={"type": "user" if user else "token", "value": user or "admin"})


def _file_ids(body: dict[str, Any]) -> list[Any]:
    ids = [body.get("newFileId"), body.get("newImageId"), *(body.get("newFileIds") or [])]
    return [item for item in ids if item]


def _conversation(body: dict[str, Any]) -> list[Message]:
    history = body.get("messages")
    return [
        Message(item["role"], str(item.get("content", "")))
        for item in (history if isinstance(history, list) else [])
        if isinstance(item, dict) and item.get("role") in ROLES
    ] + [Message("user", str(body["newMessage"]))]
