"""The web application of the local site."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from ..errors import ChatError, ReplyError
from ..models import Message, Reply
from ..protocol import discussions as discussion_routes
from ..protocol import files, public_api
from ..protocol.chat import SUBMIT
from ..protocol.discovery import NAMESPACE
from ..protocol.session import START_SESSION, USERS_ME
from ..protocol.site import DEFAULT_BOT, Era
from .access import AccessControl
from .bodies import InvalidBody, body_first, read_object
from .chat_page import add_chat_page
from .discussions import DiscussionStore, read_messages
from .files import FileStore
from .replies import end, fail, read_reply, stream_reply
from .responses import (
    MASKED,
    REJECTED,
    approval_request,
    error,
    event,
    failure,
    internal_error,
    over_limit,
    page,
    reply,
    success,
)
from .sources import SHORTCUT, Question, Source
from .storage import Storage

_MAX_SUBMISSIONS = 10_000

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
        submissions: Request bodies of the accepted prompts. Only the last ones are kept.
        access: Access control.
        files: The uploaded files.
        middlewares: What handles each request, as in `aiohttp.web`. Set them before the start.
        respond: What may answer a prompt in place of the bot.
    """

    def __init__(
        self,
        *,
        source: Source,
        era: Era,
        access: AccessControl,
        storage: Storage,
        clock: Callable[[], float],
        pace: float,
        max_length: int,
        uploads: int,
        discussions: bool,
        approval: str | None,
        max_prompts: int | None,
        masked_errors: bool,
        max_submissions: int = _MAX_SUBMISSIONS,
    ) -> None:
        self.submissions: deque[dict[str, Any]] = deque(maxlen=max_submissions)
        self.access = access
        self.files = FileStore(storage)
        self._storage = storage
        self._discussions = DiscussionStore(storage, clock)
        self._source = source
        self.middlewares: list[Middleware] = []
        self.respond: Responder = _leave_it_to_the_bot
        self._era = era
        self._pace = pace
        self._max_length = max_length
        self._uploads = uploads
        self._keeps = discussions
        self._approval = approval
        self._prompts_left = max_prompts
        self._masked_errors = masked_errors
        self._nonce_routes: dict[str, Handler] = {SUBMIT: self._submit}
        if discussions:
            self._nonce_routes |= {
                discussion_routes.LIST: self._for_user(self._discussions.list),
                discussion_routes.GET: self._for_user(self._discussions.get),
                discussion_routes.EDIT: self._for_user(self._discussions.edit),
                discussion_routes.TRUNCATE: self._for_user(self._discussions.truncate),
                discussion_routes.DELETE: self._for_user(self._discussions.delete),
            }
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
        """Return the aiohttp application of a site that has nothing else."""
        # Uploads may have any size.
        app = web.Application(
            client_max_size=sys.maxsize, middlewares=[body_first, *self.middlewares]
        )
        self.add_routes(app)
        return app

    def add_routes(self, app: web.Application) -> None:
        """Add the routes of the site to an application."""
        for prefix in ("/wp-json", "/index.php/wp-json"):
            app.router.add_route("*", prefix + "{name:(/.*)?}", self._rest)
        app.router.add_get("/chat/", self._page)
        app.router.add_get("/wp-content/uploads/{file_id}", self._file)
        add_chat_page(app)
        app.router.add_route("*", "/", self._home)
        app.router.add_route("*", "/{name:.*}", self._not_found)
        app.on_response_prepare.append(self._add_headers)
        app[STOPPING] = asyncio.Event()
        app.on_shutdown.append(_stop_waiting)
        app.cleanup_ctx.append(self._open_storage)

    async def _open_storage(self, app: web.Application) -> AsyncIterator[None]:
        with self._storage:
            await self.files.load()
            yield

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

    async def _file(self, request: web.Request) -> web.StreamResponse:
        contents = self.files.contents(request.match_info["file_id"])
        return await self._not_found(request) if contents is None else contents

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
            try:
                return await handler(request)
            except InvalidBody:
                return error(400, "rest_invalid_json", "Invalid JSON body passed.")
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
        body = await read_object(request)
        prompt = body.get("newMessage")
        if body.get("shortcutId"):
            if body["shortcutId"] != SHORTCUT.shortcut_id:
                return failure(400, "Invalid or expired shortcut.")
            prompt = body["newMessage"] = SHORTCUT.label
        if not self._knows_bot(body) or not (prompt or _file_ids(body)):
            return failure(403, REJECTED)
        if len(str(prompt)) > self._max_length:
            if self._masked_errors:
                return internal_error(MASKED, stream=bool(body.get("stream")))
            return web.Response(text=event("error", REJECTED), content_type="application/json")
        if self._prompts_left == 0:
            return over_limit("Come back tomorrow.", stream=bool(body.get("stream")))
        if self._prompts_left is not None:
            self._prompts_left -= 1
        self.submissions.append(body)
        if self._approval is not None and self._approval not in (body.get("wpToolsAllowed") or ()):
            return approval_request(self._approval, {"ID": 7}, stream=bool(body.get("stream")))
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
        except Exception as error:
            if self._masked_errors:
                problem: ChatError = ReplyError(MASKED)
            elif isinstance(error, ChatError):
                problem = error
            else:
                raise
        return await fail(request, stream, problem)

    async def _complete(
        self, request: web.Request, body: dict[str, Any], stream: web.StreamResponse | None
    ) -> web.StreamResponse:
        """Send the source's reply, into a stream if there is one."""
        new_nonce = self.access.renewed_nonce(request)
        message = str(body.get("newMessage") or "")
        result = await self._ask(request, body, message, stream)
        if stream is None:
            return web.json_response(reply(result, new_nonce))
        await end(stream, result, new_nonce)
        return stream

    async def _ask(
        self,
        request: web.Request,
        body: dict[str, Any],
        message: str,
        stream: web.StreamResponse | None = None,
    ) -> Reply:
        """Have the source reply, into a stream if there is one, and keep the turn."""
        user = self.access.user(request)
        conversation = await self._conversation(user, body, message)
        async with contextlib.aclosing(self._source.reply(_question(body, conversation))) as events:
            if stream is None:
                result = await read_reply(events)
            else:
                result = await stream_reply(request, stream, events, self._pace)
        # A reply that the client has seen complete is not lost, whatever happens next.
        if self._keeps:
            await self._discussions.add_turn(user, body, conversation, result.text)
        return result

    async def _conversation(
        self, user: str | None, body: dict[str, Any], message: str
    ) -> list[Message]:
        """Return what the bot gets: what the site has kept goes before what the client sends."""
        kept = await self._discussions.messages(user, body.get("chatId")) if self._keeps else None
        before = read_messages(body.get("messages")) if kept is None else kept
        return [*before, Message("user", message)]

    async def _query(self, request: web.Request) -> web.StreamResponse:
        body = await read_object(request)
        message = str(body.get("message") or "")
        if not message:
            return failure(400, "The message is required.")
        if len(message) > self._max_length:
            return failure(500, REJECTED)
        self.submissions.append(body)
        response = await self.respond(request, body)
        if response is not None:
            return response
        try:
            result = await self._ask(request, body, message)
        except ChatError as error:
            return await fail(request, None, error)
        return success(data=result.text, extra={"actions": [], "chatId": body.get("chatId")})

    async def _list_chatbots(self, request: web.Request) -> web.Response:
        return success(data=[{"id": DEFAULT_BOT, "name": "Default", "type": "chat"}])

    async def _check_auth(self, request: web.Request) -> web.Response:
        user = self.access.user(request)
        return success(data={"type": "user" if user else "token", "value": user or "admin"})


def _question(body: dict[str, Any], conversation: Sequence[Message]) -> Question:
    temperature, max_tokens = body.get("temperature"), body.get("maxTokens")
    return Question(
        messages=conversation,
        bot=str(body.get("botId") or body.get("customId") or DEFAULT_BOT),
        chat_id=str(body["chatId"]) if body.get("chatId") else None,
        temperature=temperature if isinstance(temperature, int | float) else None,
        max_tokens=max_tokens if isinstance(max_tokens, int) else None,
    )


def _file_ids(body: dict[str, Any]) -> list[Any]:
    ids = [body.get("newFileId"), body.get("newImageId"), *(body.get("newFileIds") or [])]
    return [item for item in ids if item]
