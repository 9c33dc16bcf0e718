"""The replies of a scripted site, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from aiohttp import web

from ..errors import UsageError
from ..models import Message
from ..protocol.files import UPLOAD
from ..protocol.session import START_SESSION
from ..server import Bot
from ..server.bots import is_async, kind_of, write, write_async

Respond = Callable[[web.Request, bool], Awaitable[web.StreamResponse]]
"""Answers a prompt, as a stream if the second argument is True."""

Target = Literal["prompt", "session", "upload"]

_ROUTES: Mapping[Target, str] = {"session": START_SESSION, "upload": UPLOAD}
_pieces: ContextVar[Sequence[str] | None] = ContextVar("pieces", default=None)
"""The scripted text of the request that is being handled."""


@dataclass(frozen=True, slots=True)
class Step:
    """One scripted reply.

    Attributes:
        source: The call that made it.
        answer: The pieces of a text, or what answers.
        on: The kind of request that it is for.
    """

    source: str
    answer: Sequence[str] | Respond
    on: Target = "prompt"


class BotFailed(Exception):
    """The bot has raised an exception, which the script keeps for the test."""


class Script:
    """Gives each prompt the next scripted reply, or else the bot's.

    Args:
        bot: The bot that replies to all other prompts.

    Attributes:
        steps: The replies that are left.
        bot: A bot that gives the scripted text of the current request, or else what the bot does.
    """

    def __init__(self, bot: Bot) -> None:
        self.steps: list[Step] = []
        self._mistakes: list[tuple[BaseException, TracebackType | None]] = []
        self._bot = _check_bot(bot)
        self.bot: Bot = self._write_async if is_async(bot) else self._write

    async def respond(
        self, request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse | None:
        """Answer a prompt, unless a bot is to do it."""
        answer = self._take("prompt")
        if callable(answer):
            return await answer(request, bool(body.get("stream")))
        _pieces.set(answer)
        return None

    async def interrupt(self, request: web.Request) -> web.StreamResponse | None:
        """Answer the opening of a session or an upload, if a fault is scripted for it."""
        path = request.query.get("rest_route", request.path).rstrip("/")
        for target, route in _ROUTES.items():
            if path.endswith(f"/{route}") and callable(answer := self._take(target)):
                return await answer(request, False)
        return None

    def _take(self, target: Target) -> Sequence[str] | Respond | None:
        """Return the next answer to a kind of request, if there is one."""
        for step in self.steps:
            if step.on == target:
                self.steps.remove(step)
                return step.answer
        return None

    def _write(self, messages: Sequence[Message]) -> Iterator[str]:
        """Yield the scripted text of the current request, or the reply of a plain bot."""
        __tracebackhide__ = True
        scripted = _pieces.get()
        with self._recording():
            yield from write(self._bot, messages) if scripted is None else scripted

    async def _write_async(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Yield the scripted text of the current request, or the reply of an async bot."""
        __tracebackhide__ = True
        scripted = _pieces.get()
        if scripted is not None:
            for piece in scripted:
                yield piece
            return
        with self._recording():
            async with aclosing(write_async(self._bot, messages)) as written:
                async for piece in written:
                    yield piece

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """Keep what the bot raises, also what is no `Exception`, such as `pytest.fail`."""
        __tracebackhide__ = True
        try:
            yield
        except (GeneratorExit, asyncio.CancelledError):  # the reply has been left
            raise
        except BaseException as error:
            error.add_note("The bot of the scripted site raised this.")
            self._mistakes.append((error, error.__traceback__))
            raise BotFailed from error

    def raise_mistake(self) -> None:
        """Raise the first exception of the bot again, if it has raised any."""
        __tracebackhide__ = True
        if self._mistakes:
            error, traceback = self._mistakes[0]
            self._mistakes.clear()
            raise error.with_traceback(traceback)  # without the frames of the server


def _check_bot(bot: Bot) -> Bot:
    if not callable(bot):
        raise UsageError(
            "A bot is a function that takes the messages and yields text, not "
            f"{kind_of(bot)}. For a reply that is known beforehand, use reply()."
        )
    return bot
