"""The web application of the local site."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from ..models import ROLES, Message
from ..protocol import discussions as discussion_routes
from ..protocol import files, public_api
from ..protocol.chat import SUBMIT
from ..protocol.discovery import NAMESPACE
from ..protocol.session import START_SESSION, USERS_ME
from ..protocol.site import DEFAULT_BOT, Era
from .access import AccessControl
from .bots import Bot
from .responses import (
    REJECTED,
    approval_request,
    error,
    event,
    failure,
    internal_error,
    internal_error_event,
    over_limit,
    page,
    reply,
    success,
)
from .stores import DiscussionStore, FileStore

_MAX_SUBMISSIONS = 10_000
_MAX_KEPT = 1_000
_SHORTCUT_LABEL = "Tell me more"
_SHORTCUT_ID = "tell-me-more"
_SHORTCUT = {
    "type": "message",
    "data": {"label": _SHORTCUT_LABEL, "variant": "info", "shortcutId": _SHORTCUT_ID},
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Responder = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse | None]]
"""Takes the request of an accepted prompt and its body. Returns None if the bot is to reply."""

STOPPING = web.AppKey("STOPPING", asyncio.Event)
"""Set when the site stops. It then waits for the answers that have begun."""


async def _leave_it_to_the_bot(request: web.Request, body: dict[str, Any]) -> None:
    return None


async def _stop_waiting(app: web.Application) -> None:
    app[STOPPING].set()


class SiteApp:
    """The web application of the local site.

    Attributes:
        submissions: Request bodies of the accepted prompts. Only the last 10,000 are kept.
        access: Access control.
        files: The uploaded files.
        middlewares: What handles each request first, as in `aiohttp.web`. Set it before the start.
        respond: What may answer a prompt in place of the bot.
    """

    def __init__(
        self,
        *,
        bot: Bot,
        era: Era,
        access: AccessControl,
        pace: float,
        max_length: int,
        uploads: int,
        discussions: bool,
        approval: str | None,
        max_prompts: int | None,
        masked_errors: bool,
    ) -> None:
        self.submissions: deque[dict[str, Any]] = deque(maxlen=_MAX_SUBMISSIONS)
        self.access = access
        self.files = FileStore()
        self.middlewares: list[Middleware] = []
        self.respond: Responder = _leave_it_to_the_bot
        self._discussions = DiscussionStore()
        self._bot = bot
        self._era = era
        self._pace = pace
        self._max_length = max_length
        self._uploads = uploads
        self._keeps = discussions
        self._kept: dict[str, list[Message]] = {}
        self._approval = approval
        self._prompts_left = max_prompts
        self._masked_errors = masked_errors
        self._nonce_routes: dict[str, Handler] = {SUBMIT: self._submit}
        if discussions:
            self._nonce_routes[discussion_routes.LIST] = self._for_user(self._discussions.list)
            self._nonce_routes[discussion_routes.EDIT] = self._for_user(self._discussions.edit)
            self._nonce_routes[discussion_routes.DELETE] = self._for_user(self._discussions.delete)
        if uploads:
            self._nonce_routes[files.UPLOAD] = self.files.upload
            self._nonce_routes[files.LIST] = self.files.list
            self._nonce_routes[files.DELETE] = self.files.delete
        self._api_routes: dict[str, Handler] = {
            public_api.CHATBOT_QUERY: self._query,
            public_api.TEXT_QUERY: self._query,
            public_api.LIST_CHATBOTS: self._list_chatbots,
            public_api.AUTH_CHECK: self._check_auth,
        }

    @property
    def sessions_opened(self) -> int:
        """Number of successful `start_session` requests."""
        return self.access.sessions_opened

    def web_app(self) -> web.Application:
        """Return the aiohttp application."""
        # Uploads may have any size: their contents are discarded.
        app = web.Application(client_max_size=sys.maxsize, middlewares=self.middlewares)
        for prefix in ("/wp-json", "/index.php/wp-json"):
            app.router.add_route("*", prefix + "{name:(/.*)?}", self._rest)
        app.router.add_get("/chat/", self._page)
        app.router.add_route("*", "/", self._home)
        app.router.add_route("*", "/{name:.*}", self._not_found)
        app.on_response_prepare.append(self._add_headers)
        app[STOPPING] = asyncio.Event()
        app.on_shutdown.append(_stop_waiting)
        return app

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Link"] = f'<http://{request.host}/wp-json/>; rel="https://api.w.org/"'
        nonce = self.access.next_nonce(request)
        if nonce is not None:
            response.headers["X-WP-Nonce"] = nonce

    async def _home(self, request: web.Request) -> web.StreamResponse:
        if "rest_route" in request.query:
            return await self._rest(request)
        return await self._page(request)

    async def _page(self, request: web.Request) -> web.Response:
        root = f"http://{request.host}/wp-json"
        return page(root, self.access.page_nonce(), self._max_length, self._uploads)

    async def _not_found(self, request: web.Request) -> web.Response:
        text = "<!doctype html><html><title>Page not found</title></html>"
        return web.Response(text=text, status=404, content_type="text/html")

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("rest_route") or request.match_info.get("name", "")
        name = name.strip("/")
        rejection = None
        handler: Handler | None = None
        if name == START_SESSION and self._era is Era.START_SESSION:
            handler = self.access.start_session
        elif name == USERS_ME:
            handler = self.access.users_me
        elif name in self._nonce_routes:
            rejection = self.access.check_nonce(request)
            handler = self._nonce_routes[name]
        elif name in self._api_routes:
            rejection = self.access.check_public_api(request)
            handler = self._api_routes[name]
        if rejection is not None:  # empty responses are falsy in some versions of aiohttp
            return rejection
        if handler is not None:
            return await handler(request)
        if name == NAMESPACE:
            routes: dict[str, Any] = {f"/{route}": {} for route in self._nonce_routes}
            return web.json_response({"namespace": name, "routes": routes})
        if not name:
            return web.json_response({"name": "A local site", "namespaces": ["mwai-ui/v1"]})
        return error(404, "rest_no_route", "No route was found matching the URL and method.")

    def _for_user(
        self, handler: Callable[[web.Request, str | None], Awaitable[web.Response]]
    ) -> Handler:
        return lambda request: handler(request, self.access.user(request))

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return error(400, "rest_invalid_json", "Invalid JSON body passed.")
        prompt = body.get("newMessage")
        if body.get("shortcutId"):
            if body["shortcutId"] != _SHORTCUT_ID:
                return failure(400, "Invalid or expired shortcut.")
            prompt = body["newMessage"] = _SHORTCUT_LABEL
        if not self._knows_bot(body) or not (prompt or _file_ids(body)):
            return failure(403, REJECTED)
        if len(str(prompt)) > self._max_length:
            if self._masked_errors:
                return internal_error(stream=bool(body.get("stream")))
            return web.Response(text=event("error", REJECTED), content_type="application/json")
        if self._prompts_left == 0:
            return over_limit(stream=bool(body.get("stream")))
        if self._prompts_left is not None:
            self._prompts_left -= 1
        self.submissions.append(body)
        if self._approval is not None and self._approval not in body.get("wpToolsAllowed", ()):
            return approval_request(self._approval, stream=bool(body.get("stream")))
        response = await self.respond(request, body)
        if response is not None:
            return response
        return await self._reply(request, body)

    def _knows_bot(self, body: dict[str, Any]) -> bool:
        """Return whether there is such a chatbot. New plugins answer for any id by the default."""
        if self._era is Era.START_SESSION:
            return bool(body.get("botId") or body.get("customId"))
        return body.get("botId") == DEFAULT_BOT

    async def _reply(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        stream = None
        if body.get("stream"):
            stream = web.StreamResponse(headers={"Cache-Control": "no-cache"})
        try:
            return await self._complete(request, body, stream)
        except Exception:
            if not self._masked_errors:
                raise
        if stream is None:
            return internal_error(stream=False)
        await stream.write(internal_error_event().encode())
        return stream

    async def _complete(
        self, request: web.Request, body: dict[str, Any], stream: web.StreamResponse | None
    ) -> web.StreamResponse:
        """Have the bot reply, into a stream if there is one."""
        conversation = self._conversation(body, str(body["newMessage"]))
        new_nonce = self.access.renewed_nonce(request)
        response: web.StreamResponse
        if stream is not None:
            response = stream
            text = await self._stream(request, stream, conversation, new_nonce)
        else:
            text = "".join(self._bot(conversation))
            response = web.json_response(reply(text, new_nonce, [_SHORTCUT]))
        self._keep(body, conversation, text)
        user = self.access.user(request)
        if user is not None:
            messages = [{"role": item.role, "content": item.content} for item in conversation]
            messages.append({"role": "assistant", "content": text})
            self._discussions.save(user, body, messages)
        return response

    async def _stream(
        self,
        request: web.Request,
        response: web.StreamResponse,
        conversation: Sequence[Message],
        new_nonce: str | None,
    ) -> str:
        async def send(data: str) -> None:
            with contextlib.suppress(ConnectionError):  # PHP goes on after the client has left
                await response.write(data.encode())

        response.content_type = "text/event-stream"
        response.charset = "UTF-8"
        await response.prepare(request)
        await send(event("live", "Starting stream...", subtype="status", visibility="collapsed"))
        sent = []
        for piece in self._bot(conversation):
            sent.append(piece)
            await send(event("live", piece))
            await asyncio.sleep(self._pace)
        text = "".join(sent)
        await send(event("end", json.dumps(reply(text, new_nonce, [_SHORTCUT]))))
        return text

    def _conversation(self, body: dict[str, Any], message: str) -> list[Message]:
        """Return what the bot gets: what the site has kept goes before what the client sends."""
        kept = self._kept.get(str(body.get("chatId")))
        return [*(_history(body) if kept is None else kept), Message("user", message)]

    def _keep(self, body: dict[str, Any], conversation: list[Message], text: str) -> None:
        if self._keeps and body.get("chatId"):
            self._kept[str(body["chatId"])] = [*conversation, Message("assistant", text)]
            if len(self._kept) > _MAX_KEPT:
                del self._kept[next(iter(self._kept))]

    async def _query(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        message = str(body.get("message") or "")
        if not message:
            return failure(400, "The message is required.")
        if len(message) > self._max_length:
            return failure(500, REJECTED)
        self.submissions.append(body)
        response = await self.respond(request, body)
        if response is not None:
            return response
        conversation = self._conversation(body, message)
        text = "".join(self._bot(conversation))
        self._keep(body, conversation, text)
        return success(data=text, extra={"actions": [], "chatId": body.get("chatId")})

    async def _list_chatbots(self, request: web.Request) -> web.Response:
        return success(data=[{"id": DEFAULT_BOT, "name": "Default", "type": "chat"}])

    async def _check_auth(self, request: web.Request) -> web.Response:
        user = self.access.user(request)
        return success(data={"type": "user" if user else "token", "value": user or "admin"})


def _file_ids(body: dict[str, Any]) -> list[Any]:
    ids = [body.get("newFileId"), body.get("newImageId"), *(body.get("newFileIds") or [])]
    return [item for item in ids if item]


def _history(body: dict[str, Any]) -> list[Message]:
    history = body.get("messages")
    return [
        Message(item["role"], str(item.get("content", "")))
        for item in (history if isinstance(history, list) else [])
        if isinstance(item, dict) and item.get("role") in ROLES
    ]
