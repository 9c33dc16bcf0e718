"""A reply while it arrives, blocking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from .discretion import discreet
from .errors import TransportError
from .messages import Event, Reply
from .protocol.turn import Turn
from .reply_stream import BaseReplyStream, interrupted
from .sync_answer import Answer
from .transport import Transport


class ReplyStream(BaseReplyStream, Iterator[str]):
    """A reply while it arrives. Iterate it for the pieces of the text.

    Use it as a context manager, or call `close`, where it may not be read to its end. Reading
    raises what went wrong, once all that had arrived before is handed out.
    """

    __slots__ = ("_answer", "_transport")

    def __init__(self, turn: Turn, answer: Answer | None, transport: Transport) -> None:
        super().__init__(turn)
        self._answer = answer
        self._transport = transport

    def __next__(self) -> str:
        ready = self._ready
        while ready or self._wait():
            try:
                piece = ready.pop()
            except IndexError:  # another thread has closed the stream
                raise self._ended() from None
            if type(piece) is str:
                return piece
            self._handed_out(piece)
        raise StopIteration

    def events(self) -> Iterator[Event]:
        """Return the events of the reply, text and all else, from here on."""
        while self._ready or self._wait():
            yield self._pop_event()

    @discreet
    def read(self) -> Reply:
        """Read to the end, close, and return the complete reply.

        Raises:
            ChatError: what went wrong.
        """
        with self:
            for _ in self.events():
                pass
        return self.reply

    @property
    def done(self) -> bool:
        """Whether nothing more can be read."""
        return self._answer is None

    def close(self) -> None:
        """End the reading. A reply that is not complete by now stays incomplete."""
        answer, self._answer = self._answer, None
        self._ready.clear()
        if answer is not None:
            if self._turn.succeeded:
                self._transport.linger(answer)
            else:
                answer.close()
        if self.owner is not None:
            self.owner.close()

    def __del__(self) -> None:
        # A loop that is left by `break` has no other way to close the client of the one call.
        if self.owner is not None:
            self.owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _wait(self) -> bool:
        """Read until an event is ready; False at the end of a complete reply."""
        while not self._ready:
            if self._turn.finished:
                self.close()
                self._turn.result()
                return False
            answer = self._answer
            if answer is None:
                raise self._ended()
            try:
                self._take(answer.read())
            except TransportError as error:
                # What the turn makes of it is raised when all that arrived is handed out.
                interrupted(self._turn, error)
            except BaseException:
                self.close()
                raise
        return True
