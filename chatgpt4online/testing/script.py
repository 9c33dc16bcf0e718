"""The replies that a scripted site has been told to give, in order."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web

from ..errors import UsageError
from ..models import Message
from ..server import Bot

Respond = Callable[[web.Request, bool], Awaitable[web.StreamResponse]]
"""Answers a prompt. It is told whether the client asked for a stream."""

_pieces: ContextVar[Sequence[str] | None] = ContextVar("pieces", default=None)
"""The scripted text of the request that is being handled."""


@dataclass(frozen=True, slots=True)
class Step:
    """One scripted reply.

    Attributes:
        source: The call that made it.
        answer: The pieces of a text, or what answers.
    """

    source: str
    answer: Sequence[str] | Respond


class Script:
    """Gives each prompt the next scripted reply, or else the bot's.

    Args:
        bot: The bot that replies to all other prompts.

    Attributes:
        steps: The replies that are left.
    """

    def __init__(self, bot: Bot) -> None:
        self.steps: deque[Step] = deque()
        self._mistakes: list[tuple[Exception, TracebackType | None]] = []
        self._bot = _check_bot(bot)

    async def respond(
        self, request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse | None:
        """Answer a prompt, unless a bot is to do it."""
        answer = self.steps.popleft().answer if self.steps else None
        if callable(answer):
            return await answer(request, bool(body.get("stream")))
        _pieces.set(answer)
        return None

    def bot(self, messages: Sequence[Message]) -> Iterator[str]:
        """Yield the scripted text of the current request, or the bot's reply."""
        scripted = _pieces.get()
        if scripted is not None:
            yield from scripted
            return
        try:
            for piece in _iterable(self._bot(messages)):
                if not isinstance(piece, str):
                    raise TypeError(f"A bot yields text; this one yielded {_kind(piece)}.")
                yield piece
        except Exception as error:
            error.add_note("The bot of the scripted site raised this.")
            self._mistakes.append((error, error.__traceback__))
            raise

    def has_raised(self, error: Exception) -> bool:
        """Return whether the bot has raised this exception."""
        return any(error is mistake for mistake, _ in self._mistakes)

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
            f"{_kind(bot)}. For a reply that is known beforehand, use reply()."
        )
    if inspect.isasyncgenfunction(bot) or inspect.iscoroutinefunction(bot):
        raise UsageError("A bot is an ordinary function that yields text, not an async one.")
    return bot


def _iterable(pieces: object) -> Iterable[object]:
    __tracebackhide__ = True
    if isinstance(pieces, str):
        return [pieces]
    if isinstance(pieces, Iterable):
        return pieces
    if inspect.iscoroutine(pieces):
        pieces.close()  # it would warn that it was never awaited
    raise TypeError(f"A bot returns or yields text; this one returned {_kind(pieces)}.")


def _kind(value: object) -> str:
    name = type(value).__name__.replace("_", " ")
    return "None" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
