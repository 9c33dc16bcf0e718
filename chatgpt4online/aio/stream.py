"""A reply while it arrives."""

from __future__ import annotations

import asyncio
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

OnClose = Callable[[], Coroutine[Any, Any, None]]

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
    """

    def __init__(self, open: Open) -> None:
        super().__init__(None)
        self._on_open: Callable[[], None] | None = None
        self._on_close: OnClose | None = None
        self._open: Open | None = open
        self._loop: asyncio.AbstractEventLoop | None = None
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

    def close(self) -> Awaitable[None]:
        """Stop reading and release the connection. An incomplete reply stays incomplete.

        Await it to wait until that is done. Web frameworks that do not, or that call it in another
        thread, leave the rest to the event loop.
        """
        return _in_background(self._release(), self._loop)

    async def aclose(self) -> None:
        """Do what `close` does, for `contextlib.aclosing` and other code that expects this name."""
        await self._release()

    def _release(self) -> Coroutine[Any, Any, None]:
        """Let go of the response, and return the coroutine that closes it."""
        response, self._response = self._response, None
        on_close, self._on_close = self._on_close, None
        self._closed, self._open = True, None
        self._pieces = iter(())
        self._on_complete = None  # what was not read to its end was abandoned
        complete = self._reader is not None and self._reader.reply is not None
        return _close(response, on_close, complete=complete)

    async def __aenter__(self) -> Self:
        return await self._opened()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # Leaving a loop by `break` has no other way to release the connection.
        if self._response is not None:
            self._response.close()
        if self._on_close is not None:
            _in_background(self._on_close(), self._loop)

    async def _opened(self) -> Self:
        open, self._open = self._open, None
        if open is None:
            if self._reader is None and self._closed:
                raise self._closed_early()
            return self
        self._opening, self._loop = True, asyncio.get_running_loop()
        if self._on_open is not None:
            self._on_open()
        try:
            reader, response, pieces = await open()
            if self._closed:
                response.close()
                raise self._closed_early()
            self._reader, self._response, self._pieces = reader, response, iter(pieces)
        except BaseException as error:
            if isinstance(error, ChatError):
                self._opening_error = error
                if self._on_refusal is not None:
                    self._on_refusal(error)
            await self.aclose()
            raise
        finally:
            self._opening = False
        return self

    async def _read(self) -> bool:
        """Read more pieces; return False at the end of a complete reply."""
        if self._opening_error is not None:
            raise self._opening_error
        reader, response = self._reader, self._response
        if reader is not None and reader.finished:
            await self.aclose()
            self._result()
            return False
        if reader is None or response is None:
            raise self._closed_early()
        try:
            self._pieces = iter(await _read(reader, response))
        except BaseException:
            await self.aclose()
            raise
        return True


async def _close(
    response: ResponseStream | None, on_close: OnClose | None, *, complete: bool
) -> None:
    try:
        if response is not None:
            if complete:
                await response.drain()
            else:
                response.close()
    finally:
        if on_close is not None:
            await on_close()


def _in_background(
    closing: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop | None
) -> Awaitable[None]:
    """Run a coroutine in an event loop, whether it is awaited or not; None is the running one."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is not None and loop in (None, running):
        task = running.create_task(closing)
        _CLOSING.add(task)
        task.add_done_callback(_CLOSING.discard)
        return task
    if loop is None or loop.is_closed():
        closing.close()
    else:
        asyncio.run_coroutine_threadsafe(closing, loop)
    return _Done()


class _Done(Awaitable[None]):
    """What there is to wait for if the caller runs in no event loop."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()
