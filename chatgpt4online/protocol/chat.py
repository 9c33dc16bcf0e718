"""Sending a prompt, and reading the reply while it arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import (
    ChatError,
    IncompleteReply,
    PromptTooLong,
    ProtocolError,
    QueryRejected,
    StatusError,
    TransportError,
    UsageError,
)
from ..models import ActivityEvent, EndEvent, Message, Piece, Reply, StoredFile
from .answers import explain_failure, is_web_page, read_approval, read_reply
from .call import current_session, send_with_nonce
from .events import End, EventParser, Failure
from .files import Attachment, stored_files
from .http import SEND_JSON, Flow, Response
from .jsontext import encode_json
from .page import PageBot
from .prompt import Prompt
from .session import read_site_page
from .site import DEFAULT_BOT, Bot, Era, Session, Site

SUBMIT = "mwai-ui/v1/chats/submit"
_USUAL_INPUT_LIMIT = 512
"""Longest message in characters, unless the site's owner changes it."""
_SEND_JSON_FOR_EVENTS = {**SEND_JSON, "Accept": "text/event-stream"}
_OLD_ERAS = (Era.NO_NONCE, Era.PAGE_NONCE)
_WHO = {"assistant": "AI: ", "user": "User: ", "system": "System: "}
_OWN_FIELDS = frozenset({
    "newMessage", "messages", "session", "botId", "customId", "chatId", "newFileId", "newFileIds",
    "newImageId", "stream",
})  # fmt: skip
"""Fields that are set from other arguments."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation, as the caller wants it.

    Attributes:
        timestamp: Milliseconds since 1970, for the messages of the history.
        parameters: Parameters of the chatbot, by the plugin's own names.
        greet: Whether a conversation without a history begins with the chatbot's start sentence,
            if the page has one.
    """

    prompt: Prompt
    bot: Bot
    chat_id: str
    timestamp: int
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    attachments: Sequence[Attachment] = ()
    greet: bool = False


def read_parameters(named: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a chatbot, by the plugin's own names, without those that are None.

    Raises a UsageError if one of the `others` is set by another argument, or if one cannot be sent
    as JSON.
    """
    if not isinstance(others, Mapping):
        raise UsageError('params must be a mapping, such as {"envId": "abc"}.')
    own = sorted(_OWN_FIELDS.intersection(others))
    if own:
        raise UsageError(f"params must not contain {own[0]}, which is set by another argument.")
    parameters = {name: value for name, value in {**others, **named}.items() if value is not None}
    for name, value in parameters.items():
        encode_json({name: value}, f"The parameter {name}")
    return parameters


def chat(site: Site, turn: Turn) -> Flow[tuple[ReplyReader, Response]]:
    """Upload the files of a turn and send its prompt.

    Returns a reader for the reply, and the response, whose body is to be fed to the reader.
    """
    yield from current_session(site)  # this may read the page, which `check_turn` relies on
    yield from check_turn(site, turn, turn.prompt.new_message)
    files = yield from stored_files(site, turn.attachments)
    bot, history = _bot_on_page(site, turn), turn.prompt.history
    if turn.greet and not history and bot is not None and bot.start_sentence:
        history = (Message("assistant", bot.start_sentence),)
    headers = _SEND_JSON_FOR_EVENTS if turn.parameters.get("stream", True) else SEND_JSON

    def make_body(session: Session) -> bytes:
        # A new session may come with a new page.
        body = {
            **_bot_fields(_bot_on_page(site, turn), turn.bot),
            **_message_fields(turn, history),
            **_file_fields(site, files),
            "session": session.session_id or "N/A",
            "stream": True,
            **turn.parameters,
        }
        return encode_json(body)

    try:
        session, response = yield from send_with_nonce(
            site, SUBMIT, headers, make_body, stream=True
        )
    except QueryRejected as error:
        _add_length_hint(error, turn)
        raise
    return ReplyReader(site, turn, response, session=session, history=history), response


def check_turn(site: Site, turn: Turn, message: str) -> Flow[None]:
    """Raise an error if the page says that the site would reject the message or lose files.

    The page is read if there are several files: a site that takes one silently ignores the rest.
    """
    files, is_old = len(turn.attachments), site.era in _OLD_ERAS
    if files > 1 and not is_old and site.page is None:
        yield from _read_page_for_files(site)
    bot = _bot_on_page(site, turn)
    if bot is not None:
        _check_length(bot, turn, message)
        if files and bot.uploads is False:
            raise UsageError("The chatbot does not accept files.")
    if files < 2:
        return
    if bot is None and not is_old:
        raise _page_needed()
    if is_old or bot is None or bot.max_uploads is None:
        raise UsageError(
            "The site accepts one file per message: versions of the plugin before 3.1.2 ignore the "
            "others. Send the files one by one."
        )
    if files > bot.max_uploads:
        raise UsageError(
            f"{files} files are too many; the chatbot accepts {bot.max_uploads} per message."
        )


def _check_length(bot: PageBot, turn: Turn, message: str) -> None:
    length, limit = len(message), bot.input_limit
    if limit is None or length <= limit:
        return
    text = f"The message has {length} characters; the site accepts {limit}."
    if message != turn.prompt.new_message:
        text += " The history is a part of it, because the public API takes none: trim it."
    raise PromptTooLong(text, length=length, limit=limit)


def _read_page_for_files(site: Site) -> Flow[None]:
    try:
        yield from read_site_page(site)
    except StatusError as error:
        if error.retryable:
            raise
        raise _page_needed() from error


def _page_needed() -> UsageError:
    return UsageError(
        "Several files: the site may accept one per message, and its page, which tells, does not "
        "show this chatbot. Pass the URL of the page that shows it as the site, or send the files "
        "one by one."
    )


def _bot_on_page(site: Site, turn: Turn) -> PageBot | None:
    return site.page.find(turn.bot) if site.page is not None else None


def _bot_fields(on_page: PageBot | None, bot: Bot) -> dict[str, Any]:
    if on_page is None:
        bot_id = DEFAULT_BOT if bot == Bot() else bot.bot_id
        return {"botId": bot_id, "customId": bot.custom_id}
    ids = {"botId": on_page.bot_id, "customId": on_page.custom_id}
    return {**ids, "contextId": on_page.context_id}


def _message_fields(turn: Turn, history: Sequence[Message]) -> dict[str, Any]:
    messages = [
        {
            "id": f"{turn.chat_id[:8]}{index}", "role": message.role, "content": message.content,
            "who": _WHO[message.role], "timestamp": turn.timestamp,
        }
        for index, message in enumerate(history)
    ]  # fmt: skip
    return {"chatId": turn.chat_id, "messages": messages, "newMessage": turn.prompt.new_message}


def _file_fields(site: Site, files: Sequence[StoredFile]) -> dict[str, Any]:
    if len(files) > 1:
        return {"newFileIds": [file.id for file in files]}
    # Up to 2.1.4 the field had another name. Old plugins get both, and ignore the unknown one.
    names = ("newFileId", "newImageId") if site.era in _OLD_ERAS else ("newFileId",)
    return {name: file.id for file in files for name in names}


class ReplyReader:
    """Reads a reply while it arrives. It does no I/O: feed it the bytes of the body.

    Args:
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
        turn: Turn,
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
        self._turn = turn
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
        reply = read_reply(self._unwrap(payload), streamed, self._turn.chat_id)
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
        error = explain_failure(self._site, self._response, payload, head, self.text)
        _add_length_hint(error, self._turn)
        return error


def not_complete() -> UsageError:
    """Return the error for asking for a reply before its end."""
    return UsageError("The reply is not complete; read the stream to its end first.")


def _add_length_hint(error: ChatError, turn: Turn) -> None:
    length = len(turn.prompt.new_message)
    if isinstance(error, QueryRejected) and length > _USUAL_INPUT_LIMIT:
        hint = f"The message has {length} characters; most sites accept {_USUAL_INPUT_LIMIT}."
        error.args = (f"{error} {hint}",)
