"""Threads for bots that are plain functions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from ..models import Message
from .bots import Bot, write

T = TypeVar("T")

MOST_THREADS = 100
"""More replies at once share threads, and wait for each other's pieces."""


class BotThreads:
    """Threads in which plain functions write replies, each from its beginning to its end in one."""

    def __init__(self) -> None:
        self._threads: list[_Thread] = []

    async def write(self, bot: Bot, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Yield the pieces of a reply, each when the function yields it.

        The function computes a piece only when it is asked for. If the reply ends early, the
        function is closed as soon as it has yielded the piece that it is computing.
        """
        pieces, context, end = write(bot, messages), copy_context(), object()
        thread = self._choose()
        thread.replies += 1
        try:
            while (piece := await thread.run(lambda: context.run(next, pieces, end))) is not end:
                assert isinstance(piece, str)
                yield piece
        finally:
            try:
                await asyncio.shield(thread.run(lambda: context.run(pieces.close)))
            finally:
                thread.replies -= 1

    async def close(self) -> None:
        """Wait until all functions have yielded the piece that they are computing."""
        threads, self._threads = self._threads, []
        for thread in threads:
            await thread.close()

    def _choose(self) -> _Thread:
        """Return the thread with the fewest replies. New ones start while there may be more."""
        least = min(self._threads, key=lambda thread: thread.replies, default=None)
        if least is not None and (not least.replies or len(self._threads) >= MOST_THREADS):
            return least
        self._threads.append(_Thread())
        return self._threads[-1]


class _Thread:
    """A thread, which runs one function at a time.

    Attributes:
        replies: How many replies it is writing.
    """

    def __init__(self) -> None:
        self.replies = 0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="bot")

    def run(self, function: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._executor, function)

    async def close(self) -> None:
        await asyncio.to_thread(self._executor.shutdown)
