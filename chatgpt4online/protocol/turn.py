"""A turn of chat: one prompt and its reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ChatError, IncompleteReply, ProtocolError, TransportError, UsageError
from ..messages import ActivityEvent, EndEvent, Event, Reply, TextEvent
from .answers import is_web_page, read_failure, read_reply
from .call import Call
from .chunks import ChunkParser, End, Failure
from .limits import Limits
from .nonce import Session
from .prompt import Prompt
from .site import Site

SUBMIT = "mwai-ui/v1/chats/submit"
DEFAULT_BOT = "default"
_PARAMETERS = {"max_tokens": "maxTokens"}
_WHO = {"assistant": "AI: ", "user": "User: ", "system": "System: "}


@dataclass(frozen=True, slots=True)
class Bot:
    """Which chatbot of a site is asked; with neither id, the first on the page or the default.

    Attributes:
        bot_id: the id of a chatbot.
        custom_id: the id of one that is defined in its page.
    """

    bot_id: str | None = None
    custom_id: str | None = None


class Turn(Call):
    """Send a prompt and read the reply. See `exchanges` for how a transport drives it.

    Once `accepted`, events come from `receive_data` and `receive_eof` until `finished`; then
    `result` gives the reply or raises what went wrong.

    Args:
        site: what is known of the site.
        prompt: what is said.
        bot: who is asked.
        chat_id: the id of the conversation.
        options: parameters of the chatbot; None counts as not given.
        now: milliseconds since 1970, for the timestamps of the history.
        limits: how long an answer may be.

    Raises:
        UsageError: an option cannot be sent as JSON.
    """

    def __init__(
        self,
        site: Site,
        prompt: Prompt,
        *,
        bot: Bot,
        chat_id: str,
        options: Mapping[str, Any],
        now: int,
        limits: Limits,
    ) -> None:
        super().__init__(site, SUBMIT, limits)
        self._prompt = prompt
        self._bot = bot
        self._chat_id = chat_id
        self._options = {
            _PARAMETERS.get(name, name): value
            for name, value in options.items()
            if value is not None
        }
        self._now = now
        self._parser = ChunkParser(limits)
        self._pieces: list[str] = []
        self._reply: Reply | None = None
        self._failure: ChatError | None = None
        self._request_body(Session())  # so that what cannot be sent is known before the session

    @property
    def finished(self) -> bool:
        """Whether the reply is complete or has failed, so that nothing more need be read."""
        return self._reply is not None or self._failure is not None

    @property
    def succeeded(self) -> bool:
        """Whether the reply is complete."""
        return self._reply is not None

    @property
    def text(self) -> str:
        """The text of the reply so far."""
        return "".join(self._pieces) if self._reply is None else self._reply.text

    def result(self) -> Reply:
        """Return the complete reply.

        Raises:
            ChatError: what went wrong; `UsageError` where the turn is not finished.
        """
        if self._failure is not None:
            raise self._failure
        if self._reply is None:
            raise UsageError("The reply is not complete yet; read the stream to its end first.")
        return self._reply

    def receive_data(self, data: bytes) -> Sequence[Event]:
        if not self.accepted:
            self._refusal.feed(data)
            return ()
        return self._conclude(self._parser.feed(data))

    def receive_eof(self) -> Sequence[Event]:
        if not self.accepted:
            self._judge_refusal()
            return ()
        events = self._conclude(self._parser.finish())
        if not self.finished:
            self._fail(self._broken_off())
        return events

    def interrupted(self, error: TransportError) -> ChatError:
        """Return what to raise when the connection failed with `error`.

        It is `error` itself while there is no answer, what the answer means where that is an
        error, and `IncompleteReply` where it is a reply that has begun.
        """
        if not self.accepted:
            if self._status:
                self._judge_refusal()
            return self._failure or error
        self._fail(
            IncompleteReply(
                f"The answer broke off after {len(self.text)} characters: {error}",
                partial_text=self.text,
            )
        )
        assert self._failure is not None
        return self._failure

    def _request_headers(self) -> Mapping[str, str]:
        streams = self._options.get("stream", True)
        return {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if streams else "application/json",
        }

    def _request_body(self, session: Session) -> bytes:
        body = {
            **self._bot_fields(),
            "session": session.session_id or "N/A",
            "chatId": self._chat_id,
            "messages": self._history(),
            "newMessage": self._prompt.new_message,
            "stream": True,
            **self._options,
        }
        try:
            return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            # From None: the cause can hold the values.
            raise UsageError(
                f"An option cannot be sent as JSON ({type(error).__name__})."
            ) from None

    def _bot_fields(self) -> dict[str, Any]:
        wanted = self._bot
        for shown in self._site.page.bots if self._site.page else ():
            bot_id, custom_id = shown.system.get("botId"), shown.system.get("customId")
            named = Bot(wanted.bot_id and bot_id, wanted.custom_id and custom_id)
            if named == wanted:
                context_id = shown.system.get("contextId")
                return {"botId": bot_id, "customId": custom_id, "contextId": context_id}
        bot_id = wanted.bot_id
        if bot_id is None and wanted.custom_id is None:
            bot_id = DEFAULT_BOT
        return {"botId": bot_id, "customId": wanted.custom_id}

    def _history(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"{self._chat_id[:8]}{index}",
                "role": message.role,
                "content": message.content,
                "who": _WHO[message.role],
                "timestamp": self._now,
            }
            for index, message in enumerate(self._prompt.history)
        ]

    def _conclude(self, parsed: list[TextEvent | ActivityEvent]) -> Sequence[Event]:
        """Keep the text of `parsed`; where the answer has ended, add its last events."""
        self._pieces.extend(event.text for event in parsed if isinstance(event, TextEvent))
        outcome = self._parser.outcome
        if outcome is None or self.finished:
            return parsed
        events: list[Event] = [*parsed]
        if isinstance(outcome, End):
            self._succeed(outcome.payload, events)
        elif isinstance(outcome, Failure):
            self._fail(self._read_failure(outcome.payload))
        else:
            self._fail(
                ProtocolError(
                    f"The site's answer cannot be read: {outcome.reason}.", partial_text=self.text
                )
            )
        return events

    def _succeed(self, payload: Mapping[str, Any], events: list[Event]) -> None:
        self._renew_nonce(payload.get("new_token"))
        streamed = self.text
        reply = read_reply(payload, streamed, self._chat_id)
        if reply is None:
            self._fail(self._read_failure(payload))
            return
        # A JSON answer has no pieces, and PHP drops one that it cannot encode: what the
        # reply has beyond them is handed out too, so that the pieces make up the reply.
        if reply.text != streamed and reply.text.startswith(streamed):
            events.append(TextEvent(reply.text[len(streamed) :]))
        self._reply = reply
        events.append(EndEvent(reply))

    def _read_failure(self, payload: Mapping[str, Any]) -> ChatError:
        return read_failure(self._status, self._headers, payload, self._parser.head, self.text)

    def _broken_off(self) -> ChatError:
        if not self._pieces and is_web_page(self._parser.head):
            return read_failure(self._status, self._headers, None, self._parser.head, "")
        return IncompleteReply(
            f"The answer ended after {len(self.text)} characters without the site's word that it "
            "is complete: the site's PHP died, or a proxy in front of it gave up.",
            partial_text=self.text,
        )

    def _fail(self, error: ChatError) -> None:
        self._failure = self._failure or error
