"""The answers of OpenAI's API."""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ..errors import (
    ChatError,
    ChatTimeout,
    IncompleteReply,
    LimitReached,
    PromptTooLong,
    QueryRejected,
    RateLimited,
    UsageError,
)
from ..models import Reply, Usage
from .openai_requests import InvalidRequest

DONE = "data: [DONE]\n\n"
_OTHER_ENDS = ("length", "content_filter")

_INVALID, _QUOTA, _RATE, _SOURCE, _SERVER = (
    "invalid_request_error", "insufficient_quota", "rate_limit_error", "api_error", "server_error",
)  # fmt: skip
_ERRORS: Sequence[tuple[type[Exception], int, str, str]] = (
    (UsageError, 400, _INVALID, "invalid_prompt"),
    (PromptTooLong, 400, _INVALID, "context_length_exceeded"),
    (QueryRejected, 400, _INVALID, "query_rejected"),
    (LimitReached, 429, _QUOTA, "insufficient_quota"),
    (RateLimited, 429, _RATE, "rate_limit_exceeded"),
    (ChatTimeout, 504, _SOURCE, "timeout"),
    (IncompleteReply, 502, _SOURCE, "incomplete_reply"),
    (ChatError, 502, _SOURCE, "source_failed"),
    (Exception, 500, _SERVER, "internal_error"),
)
"""The HTTP status, the type and the code of each exception."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the parts of an answer have in common.

    Attributes:
        model: The id of the chatbot.
        id: The id of the answer.
        created: Seconds since 1970.
    """

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, finish_reason: str, usage: Usage | None) -> dict[str, Any]:
        """Return a complete answer."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {
            "index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None,
        }  # fmt: skip
        return {**self._head("chat.completion"), "choices": [choice], "usage": _counts(usage)}

    def chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> str:
        """Return a part of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return data({**self._head("chat.completion.chunk"), "choices": [choice]})

    def last_chunk(self, usage: Usage | None) -> str:
        """Return the part of a stream with the token counts."""
        head = self._head("chat.completion.chunk")
        return data({**head, "choices": [], "usage": _counts(usage)})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def data(value: dict[str, Any]) -> str:
    """Return an event of a stream."""
    return f"data: {json.dumps(value)}\n\n"


def finish_reason(reply: Reply) -> str:
    """Return why a complete reply has ended."""
    reason = reply.raw.get("finish_reason")
    return reason if reason in _OTHER_ENDS else "stop"


def pictures(reply: Reply) -> str:
    """Return the images of a reply as Markdown, to follow its text."""
    return "".join(f"\n\n![]({url})" for url in reply.images)


def model(bot: str) -> dict[str, Any]:
    """Return a chatbot in the form of a model."""
    return {"id": bot, "object": "model", "created": 0, "owned_by": "ai-engine"}


def error_body(error: Exception) -> dict[str, Any]:
    """Return the object that describes an error, without the text of an unexpected one."""
    _, kind, code = _find(error)
    expected = isinstance(error, ChatError | InvalidRequest)
    message = str(error) if expected else "The server failed; see the server's log."
    param = error.param if isinstance(error, InvalidRequest) else None
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_response(error: Exception) -> web.Response:
    """Return the response that describes an error and says whether another try is safe."""
    status, _, _ = _find(error)
    response = web.json_response(error_body(error), status=status)
    if isinstance(error, InvalidRequest):
        return response
    # The openai package would send most prompts again, which the chatbot may have had already.
    retryable = isinstance(error, ChatError) and error.retryable
    response.headers["x-should-retry"] = "true" if retryable else "false"
    if isinstance(error, RateLimited) and error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _find(error: Exception) -> tuple[int, str, str | None]:
    """Return the HTTP status, the type and the code of an error."""
    if isinstance(error, InvalidRequest):
        return error.status, _INVALID, error.code
    return next(
        (status, kind, code)
        for exception, status, kind, code in _ERRORS
        if isinstance(error, exception)
    )


def _counts(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
