"""The public API (`mwai/v1/simple…`), for holders of a site's token. It does not stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProtocolError, UsageError
from ..models import Message
from .address import route
from .call import call_public_api, read_answer
from .chat import Turn, check_turn
from .discovery import NAMESPACE
from .discussions import LIST as DISCUSSIONS
from .files import stored_files
from .http import ACCEPT_JSON, Flow, Request, Response, T
from .jsontext import find_object, read_field
from .prompt import fold_prompt
from .reply_reader import ReplyReader
from .session import find_root
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
    """Do what `chat` does, through the public API. The reply comes as one piece."""
    if turn.continued and turn.prompt.history:
        yield from _find_discussions(site)
    message = message_for(site, turn)
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
    return ReplyReader(site, turn.chat_id, response, unwrap=_unwrap), response


def message_for(site: Site, turn: Turn) -> str:
    """Return the message of a turn.

    The public API takes no history. A site with discussions goes on with its own; for others, the
    history is folded into the message.
    """
    message = turn.prompt.new_message
    if not turn.prompt.history or (message and turn.continued and site.has_discussions):
        return message
    latest = [Message("user", message)] if message else []
    return fold_prompt([*turn.prompt.history, *latest])


def _find_discussions(site: Site) -> Flow[None]:
    """Find out whether the site has discussions: only then does it have their routes."""
    if site.has_discussions is None:
        url = route((yield from find_root(site)), NAMESPACE)
        response: Response = yield Request("GET", url, ACCEPT_JSON, repeatable=True)
        if response.ok:
            routes = read_field(find_object(response.text) or {}, "routes", dict, {})
            site.has_discussions = f"/{DISCUSSIONS}" in routes


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
