"""What the reply streams of both clients share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .errors import ChatError, IncompleteReply
from .models import ActivityEvent, EndEvent, Event, Message, Piece, Reply, TextEvent
from .protocol.reply_reader import ReplyReader, not_complete

_PRELIMINARY = ("status", "heartbeat", "start", "debug", "embeddings", "mcp_discovery")
"""Events that come before the model's provider has taken the prompt."""

OnComplete = Callable[[tuple[Message, ...], Reply], None]
"""Called with the messages that were sent before the prompt, and the reply."""
OnRefusal = Callable[[ChatError], None]
"""Called with the error if the reply never begins."""


def has_begun(pieces: Sequence[Piece]) -> bool:
    """Return whether a reply has begun with these pieces, or the site only prepares for it."""
    return not all(isinstance(item, ActivityEvent) and item.kind in _PRELIMINARY for item in pieces)


class BaseReplyStream:
    """A reply while it arrives."""

    def __init__(self, reader: ReplyReader | None, pieces: Sequence[Piece] = ()) -> None:
        self._on_complete: OnComplete | None = None
        self._on_refusal: OnRefusal | None = None
        self._reader = reader
        self._pieces = iter(pieces)
        self._opening_error: ChatError | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more can be read."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The text received so far; the final text once the reply is complete.

        It can be ahead of the pieces that were yielded.
        """
        return self._reader.text if self._reader is not None else ""

    @property
    def reply(self) -> Reply:
        """The complete reply.

        Raises:
            ChatError: The reply failed; `UsageError` if it is not complete yet.
        """
        if self._reader is not None and self._reader.finished:
            self._complete()
            return self._result()
        if self.done:
            raise self._closed_early()
        raise not_complete()

    def _result(self) -> Reply:
        """Return the reply, or raise what went wrong after it had begun."""
        assert self._reader is not None
        try:
            return self._reader.result()
        except ChatError as error:
            error.may_have_run = True
            raise

    def _closed_early(self) -> ChatError:
        return self._opening_error or IncompleteReply(
            f"The stream was closed after {len(self.text)} characters, before its end.",
            partial_text=self.text,
        )

    def _hand_out(self, piece: Piece) -> Event:
        """Return a piece as the event that the caller gets."""
        if isinstance(piece, str):
            return TextEvent(piece)
        if isinstance(piece, EndEvent):
            self._complete()
        return piece

    def _complete(self) -> None:
        """Call `_on_complete`, once, if the reply is complete."""
        reader, on_complete = self._reader, self._on_complete
        if reader is not None and reader.reply is not None and on_complete is not None:
            self._on_complete = None
            on_complete(reader.history, reader.reply)
