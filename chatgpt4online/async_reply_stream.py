"""A reply while it arrives, for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, Self

from .async_answer import AsyncAnswer
from .async_transport import AsyncTransport
from .discretion import discreet, empty_frames
from .errors import ChatError, TransportError
from .files import Files
from .messages import Event, Reply
from .protocol.turn import Turn
from .reply_stream import BaseReplyStream, interrupted

OpenTurn = Callable[[Turn, Files], Awaitable[AsyncAnswer | None]]
"""Uploads the files of a turn, and sends it."""


class AsyncReplyStream(BaseReplyStream, AsyncIterator[str]):
    """A reply while it arrives. Iterate it for the pieces of the text.

    Use it with ``async with``, or call `close`, where it may not be read to its end. Awaiting
    it opens it. Reading raises what went wrong, once all that had arrived before is handed out.
    """

    __slots__ = ("_answer", "_closed", "_files", "_open_turn", "_opening", "_transport")

    def __init__(self, turn: Turn, files: Files, open_turn: OpenTurn, transport: AsyncTransport):
        super().__init__(turn)
        self._files = files
        self._open_turn: OpenTurn | None = open_turn
        self._answer: AsyncAnswer | None = None
        self._opening = False
        self._closed = False
        self._transport = transport

    async def __anext__(self) -> str:
        if self._open_turn is not None:
            await self._opened()
        ready = self._ready
        while ready or await self._wait():
            piece = ready.pop()
            if type(piece) is str:
                return piece
            self._handed_out(piece)
        raise StopAsyncIteration

    async def events(self) -> AsyncIterator[Event]:
        """Return the events of the reply, text and all else, from here on."""
        await self._opened()
        while self._ready or await self._wait():
            yield self._pop_event()

    @discreet
    async def read(self) -> Reply:
        """Read to the end, close, and return the complete reply.

        Raises:
            ChatError: what went wrong.
        """
        async with self:
            async for _ in self.events():
                pass
        return self.reply

    @property
    def done(self) -> bool:
        """Whether nothing more can be read."""
        return self._open_turn is None and self._answer is None and not self._opening

    async def close(self) -> None:
        """End the reading. A reply that is not complete by now stays incomplete."""
        self._closed = True
        self._open_turn = None
        answer, self._answer = self._answer, None
        self._ready.clear()
        if answer is not None:
            if self._turn.succeeded:
                self._transport.linger(answer)
            else:
                answer.close()
        if self.owner is not None:
            await self.owner.close()

    def __del__(self) -> None:
        # A loop that is left by `break` has no other way to give the connection up.
        if self._answer is not None:
            self._answer.close()
        if self.owner is not None:
            self._transport.abandon()

    def __await__(self) -> Generator[Any, None, Self]:
        return self._opened().__await__()

    async def __aenter__(self) -> Self:
        return await self._opened()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _opened(self) -> Self:
        open_turn, self._open_turn = self._open_turn, None
        if open_turn is not None:
            self._opening = True
            try:
                self._answer = await open_turn(self._turn, self._files)
                if self._closed:
                    raise self._ended()
            except BaseException as error:
                empty_frames(error)
                self._opening_error = error if isinstance(error, ChatError) else None
                await self.close()
                raise
            finally:
                self._opening = False
        return self

    async def _wait(self) -> bool:
        """Read until an event is ready; False at the end of a complete reply."""
        while not self._ready:
            if self._turn.finished:
                await self.close()
                self._turn.result()
                return False
            answer = self._answer
            if answer is None:
                raise self._ended()
            try:
                self._take(await answer.read())
            except TransportError as error:
                # What the turn makes of it is raised when all that arrived is handed out.
                interrupted(self._turn, error)
            except BaseException:
                await self.close()
                raise
        return True
