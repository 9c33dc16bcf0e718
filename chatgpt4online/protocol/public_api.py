"""The public API (`mwai/v1/simple…`), for holders of a site's token. It does not stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..messages import Piece
from .call import JSON_FOR_JSON, JsonCall, encode_json
from .limits import Limits
from .nonce import Session
from .site import Site
from .turn import DEFAULT_BOT, Turn, read_options

CHATBOT_QUERY = "mwai/v1/simpleChatbotQuery"
TEXT_QUERY = "mwai/v1/simpleTextQuery"
LIST_CHATBOTS = "mwai/v1/listChatbots"
AUTH_CHECK = "mwai/v1/simpleAuthCheck"


@dataclass(frozen=True, slots=True)
class Chatbot:
    """A chatbot of a site, as the public API tells of it.

    Attributes:
        id: what `bot_id` takes.
        name: its name.
        raw: all that the site told, under its own names.
    """

    id: str
    name: str
    raw: Mapping[str, Any] = field(repr=False)


class ApiTurn(Turn):
    """A prompt by the public API. Its reply comes as one piece."""

    name = CHATBOT_QUERY
    with_session = False

    def _request_headers(self) -> Mapping[str, str]:
        return JSON_FOR_JSON

    def _request_body(self, session: Session) -> bytes:
        return encode_json(
            {
                "botId": self._bot.bot_id or self._bot.custom_id or DEFAULT_BOT,
                "message": self._prompt.new_message,
                "chatId": self._chat_id,
                **self._file_fields("fileId", "fileIds"),
                **self._options,
            }
        )

    def _succeed(self, payload: Mapping[str, Any], events: list[Piece]) -> None:
        extra = payload.get("extra")
        fields = extra if isinstance(extra, dict) else {}
        data = payload.get("data")
        reply = {"reply": data} if isinstance(data, str) else {}
        super()._succeed({**fields, **reply, "success": True}, events)


def list_chatbots(site: Site, limits: Limits) -> JsonCall[tuple[Chatbot, ...]]:
    """Return the call that lists the chatbots of the site."""
    return _ApiCall(site, LIST_CHATBOTS, None, _read_chatbots, limits)


def check_auth(site: Site, limits: Limits) -> JsonCall[Mapping[str, Any]]:
    """Return the call that tells as whom the token or the user is known."""
    return _ApiCall(site, AUTH_CHECK, None, _read_mapping, limits)


def text_query(
    site: Site, message: str, options: Mapping[str, Any], limits: Limits
) -> JsonCall[str]:
    """Return the call that asks the site's model without a chatbot."""
    body: dict[str, Any] = {"message": message}
    if chosen := read_options(options):
        body["options"] = chosen
    return _ApiCall(site, TEXT_QUERY, body, _read_text, limits)


class _ApiCall(JsonCall[Any]):
    with_session = False


def _read_chatbots(answer: dict[str, Any]) -> tuple[Chatbot, ...] | None:
    records = answer.get("data")
    if not isinstance(records, Sequence) or isinstance(records, str):
        return None
    return tuple(
        Chatbot(str(item["id"]), str(item.get("name", "")), item)
        for item in records
        if isinstance(item, dict) and "id" in item
    )


def _read_mapping(answer: dict[str, Any]) -> Mapping[str, Any] | None:
    data = answer.get("data")
    return data if isinstance(data, dict) else None


def _read_text(answer: dict[str, Any]) -> str | None:
    data = answer.get("data")
    return data if isinstance(data, str) else None
