"""OpenAI's API in front of a source of replies."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from aiohttp import web
from aiohttp.typedefs import Handler

from ..errors import ChatError, IncompleteReply
from ..models import ActivityEvent, EndEvent, Event, Message, Reply, TextEvent
from ..protocol.site import DEFAULT_BOT
from .chains import Chains
from .openai_answers import (
    DONE,
    Completion,
    data,
    error_body,
    error_response,
    finish_reason,
    model,
    pictures,
)
from .openai_requests import CompletionRequest, InvalidRequest, read_request
from .sources import Question, Source
from .stop_texts import StopTexts, cut

PREFIX = "/v1"
_LOG = logging.getLogger("chatgpt4online.server")


class OpenAIDialect:
    """The routes of OpenAI's API that a chatbot can serve: completions and models.

    Args:
        source: Where the replies come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._chains = Chains()

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_post(f"{PREFIX}/chat/completions", _with_errors(self._complete))
        app.router.add_get(f"{PREFIX}/models", _with_errors(self._list))
        app.router.add_get(f"{PREFIX}/models/{{model}}", _with_errors(self._show))
        app.router.add_route("*", f"{PREFIX}{{name:(/.*)?}}", _with_errors(_unknown))

    async def _list(self, request: web.Request) -> web.Response:
        bots = await self._source.bots()
        return web.json_response({"object": "list", "data": [model(bot) for bot in bots]})

    async def _show(self, request: web.Request) -> web.Response:
        bot = request.match_info["model"]
        await self._check_bot(bot)
        return web.json_response(model(bot))

    async def _check_bot(self, bot: str) -> None:
        if bot == DEFAULT_BOT:
            return
        bots = await self._source.bots()
        if bot not in bots:
            raise InvalidRequest(
                f"There is no model {bot[:40]!r}; there is {', '.join(bots)}.",
                "model",
                "model_not_found",
                404,
            )

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        wanted = read_request(await request.read())
        await self._check_bot(wanted.model)
        question = Question(
            messages=wanted.messages,
            bot=wanted.model,
            chat_id=self._chains.take(wanted.model, wanted.messages[:-1]),
            temperature=wanted.temperature,
            max_tokens=wanted.max_tokens,
        )
        async with aclosing(self._source.reply(question)) as events:
            if wanted.stream:
                return await self._stream(request, wanted, events)
            return await self._send_whole(wanted, events)

    async def _send_whole(
        self, wanted: CompletionRequest, events: AsyncIterator[Event]
    ) -> web.Response:
        """Send the reply once it is complete."""
        stop = StopTexts(wanted.stop)
        answer = Completion(wanted.model)
        pieces: list[str] = []
        async for event in events:
            if isinstance(event, TextEvent):
                pieces.append(stop.feed(event.text))
                if stop.found:
                    return web.json_response(answer.whole("".join(pieces), "stop", None))
            elif isinstance(event, EndEvent):
                reply = event.reply
                # Its text can differ from the pieces, if the site filters it.
                text = cut(reply.text, wanted.stop) + pictures(reply)
                self._remember(wanted, text, reply)
                return web.json_response(answer.whole(text, finish_reason(reply), reply.usage))
        raise IncompleteReply("The reply ended without its end.", partial_text="".join(pieces))

    async def _stream(
        self, request: web.Request, wanted: CompletionRequest, events: AsyncIterator[Event]
    ) -> web.StreamResponse:
        """Send the pieces of the reply as they come."""
        response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
        response.content_type = "text/event-stream"
        async with aclosing(self._parts_or_error(request, wanted, events)) as parts:
            async for part in parts:
                try:
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(part.encode())
                except ConnectionError:  # the client has left
                    break
        return response

    async def _parts_or_error(
        self, request: web.Request, wanted: CompletionRequest, events: AsyncIterator[Event]
    ) -> AsyncGenerator[str, None]:
        """Yield the parts of the stream, and what goes wrong once it has begun as the last one."""
        begun = False
        try:
            async with aclosing(self._parts(wanted, events)) as parts:
                async for part in parts:
                    begun = True
                    yield part
        except Exception as error:
            if not begun:
                raise
            _log_unexpected(request, error)
            yield data(error_body(error))

    async def _parts(
        self, wanted: CompletionRequest, events: AsyncIterator[Event]
    ) -> AsyncGenerator[str, None]:
        """Yield the parts of the stream."""
        answer, stop = Completion(wanted.model), StopTexts(wanted.stop)
        sent: list[str] = []
        reply: Reply | None = None
        async for event in events:
            if isinstance(event, ActivityEvent):
                continue
            if not sent:
                yield answer.chunk({"role": "assistant", "content": ""})
            if isinstance(event, TextEvent):
                text = stop.feed(event.text)
            else:
                reply = event.reply
                text = stop.rest() + pictures(reply)
            if text:
                yield answer.chunk({"content": text})
            sent.append(text)
            if stop.found or reply is not None:
                break
        if reply is None and not stop.found:
            raise IncompleteReply("The reply ended without its end.", partial_text="".join(sent))
        if reply is not None:
            self._remember(wanted, "".join(sent), reply)
        yield answer.chunk({}, finish_reason(reply) if reply is not None else "stop")
        if wanted.include_usage:
            yield answer.last_chunk(reply.usage if reply is not None else None)
        yield DONE

    def _remember(self, wanted: CompletionRequest, text: str, reply: Reply) -> None:
        """Remember the conversation, to go on with it when the client sends its history."""
        messages = [*wanted.messages, Message("assistant", text)]
        self._chains.put(wanted.model, messages, reply.chat_id)


async def _unknown(request: web.Request) -> web.StreamResponse:
    raise InvalidRequest(
        f"There is no {request.method} {request.path[:100]} here, only POST {PREFIX}/chat/"
        f"completions and GET {PREFIX}/models.",
        code="unknown_url",
        status=404,
    )


def _with_errors(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - the client and the log are told of it
            _log_unexpected(request, error)
            return error_response(error)

    return handle


def _log_unexpected(request: web.Request, error: Exception) -> None:
    if not isinstance(error, ChatError | InvalidRequest):
        _LOG.error("%s %s failed.", request.method, request.path, exc_info=error)
