"""Reading a reply while it arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import ChatError, IncompleteReply, ProtocolError, TransportError, UsageError
from ..models import ActivityEvent, EndEvent, Message, Piece, Reply
from .answers import explain_failure, is_web_page, read_approval, read_reply
from .events import End, EventParser, Failure
from .http import Response
from .site import Session, Site


class ReplyReader:
    """Reads a reply while it arrives. It does no I/O: feed it the bytes of the body.

    Args:
        chat_id: The id of the conversation.
        response: The response that carries the reply.
        session: The session that the prompt was sent with, whose nonce the reply can renew; None
            if it was sent through the public API.
        unwrap: Returns the plugin's usual answer object for an object of another form.

    Attributes:
        history: The messages that were sent before the prompt.
        reply: The complete reply; None before its end.
        error: What went wrong; None if nothing did.
    """

    def __init__(
        self,
        site: Site,
        chat_id: str,
        response: Response,
        *,
        session: Session | None = None,
        history: tuple[Message, ...] = (),
        unwrap: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda payload: payload,
    ) -> None:
        self.history = history
        self.reply: Reply | None = None
        self.error: ChatError | None = None
        self._site = site
        self._chat_id = chat_id
        self._response = replace(response, stream=None)  # the reader must not keep it open
        self._session = session
        self._unwrap = unwrap
        self._parser = EventParser(site.limits)
        self._texts: list[str] = []

    @property
    def finished(self) -> bool:
        """Whether nothing more needs to be read."""
        return self.reply is not None or self.error is not None

    @property
    def text(self) -> str:
        """The text of the reply so far."""
        return "".join(self._texts) if self.reply is None else self.reply.text

    def result(self) -> Reply:
        """Return the complete reply, or raise what went wrong."""
        if self.reply is None:
            raise self.error or not_complete()
        return self.reply

    def feed(self, data: bytes) -> list[Piece]:
        """Read the next bytes of the body and return the pieces that they complete."""
        return self._collect(self._parser.feed(data))

    def finish(self) -> list[Piece]:
        """Return the last pieces, at the end of the body."""
        pieces = self._collect(self._parser.finish())
        if self.finished:
            return pieces
        text = self.text
        if not text and is_web_page(self._parser.head):
            self.error = self._explain(None)
        else:
            self.error = IncompleteReply(
                f"The reply ended after {len(text)} characters without an end event: PHP stopped, "
                "or a proxy in front of the site gave up.",
                partial_text=text,
            )
        return pieces

    def fail(self, error: TransportError) -> None:
        """Record that the connection failed."""
        if not self.finished:
            text = self.text
            self.error = IncompleteReply(
                f"The reply broke off after {len(text)} characters: {error}", partial_text=text
            )
            self.error.__cause__ = error.__cause__

    def _collect(self, parsed: list[str | ActivityEvent]) -> list[Piece]:
        """Return the pieces, and keep their text and what the reply has come to."""
        pieces: list[Piece] = [*parsed]
        self._texts += [piece for piece in parsed if isinstance(piece, str)]
        outcome = self._parser.outcome
        if outcome is None or self.finished:
            return pieces
        if isinstance(outcome, End):
            pieces += self._complete(outcome.payload)
        elif isinstance(outcome, Failure):
            self.error = self._explain(outcome.payload)
        else:
            self.error = ProtocolError(
                f"The response cannot be parsed: {outcome.reason}.", partial_text=self.text
            )
        return pieces

    def _complete(self, payload: Mapping[str, Any]) -> list[Piece]:
        """Keep the reply, or the error that the last event means, and return the last pieces."""
        if self._session is not None:
            self._site.renew_nonce(self._session, payload.get("new_token"))
        streamed = self.text
        approval = read_approval(self._site, payload, streamed)
        if approval is not None:
            self.error = approval
            return []
        reply = read_reply(self._unwrap(payload), streamed, self._chat_id)
        if reply is None:
            self.error = self._explain(payload)
            return []
        self.reply = reply
        self._texts.clear()
        # A JSON answer has no pieces, and PHP drops those that it cannot encode. The rest of the
        # reply is handed out here, so that the pieces make up the whole text.
        rest = reply.text[len(streamed) :] if reply.text.startswith(streamed) else ""
        return [rest, EndEvent(reply)] if rest else [EndEvent(reply)]

    def _explain(self, payload: Mapping[str, Any] | None) -> ChatError:
        head = self._parser.head
        return explain_failure(self._site, self._response, payload, head, self.text)


def not_complete() -> UsageError:
    """Return the error for asking for a reply before its end."""
    return UsageError("The reply is not complete; read the stream to its end first.")
