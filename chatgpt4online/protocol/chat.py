"""Sending a prompt."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import (
    ChatError,
    LimitReached,
    PromptTooLong,
    QueryRejected,
    ReplyError,
    StatusError,
    UsageError,
)
from ..models import Message, StoredFile
from .answers import add_hint
from .call import current_session, send_with_nonce
from .files import Attachment, stored_files
from .http import SEND_JSON, Flow, Response
from .jsontext import encode_json
from .page import PageBot
from .prompt import Prompt
from .reply_reader import ReplyReader
from .session import read_site_page
from .site import DEFAULT_BOT, Bot, Era, Session, Site

SUBMIT = "mwai-ui/v1/chats/submit"
_USUAL_INPUT_LIMIT = 512
"""Longest message in characters, unless the site's owner changes it."""
_FORGOTTEN = "previous_response_not_found"
RESPONSE_ID = "previousResponseId"
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
        continued: Whether the site has had the history already, as turns with this `chat_id`.
    """

    prompt: Prompt
    bot: Bot
    chat_id: str
    timestamp: int
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    attachments: Sequence[Attachment] = ()
    greet: bool = False
    continued: bool = False

    def branch(self, chat_id: str) -> Turn:
        """Return the same turn with another id, for a site that may have kept a part of it."""
        return replace(self, chat_id=chat_id, continued=False)


def read_parameters(params: Mapping[str, Any] | None, **named: Any) -> dict[str, Any]:
    """Return the parameters of a chatbot, by the plugin's own names, without those that are None.

    Raises a UsageError if one of the `params` is set by another argument, or if one cannot be sent
    as JSON.
    """
    others = params or {}
    if not isinstance(others, Mapping):
        raise UsageError('params must be a mapping, such as {"envId": "abc"}.')
    own = sorted(_OWN_FIELDS.intersection(others))
    if own:
        raise UsageError(f"params must not contain {own[0]}, which is set by another argument.")
    given = {name: value for name, value in named.items() if value is not None}
    parameters = {name: value for name, value in {**others, **given}.items() if value is not None}
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
    bot, history = _bot_on_page(site, turn.bot), turn.prompt.history
    if turn.greet and not history and bot is not None and bot.start_sentence:
        history = (Message("assistant", bot.start_sentence),)
    headers = _SEND_JSON_FOR_EVENTS if turn.parameters.get("stream", True) else SEND_JSON

    def make_body(session: Session) -> bytes:
        # A new session may come with a new page.
        body = {
            **_bot_fields(_bot_on_page(site, turn.bot), turn.bot),
            **_message_fields(turn, history),
            **_file_fields(site, files),
            "session": session.session_id or "N/A",
            "stream": True,
            **turn.parameters,
        }
        return encode_json(body)

    session, response = yield from send_with_nonce(site, SUBMIT, headers, make_body, stream=True)
    reader = ReplyReader(site, turn.chat_id, response, session=session, history=history)
    return reader, response


def check_turn(site: Site, turn: Turn, message: str) -> Flow[None]:
    """Raise an error if the page says that the site would reject the message or lose files.

    The page is read if there are several files: a site that takes one silently ignores the rest.
    """
    files = len(turn.attachments)
    is_old = site.era in _OLD_ERAS
    if files > 1 and not is_old and site.page is None:
        try:
            yield from read_site_page(site)
        except StatusError as error:
            if error.retryable:
                raise
            raise _page_needed() from error
    bot = _bot_on_page(site, turn.bot)
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
            "The site accepts one file per message: plugins before version 3.1.2 ignore the rest. "
            "Send the files one by one."
        )
    if files > bot.max_uploads:
        raise UsageError(
            f"{files} files are too many; the chatbot accepts {bot.max_uploads} per message."
        )


def second_try(site: Site, turn: Turn, message: str, error: ReplyError, chat_id: str) -> Flow[Turn]:
    """Return the turn to send after a refusal, or raise what it means.

    A response id that the model's provider has forgotten is left out, and the site's own with the
    old `chat_id`; the site has not run the turn. Sites do not say that a message is too long, and
    new ones give no reason at all, so the page is read to find out.
    """
    if _FORGOTTEN in error.message and (turn.continued or RESPONSE_ID in turn.parameters):
        others = {name: value for name, value in turn.parameters.items() if name != RESPONSE_ID}
        return replace(turn.branch(chat_id), parameters=others)
    is_short = len(message) <= _USUAL_INPUT_LIMIT
    if is_short or isinstance(error, LimitReached | PromptTooLong):
        raise error
    if site.page is None:
        with contextlib.suppress(ChatError):
            yield from read_site_page(site)
    bot = _bot_on_page(site, turn.bot)
    if bot is not None and bot.input_limit is not None:
        _check_length(bot, turn, message, error)
    elif isinstance(error, QueryRejected):
        hint = f"The message has {len(message)} characters; most sites accept {_USUAL_INPUT_LIMIT}."
        add_hint(error, hint)
    raise error


def _check_length(
    bot: PageBot, turn: Turn, message: str, refusal: ReplyError | None = None
) -> None:
    length, limit = len(message), bot.input_limit
    if limit is not None and length > limit:
        text = f"The message has {length} characters; the site accepts {limit}."
        if message != turn.prompt.new_message:
            text += " The public API takes the history as part of it: trim the conversation."
        raise PromptTooLong(
            text,
            message=refusal.message if refusal else "",
            status=refusal.status if refusal else 200,
            length=length,
            limit=limit,
        ) from refusal


def _page_needed() -> UsageError:
    return UsageError(
        "The site may accept one file per message only, and its page cannot be read or does not "
        "show this chatbot. Pass the URL of the page that shows it as the site, or send the files "
        "one by one."
    )


def _bot_on_page(site: Site, bot: Bot) -> PageBot | None:
    if site.page is None:
        return None
    # What is read later must not change the chatbot.
    is_default = bot == Bot() and not site.is_bot_page
    return site.page.find(Bot(DEFAULT_BOT) if is_default else bot)


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
