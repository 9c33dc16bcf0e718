"""A reply while it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Self

from ..errors import TransportError
from ..models import Event, Piece, Reply
from ..protocol.reply_reader import ReplyReader
from ..reply_stream import BaseReplyStream, has_begun
from .transport import ResponseStream

Opened = tuple[ReplyReader, ResponseStream, list[Piece]]
"""A reply that has begun: its reader, the response, and the first pieces."""


def read_beginning(reader: ReplyReader, response: ResponseStream) -> list[Piece]:
    """Read until the reply has begun, with any event but a status, and return the pieces.

    If it ends in an error instead, the response is closed and the error raised.
    """
    pieces: list[Piece] = []
    begun = False
    try:
        while not (begun or reader.finished):
            new = _read(reader, response)
            begun = has_begun(new)
            pieces += new
        if not begun:
            reader.result()
    except BaseException:
        response.close()
        raise
    return pieces


def _read(reader: ReplyReader, response: ResponseStream) -> list[Piece]:
    try:
        data = response.read()
    except TransportError as error:
        reader.fail(error)
        return []
    return reader.feed(data) if data else reader.finish()


class ReplyStream(BaseReplyStream, Iterator[str]):
    """A reply while it arrives, made by `Client.stream`. Iterate over it for pieces of the text.

    Use it as a context manager, or call `close`, unless you read it to its end. If the reply
    fails, everything that was received is yielded first; then the error is raised.
    """

    def __init__(
        self, reader: ReplyReader, response: ResponseStream, pieces: Sequence[Piece]
    ) -> None:
        super().__init__(reader, pieces)
        self._on_close: Callable[[], None] | None = None
        self._reader: ReplyReader = reader
        self._response: ResponseStream | None = response

    def __next__(self) -> str:
        while True:
            for piece in self._pieces:
                if isinstance(piece, str):
                    return piece
                self._hand_out(piece)
            if not self._read():
                raise StopIteration

    def events(self) -> Iterator[Event]:
        """Yield the events of the reply from here on: text, activity, and one `EndEvent`.

        Raises:
            ChatError: The reply failed.
        """
        while True:
            for piece in self._pieces:
                yield self._hand_out(piece)
            if not self._read():
                return

    def read(self) -> Reply:
        """Read to the end, close, and return the complete reply.

        Raises:
            ChatError: The reply failed.
        """
        with self:
            for _ in self.events():
                pass
        return self.reply

    @property
    def done(self) -> bool:
        """Whether nothing more can be read."""
        return self._response is None

    def close(self) -> None:
        """Stop reading and release the connection. An incomplete reply stays incomplete."""
        response, self._response = self._response, None
        on_close, self._on_close = self._on_close, None
        self._pieces = iter(())
        self._on_complete = None  # what was not read to its end was abandoned
        try:
            if response is not None:
                if self._reader.reply is not None:
                    response.drain()
                else:
                    response.close()
        finally:
            if on_close is not None:
                on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _read(self) -> bool:
        """Read more pieces; return False at the end of a complete reply."""
        if self._reader.finished:
            self.close()
            self._result()
            return False
        if self._response is None:
            raise self._closed_early()
        try:
            self._pieces = iter(_read(self._reader, self._response))
        except BaseException:
            self.close()
            raise
        return True
