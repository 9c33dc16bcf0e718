"""A turn of chat: one prompt and its reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import (
    ChatError,
    IncompleteReply,
    ProtocolError,
    QueryRejected,
    TransportError,
    UsageError,
)
from ..messages import ActivityEvent, EndEvent, Message, Piece, Reply, StoredFile
from .answers import Headers, is_web_page, read_reply
from .call import JSON_FOR_JSON, Call, encode_json
from .chunks import ChunkParser, End, Failure
from .exchanges import Request
from .limits import Limits
from .nonce import Session
from .prompt import Prompt
from .site import Era, Site
from .text_so_far import TextSoFar

if TYPE_CHECKING:
    from .page import PageBot

SUBMIT = "mwai-ui/v1/chats/submit"
DEFAULT_BOT = "default"
USUAL_LIMIT = 512
"""The longest message in characters, unless the owner of a site changes it."""
JSON_FOR_EVENTS: Mapping[str, str] = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
}
_PARAMETERS = {"max_tokens": "maxTokens"}
# What the call itself fills in, and what belongs to the client and would be sent to the site.
_NO_OPTIONS = frozenset({
    "newMessage", "messages", "session", "botId", "customId", "chatId", "newFileId", "newFileIds",
    "newImageId", "site", "bot_id", "custom_id", "auth", "token", "allow_insecure_auth", "proxy",
    "timeout", "retry", "headers", "verify", "limits",
})  # fmt: skip
_NOTHING_CHOSEN: Mapping[str, Any] = {}
_NO_TEXT = TextSoFar()
"""That of a turn before its answer and after its end; one for all of them, which stays empty."""
_WHO = {"assistant": "AI: ", "user": "User: ", "system": "System: "}


class Bot(NamedTuple):
    """Which chatbot of a site is asked; with neither id, the first on the page or the default.

    Attributes:
        bot_id: the id of a chatbot.
        custom_id: the id of one that is defined in its page.
    """

    bot_id: str | None = None
    custom_id: str | None = None


def read_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return options under the plugin's names, those that are None left out.

    Raises:
        UsageError: one is no option of a prompt, or cannot be sent as JSON.
    """
    if not options:
        return _NOTHING_CHOSEN
    for name, value in options.items():
        if name in _NO_OPTIONS:
            raise UsageError(
                f"{name} is no option of a prompt: it is an argument of the client or of a "
                "conversation."
            )
        encode_json({name: value}, f"The option {name}")
    return {
        _PARAMETERS.get(name, name): value for name, value in options.items() if value is not None
    }


class Turn(Call[Reply]):
    """Send a prompt and read the reply. See `exchanges` for how a transport drives it.

    Once `accepted`, events come from `receive_data` and `receive_eof` until `finished`; then
    `result` gives the reply or raises what went wrong.

    Args:
        site: what is known of the site.
        prompt: what is said.
        bot: who is asked.
        chat_id: the id of the conversation.
        options: parameters of the chatbot; None counts as not given.
        greeted: whether a conversation without a history begins with the sentence that the
            chatbot says first, where the page tells it.
        now: gives the milliseconds since 1970, for the timestamps of the history.
        limits: how long an answer may be.

    Raises:
        UsageError: an option cannot be sent as JSON.
    """

    name = SUBMIT

    def __init__(
        self,
        site: Site,
        prompt: Prompt,
        *,
        bot: Bot,
        chat_id: str,
        options: Mapping[str, Any],
        now: Callable[[], int],
        limits: Limits,
        greeted: bool = False,
    ) -> None:
        super().__init__(site, self.name, limits)
        self._prompt = prompt
        self._bot = bot
        self._chat_id = chat_id
        self._options = read_options(options)
        self._now = now
        self._files: Sequence[StoredFile] = ()
        self._greeted = greeted

    def start_over(self) -> None:
        super().start_over()
        self._sent_history: tuple[Message, ...] | None = None
        self._text = _NO_TEXT

    def attach(self, files: Sequence[StoredFile]) -> None:
        """Have files that are on the site by now go with the message."""
        self._files = files

    @property
    def text(self) -> str:
        """The text of the reply so far."""
        return str(self._text) if self._result is None else self._result.text

    @property
    def history(self) -> tuple[Message, ...]:
        """What is sent, or was sent, as having been said before the prompt."""
        if self._sent_history is not None:
            return self._sent_history
        if self._greeted and not self._prompt.history:
            shown = self._shown_bot()
            if shown is not None and shown.start_sentence:
                return (Message("assistant", shown.start_sentence),)
        return self._prompt.history

    def next_request(self) -> Request | None:
        """See `Exchange`.

        Raises:
            UsageError: the page told that the site would refuse the message or its files.
        """
        self.check_against_page(len(self._files))
        request = super().next_request()
        if request is not None:
            self._sent_history = self.history
        return request

    def receive_head(self, status: int, headers: Headers) -> None:
        super().receive_head(status, headers)
        if self.accepted:
            self._parser = ChunkParser(self._limits)
            self._text = TextSoFar()

    def _take_data(self, data: bytes) -> Sequence[Piece]:
        pieces = self._parser.feed(data)
        self._text.add(pieces)
        return pieces if self._parser.outcome is None else self._conclude(pieces)

    def _take_eof(self) -> Sequence[Piece]:
        pieces = self._parser.finish()
        self._text.add(pieces)
        events = self._conclude(pieces)
        if not self.finished:
            self._fail(self._broken_off())
        return events

    def _break_off(self, error: TransportError) -> ChatError:
        return IncompleteReply(
            f"The answer broke off after {len(self.text)} characters: {error}",
            partial_text=self.text,
        )

    def _request_headers(self) -> Mapping[str, str]:
        return JSON_FOR_EVENTS if self._options.get("stream", True) else JSON_FOR_JSON

    def _request_body(self, session: Session) -> bytes:
        body = {
            **self._bot_fields(),
            "session": session.session_id or "N/A",
            "chatId": self._chat_id,
            "messages": self._history_fields(),
            "newMessage": self._prompt.new_message,
            "stream": True,
            **self._chat_file_fields(),
            **self._options,
        }
        return encode_json(body)

    def _shown_bot(self) -> PageBot | None:
        """The chatbot on the page that is asked; None where no page shows it."""
        page, wanted = self._site.page, self._bot
        if page is None:
            return None
        for shown in page.bots:
            # With neither id wanted, the first one on the page is.
            if wanted == Bot(wanted.bot_id and shown.bot_id, wanted.custom_id and shown.custom_id):
                return shown
        return None

    def check_against_page(self, files: int) -> None:
        """Check the message, and how many files go with it, against what a page told.

        Raises:
            UsageError: the site would refuse them.
        """
        shown = self._shown_bot()
        if shown is None:
            return
        length, limit = len(self._prompt.new_message), shown.input_limit
        if limit is not None and length > limit:
            raise UsageError(f"The message has {length} characters; the site takes {limit}.")
        if files and shown.uploads is False:
            raise UsageError("The site's chatbot takes no files.")
        if shown.max_uploads is not None and files > shown.max_uploads:
            raise UsageError(
                f"{files} files are too many; the site's chatbot takes "
                f"{shown.max_uploads} with a message."
            )

    def _bot_fields(self) -> dict[str, Any]:
        shown, wanted = self._shown_bot(), self._bot
        if shown is not None:
            return {
                "botId": shown.bot_id,
                "customId": shown.custom_id,
                "contextId": shown.context_id,
            }
        bot_id = wanted.bot_id
        if bot_id is None and wanted.custom_id is None:
            bot_id = DEFAULT_BOT
        return {"botId": bot_id, "customId": wanted.custom_id}

    def _file_fields(self, one: str, several: str) -> dict[str, Any]:
        ids = [file.id for file in self._files]
        if len(ids) > 1:
            return {several: ids}
        return {one: ids[0]} if ids else {}

    def _chat_file_fields(self) -> dict[str, Any]:
        fields = self._file_fields("newFileId", "newFileIds")
        if self._site.era in (Era.NO_NONCE, Era.PAGE_NONCE):
            if "newFileIds" in fields:
                raise UsageError("This site's plugin is too old for several files at once.")
            # Up to 2.1.4 the field had another name; a plugin leaves the one it does not know.
            return {**fields, **self._file_fields("newImageId", "")}
        return fields

    def _history_fields(self) -> list[dict[str, Any]]:
        now = self._now()
        return [
            {
                "id": f"{self._chat_id[:8]}{index}",
                "role": message.role,
                "content": message.content,
                "who": _WHO[message.role],
                "timestamp": now,
            }
            for index, message in enumerate(self.history)
        ]

    def _fail(self, error: ChatError) -> None:
        length = len(self._prompt.new_message)
        if isinstance(error, QueryRejected) and length > USUAL_LIMIT:
            error.args = (
                f"{error} (The message has {length} characters; most sites take {USUAL_LIMIT}.)",
            )
        super()._fail(error)

    def _conclude(self, parsed: list[str | ActivityEvent]) -> Sequence[Piece]:
        """Where the answer has ended, add its last events to those of `parsed`."""
        outcome = self._parser.outcome
        if outcome is None or self.finished:
            return parsed
        events: list[Piece] = [*parsed]
        if isinstance(outcome, End):
            self._succeed(outcome.payload, events)
        elif isinstance(outcome, Failure):
            self._fail(self._failure_of(outcome.payload))
        else:
            self._fail(
                ProtocolError(
                    f"The site's answer cannot be read: {outcome.reason}.", partial_text=self.text
                )
            )
        return events

    def _succeed(self, payload: Mapping[str, Any], events: list[Piece]) -> None:
        self._renew_nonce(payload.get("new_token"))
        # Not joined where it need not be: a copy of a long text takes as much again.
        streamed = "" if isinstance(payload.get("reply"), str) else self.text
        reply = read_reply(payload, streamed, self._chat_id)
        if reply is None:
            self._fail(self._failure_of(payload))
            return
        # A JSON answer has no pieces, and PHP drops one that it cannot encode: what the
        # reply has beyond them is handed out too, so that the pieces make up the reply.
        rest = self._text.rest_of(reply.text)
        if rest:
            events.append(rest)
        self._result = reply
        self._text = _NO_TEXT
        events.append(EndEvent(reply))

    def _failure_of(self, payload: Mapping[str, Any]) -> ChatError:
        return self._read_failure(payload, self._parser.head, self.text)

    def _secrets(self) -> list[str]:
        said = [self._prompt.new_message, *(item.content for item in self._prompt.history)]
        # An option of one word names something, such as a model, that an error has to name.
        texts = (value for value in self._options.values() if isinstance(value, str))
        return [*super()._secrets(), *said, *(text for text in texts if " " in text)]

    def _broken_off(self) -> ChatError:
        if not self.text and is_web_page(self._parser.head):
            return self._read_failure(None, self._parser.head, "")
        return IncompleteReply(
            f"The answer ended after {len(self.text)} characters without the site's word that it "
            "is complete: the site's PHP died, or a proxy in front of it gave up.",
            partial_text=self.text,
        )
