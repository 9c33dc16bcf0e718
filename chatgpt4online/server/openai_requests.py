"""Reading the requests of OpenAI's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError
from ..models import Message
from ..protocol.prompt import read_messages

_MOST_STOPS = 4


class InvalidRequest(Exception):
    """A request that cannot be served.

    Attributes:
        param: The name of the field that is wrong.
        code: A word for programs.
        status: The HTTP status of the response.
    """

    def __init__(
        self, text: str, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(text)
        self.param = param
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A request for a chat completion.

    Attributes:
        model: The id of the chatbot.
        messages: The conversation, which ends with the user's message.
        stream: Whether the reply is to be sent while it is written.
        include_usage: Whether a stream is to end with the token counts.
        stop: Texts that end the reply, and are not a part of it.
        temperature: How random the reply is. Default: the chatbot's own, as for the next.
        max_tokens: The most tokens of the reply.
    """

    model: str
    messages: tuple[Message, ...] = field(repr=False)
    stream: bool
    include_usage: bool
    stop: tuple[str, ...]
    temperature: float | None
    max_tokens: int | None


def read_request(body: bytes) -> CompletionRequest:
    """Read a request for a chat completion.

    Raises:
        InvalidRequest: It is malformed, or wants what no chatbot can do.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InvalidRequest("The body of the request is not a JSON object.")
    _refuse_unsupported(data)
    model = data.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("model is missing. GET /v1/models lists the chatbots.", "model")
    options = data.get("stream_options")
    return CompletionRequest(
        model=model,
        messages=_read_messages(data.get("messages")),
        stream=data.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        stop=_read_stop(data.get("stop")),
        temperature=_read_temperature(data.get("temperature")),
        max_tokens=_read_max_tokens(data),
    )


def _refuse_unsupported(data: Mapping[str, Any]) -> None:
    """Refuse what would change the form of the reply. What only colors it is ignored."""
    formats = data.get("response_format")
    wanted = {
        "tools": bool(data.get("tools")),
        "functions": bool(data.get("functions")),
        "n": data.get("n") not in (None, 1),
        "response_format": formats is not None and formats != {"type": "text"},
        "modalities": data.get("modalities") not in (None, ["text"]),
        "audio": data.get("audio") is not None,
        "logprobs": bool(data.get("logprobs")),
        "web_search_options": data.get("web_search_options") is not None,
    }
    for name, is_wanted in wanted.items():
        if is_wanted:
            raise InvalidRequest(
                f"{name} is not supported: a chatbot of AI Engine replies with one text.",
                name,
                "unsupported_parameter",
            )


def _read_messages(messages: object) -> tuple[Message, ...]:
    if not isinstance(messages, list):
        raise InvalidRequest("messages must be a list.", "messages")
    try:
        found = read_messages(messages)
    except UsageError as error:
        raise InvalidRequest(str(error), "messages") from error
    if found[-1].role != "user":
        raise InvalidRequest("The last message must be the user's.", "messages")
    return found


def _read_stop(stop: object) -> tuple[str, ...]:
    texts = [stop] if isinstance(stop, str) else stop
    if texts is None:
        return ()
    if not isinstance(texts, list) or len(texts) > _MOST_STOPS:
        raise InvalidRequest(f"stop must be a text or up to {_MOST_STOPS} texts.", "stop")
    if not all(isinstance(text, str) and text for text in texts):
        raise InvalidRequest("The texts of stop must not be empty.", "stop")
    return tuple(texts)


def _read_temperature(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2:
        raise InvalidRequest("temperature must be a number from 0 to 2.", "temperature")
    return value


def _read_max_tokens(data: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = data.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidRequest(f"{name} must be an integer, at least 1.", name)
        return value
    return None
