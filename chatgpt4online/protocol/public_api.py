"""The public API (`mwai/v1/simple…`), for holders of a site's token. It does not stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProtocolError, UsageError
from ..models import Message
from .call import call_public_api, read_answer
from .chat import ReplyReader, Turn, check_turn
from .files import stored_files
from .http import Flow, Response, T
from .jsontext import read_field
from .prompt import fold_prompt
from .site import DEFAULT_BOT, Site

CHATBOT_QUERY = "mwai/v1/simpleChatbotQuery"
TEXT_QUERY = "mwai/v1/simpleTextQuery"
LIST_CHATBOTS = "mwai/v1/listChatbots"
AUTH_CHECK = "mwai/v1/simpleAuthCheck"


@dataclass(frozen=True, slots=True)
class Chatbot:
    """A chatbot of a site, as listed by the public API.

    Attributes:
        id: The value for `bot_id`.
        name: Its name.
        raw: The site's own record.
    """

    id: str
    name: str
    raw: Mapping[str, Any] = field(repr=False, hash=False)


def chat_by_api(site: Site, turn: Turn) -> Flow[tuple[ReplyReader, Response]]:
    """Do what `chat` does, through the public API. The reply comes as one piece.

    The public API takes no history, so it is folded into the message.
    """
    message = turn.prompt.new_message
    if turn.prompt.history:
        latest = [Message("user", message)] if message else []
        message = fold_prompt([*turn.prompt.history, *latest])
    yield from check_turn(site, turn, message)
    files = yield from stored_files(site, turn.attachments)
    ids = [file.id for file in files]
    body = {
        "botId": turn.bot.bot_id or turn.bot.custom_id or DEFAULT_BOT,
        "message": message,
        "chatId": turn.chat_id,
        **({"fileIds": ids} if len(ids) > 1 else {"fileId": ids[0]} if ids else {}),
        **turn.parameters,
    }
    response = yield from call_public_api(site, CHATBOT_QUERY, body, stream=True)
    return ReplyReader(site, turn, response, unwrap=_unwrap), response


def _unwrap(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answer of the public API in the form of a chat's answer."""
    extra = read_field(payload, "extra", dict, {})
    return {**extra, "reply": payload.get("data")}


def list_chatbots(site: Site) -> Flow[tuple[Chatbot, ...]]:
    """List the site's chatbots."""
    records = yield from _query(site, LIST_CHATBOTS, list)
    return tuple(
        Chatbot(str(item["id"]), str(item.get("name", "")), item)
        for item in records
        if isinstance(item, dict) and "id" in item
    )


def check_auth(site: Site) -> Flow[Mapping[str, Any]]:
    """Return the identity that the site associates with the credentials."""
    return (yield from _query(site, AUTH_CHECK, dict))


def text_query(site: Site, message: str, parameters: Mapping[str, Any]) -> Flow[str]:
    """Query the site's model without a chatbot."""
    if not isinstance(message, str) or not message.strip():
        raise UsageError("The query must be a string that is not empty.")
    body = {"message": message, **({"options": parameters} if parameters else {})}
    return (yield from _query(site, TEXT_QUERY, str, body))


def _query(site: Site, name: str, kind: type[T], body: Mapping[str, Any] | None = None) -> Flow[T]:
    """Call a route and return the data of its answer, which must be of this type."""
    response = yield from call_public_api(site, name, body)
    data = read_field(read_answer(site, response), "data", kind, None)
    if data is None:
        raise ProtocolError(f"The site's answer to {name} has no usable data.")
    return data
