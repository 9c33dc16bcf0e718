"""Where the replies of a server come from."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import RateLimited
from ..models import EndEvent, Event, Message, Reply, Shortcut, TextEvent, Usage
from ..protocol.site import DEFAULT_BOT
from .bot_threads import BotThreads
from .bots import Bot, is_async, write_async

SHORTCUT = Shortcut(
    "message", {"label": "Tell me more", "variant": "info", "shortcutId": "tell-me-more"}
)
"""A button that comes with the replies of a `BotSource`."""
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Question:
    """What a source is to reply to.

    Attributes:
        messages: The conversation, oldest first and the user's message last.
        bot: The id of the chatbot. Default: the source's own.
        chat_id: The id of the conversation, if the source has had it before.
        temperature: How random the reply is. Default: the chatbot's own, as for the next.
        max_tokens: The most tokens of the reply.
    """

    messages: Sequence[Message] = field(repr=False)
    bot: str | None = None
    chat_id: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


class Source(Protocol):
    """Where replies come from."""

    async def bots(self) -> Sequence[str]:
        """Return the ids of the chatbots."""
        ...

    def reply(self, question: Question) -> AsyncGenerator[Event, None]:
        """Yield the events of a reply: text and activity, and one `EndEvent`.

        Raises:
            ChatError: The reply failed.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class BotSource:
    """Replies of a function, which runs in the event loop if it is async, or else in a thread.

    Args:
        bot: The function.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._threads = BotThreads()
        self._tasks: set[asyncio.Task[object]] = set()

    async def bots(self) -> Sequence[str]:
        """Return the id of the only chatbot."""
        return (DEFAULT_BOT,)

    async def reply(self, question: Question) -> AsyncGenerator[Event, None]:
        """Yield what the function yields, and count its words as tokens."""
        write = write_async if is_async(self._bot) else self._threads.write
        task, pieces = asyncio.current_task(), []
        assert task is not None
        self._tasks.add(task)
        try:
            async with aclosing(write(self._bot, [*question.messages])) as written:
                async for piece in written:
                    pieces.append(piece)
                    yield TextEvent(piece)
        finally:
            self._tasks.discard(task)
        text = "".join(pieces)
        words = len(text.split())
        yield EndEvent(Reply(text, shortcuts=(SHORTCUT,), usage=Usage(0, words, words)))

    async def close(self) -> None:
        """End the replies that are left, and wait for what threads are still computing."""
        # aiohttp forgets a request whose client has left.
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._threads.close()


class LimitedSource:
    """A source that takes so many prompts per minute; more raise `RateLimited`.

    Args:
        source: The source behind it.
        per_minute: The most prompts per minute. As many may come at once.
        clock: Returns seconds that never go back.
    """

    def __init__(
        self, source: Source, per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._interval = _MINUTE / per_minute
        self._clock = clock
        self._free_at = -math.inf

    async def bots(self) -> Sequence[str]:
        """Return the ids of the chatbots of the source."""
        return await self._source.bots()

    async def reply(self, question: Question) -> AsyncGenerator[Event, None]:
        """Yield the events of the source's reply.

        Raises:
            RateLimited: There were too many prompts.
        """
        self._count()
        async with aclosing(self._source.reply(question)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Close the source."""
        await self._source.close()

    def _count(self) -> None:
        """Count a prompt: each takes its interval of a minute, which may be used in advance."""
        now = self._clock()
        busy_until = max(now, self._free_at) + self._interval
        wait = busy_until - now - _MINUTE
        if wait > 1e-6:
            raise RateLimited(
                "Too many prompts per minute.",
                status=429,
                message="Too many prompts per minute.",
                retry_after=math.ceil(wait),
                retryable=True,
            )
        self._free_at = busy_until
