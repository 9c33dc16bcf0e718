"""What the replies of both clients share while they arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from .discretion import empty_frames
from .errors import ChatError, IncompleteReply, TransportError
from .messages import EndEvent, Event, Message, Piece, Reply, TextEvent
from .protocol.exchanges import Exchange
from .protocol.turn import Turn


class Owner(Protocol):
    """A client that lives as long as one stream."""

    def close(self) -> Any: ...


class BaseReplyStream:
    """A reply while it arrives: the events that are ready, and the text so far."""

    __slots__ = ("__weakref__", "_opening_error", "_ready", "_turn", "on_reply", "owner")

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        # The next one is the last: giving that up costs nothing. (A deque takes 0.7 KiB.)
        self._ready: list[Piece] = []
        self._opening_error: ChatError | None = None
        self.owner: Owner | None = None
        """A client that is closed with the stream; None where it goes on."""
        self.on_reply: Callable[[Reply, tuple[Message, ...]], None] | None = None
        """Called with a complete reply that is handed out, and the history sent before it."""

    @property
    def done(self) -> bool:
        """Whether nothing more can be read."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The text that has arrived so far; the site's final text once the reply is complete.

        It can be ahead of the pieces that are handed out.
        """
        return self._turn.text

    @property
    def reply(self) -> Reply:
        """The complete reply.

        Raises:
            ChatError: what went wrong; `UsageError` while the reply is not complete.
        """
        if self.done and not self._turn.finished:
            raise self._ended()
        return self._turn.result()

    def _ended(self) -> ChatError:
        """Return what to raise where more is asked of a stream that was closed before its end."""
        return self._opening_error or IncompleteReply(
            f"The stream was closed after {len(self.text)} characters, before its end.",
            partial_text=self.text,
        )

    def _pop(self) -> Piece:
        try:
            return self._ready.pop()
        except IndexError:  # another thread has closed the stream
            raise self._ended() from None

    def _handed_out(self, piece: Piece) -> None:
        """Take note of a piece that the caller gets, other than text."""
        if isinstance(piece, EndEvent) and self.on_reply is not None:
            self.on_reply(piece.reply, self._turn.history)

    def _pop_event(self) -> Event:
        piece = self._pop()
        if isinstance(piece, str):
            return TextEvent(piece)
        self._handed_out(piece)
        return piece

    def _take(self, data: bytes) -> None:
        pieces = self._turn.receive_data(data) if data else self._turn.receive_eof()
        self._ready[:0] = reversed(pieces)


def interrupted(exchange: Exchange, error: TransportError) -> ChatError:
    """Return what to raise when the connection of an exchange failed.

    Its cause is the HTTP library's own error where there is one.
    """
    empty_frames(error)
    raised = exchange.interrupted(error)
    if raised is not error:
        raised.__cause__ = error.__cause__ or error
    return raised


def raise_interrupted(exchange: Exchange, error: TransportError) -> NoReturn:
    """Raise what `interrupted` returns."""
    raise interrupted(exchange, error)
