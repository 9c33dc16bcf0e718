"""A reply while it arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any, Self

from ..errors import ChatError, TransportError
from ..models import Event, Piece, Reply
from ..protocol.reply_reader import ReplyReader
from ..reply_stream import BaseReplyStream, has_begun
from .transport import ResponseStream

Opened = tuple[ReplyReader, ResponseStream, list[Piece]]
"""A reply that has begun: its reader, the response, and the first pieces."""
Open = Callable[[], Awaitable[Opened]]
"""Sends the prompt."""

_CLOSING: set[asyncio.Task[None]] = set()
"""Event loops keep no reference to their tasks."""


async def read_beginning(reader: ReplyReader, response: ResponseStream) -> list[Piece]:
    """Read until the reply has begun, with any event but a status, and return the pieces.

    If it ends in an error instead, the response is closed and the error raised.
    """
    pieces: list[Piece] = []
    begun = False
    try:
        while not (begun or reader.finished):
            new = await _read(reader, response)
            begun = has_begun(new)
            pieces += new
        if not begun:
            reader.result()
    except BaseException:
        response.close()
        raise
    return pieces


async def _read(reader: ReplyReader, response: ResponseStream) -> list[Piece]:
    try:
        data = await response.read()
    except TransportError as error:
        reader.fail(error)
        return []
    return reader.feed(data) if data else reader.finish()


class AsyncReplyStream(BaseReplyStream, AsyncIterator[str]):
    """A reply while it arrives, made by `AsyncClient.stream`. Iterate over it for pieces of text.

    The prompt is sent when the stream is first awaited, entered or iterated. Use it with ``async
    with``, or call `close`, unless you read it to its end. If the reply fails, everything that was
    received is yielded first; then the error is raised.

    Attributes:
        on_close: Awaited when the stream is closed. Default: none.
    """

    def __init__(self, open: Open) -> None:
        super().__init__(None)
        self.on_close: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._open: Open | None = open
        self._response: ResponseStream | None = None
        self._opening = False
        self._closed = False

    def __await__(self) -> Generator[Any, None, Self]:
        return self._opened().__await__()

    async def __anext__(self) -> str:
        if self._open is not None:
            await self._opened()
        while True:
            for piece in self._pieces:
                if isinstance(piece, str):
                    return piece
                self._hand_out(piece)
            if not await self._read():
                raise StopAsyncIteration

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield the events of the reply from here on: text, activity, and one `EndEvent`.

        Raises:
            ChatError: The reply failed.
        """
        await self._opened()
        while True:
            for piece in self._pieces:
                yield self._hand_out(piece)
            if not await self._read():
                return

    async def read(self) -> Reply:
        """Read to the end, close, and return the complete reply.

        Raises:
            ChatError: The reply failed.
        """
        async with self:
            async for _ in self.events():
                pass
        return self.reply

    @property
    def done(self) -> bool:
        """Whether nothing more can be read."""
        return self._open is None and self._response is None and not self._opening

    async def close(self) -> None:
        """Stop reading and release the connection. An incomplete reply stays incomplete."""
        response, self._response = self._response, None
        self._closed, self._open = True, None
        self._pieces = iter(())
        try:
            if response is not None:
                if self._reader is not None and self._reader.reply is not None:
                    await response.drain()
                else:
                    response.close()
        finally:
            if self.on_close is not None:
                await self.on_close()

    async def __aenter__(self) -> Self:
        return await self._opened()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __del__(self) -> None:
        # Leaving a loop by `break` has no other way to release the connection.
        if self._response is not None:
            self._response.close()
        if self.on_close is not None and not self._closed:
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                task = asyncio.get_running_loop().create_task(self.on_close())
                _CLOSING.add(task)
                task.add_done_callback(_CLOSING.discard)

    async def _opened(self) -> Self:
        open, self._open = self._open, None
        if open is None:
            if self._reader is None and self._closed:
                raise self._closed_early()
            return self
        self._opening = True
        try:
            self._reader, self._response, pieces = await open()
            if self._closed:
                raise self._closed_early()
            self._pieces = iter(pieces)
        except BaseException as error:
            if isinstance(error, ChatError):
                self._opening_error = error
                if self.on_refusal is not None:
                    self.on_refusal(error)
            await self.close()
            raise
        finally:
            self._opening = False
        return self

    async def _read(self) -> bool:
        """Read more pieces; return False at the end of a complete reply."""
        reader, response = self._reader, self._response
        if reader is not None and reader.finished:
            await self.close()
            reader.result()
            return False
        if reader is None or response is None:
            raise self._closed_early()
        try:
            self._pieces = iter(await _read(reader, response))
        except BaseException:
            await self.close()
            raise
        return True
