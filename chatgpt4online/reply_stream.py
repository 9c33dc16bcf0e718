"""What the replies of both clients share while they arrive."""

from __future__ import annotations

from collections import deque
from typing import NoReturn

from .errors import ChatError, TransportError
from .messages import Event, Reply
from .protocol.exchanges import Exchange
from .protocol.turn import Turn


class BaseReplyStream:
    """A reply while it arrives: the events that are ready, and the text so far."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._ready: deque[Event] = deque()

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
        return self._turn.result()

    def _take(self, data: bytes) -> None:
        self._ready.extend(self._turn.receive_data(data) if data else self._turn.receive_eof())


def interrupted(exchange: Exchange, error: TransportError) -> ChatError:
    """Return what to raise when the connection of an exchange failed.

    Its cause is the HTTP library's own error where there is one.
    """
    raised = exchange.interrupted(error)
    if raised is not error:
        raised.__cause__ = error.__cause__ or error
    return raised


def raise_interrupted(exchange: Exchange, error: TransportError) -> NoReturn:
    """Raise what `interrupted` returns."""
    raise interrupted(exchange, error)
