"""Replies of a server with OpenAI's API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import (
    AuthenticationError,
    ChatError,
    ChatTimeout,
    ConnectError,
    IncompleteReply,
    LimitReached,
    PromptTooLong,
    ProtocolError,
    QueryRejected,
    RateLimited,
    ReplyError,
    UsageError,
)
from ..models import EndEvent, Event, Reply, TextEvent, Usage
from ..protocol.site import DEFAULT_BOT, redact
from ..transport_errors import reason_of, system_cause
from .sources import Question

if TYPE_CHECKING:
    import openai
    from openai.types import CompletionUsage

_NO_KEY = "none"
"""For servers that need no key; the openai package wants one."""
_LONGEST_MESSAGE = 500
_LONGEST_SILENCE = 600.0
_LONGEST_CONNECT = 30.0
"""Seconds. The package's own five are too few for hundreds of connections at once."""


class UpstreamSource:
    """Replies of a server with OpenAI's API, such as Ollama, llama.cpp or vLLM.

    Args:
        url: Its address, with ``/v1`` or a path of its own.
        model: The model that replies.
        api_key: The key of the API. Default: none.

    Raises:
        UsageError: It is no URL, or the openai package is missing.
    """

    def __init__(self, url: str, model: str, api_key: str | None = None) -> None:
        try:
            import openai
        except ImportError as error:
            raise UsageError(
                'An upstream needs another package: pip install "chatgpt4online[serve]"'
            ) from error
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("The upstream must be a URL, such as http://localhost:11434.")
        self._model = model
        self._secrets = (api_key,) if api_key else ()
        base = url if parts.path.strip("/") else f"{url.rstrip('/')}/v1"
        # A prompt is sent once: whoever asks decides whether to ask again.
        self._client = openai.AsyncOpenAI(
            base_url=base,
            api_key=api_key or _NO_KEY,
            max_retries=0,
            timeout=openai.Timeout(_LONGEST_SILENCE, connect=_LONGEST_CONNECT),
        )

    async def bots(self) -> Sequence[str]:
        """Return the id of the only chatbot."""
        return (DEFAULT_BOT,)

    async def reply(self, question: Question) -> AsyncGenerator[Event, None]:
        """Yield the pieces of the model's reply as they come.

        Raises:
            ChatError: The reply failed.
        """
        import openai

        answer, begun = _Answer(), False
        try:
            async with await self._client.chat.completions.create(
                stream=True, **self._request(question)
            ) as chunks:
                begun = True
                async for chunk in chunks:
                    text = answer.add(chunk)
                    if text:
                        yield TextEvent(text)
        except openai.APIError as error:
            # What the error is raised from can have headers and a key in it.
            raise self._explain(error, answer.text, begun=begun) from system_cause(error)
        except ValueError:  # not JSON
            raise ProtocolError(
                "The upstream server sent something else than a reply.", partial_text=answer.text
            ) from None
        yield EndEvent(answer.reply())

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._client.close()

    def _request(self, question: Question) -> dict[str, Any]:
        options = {"temperature": question.temperature, "max_tokens": question.max_tokens}
        messages = [{"role": item.role, "content": item.content} for item in question.messages]
        return {
            "model": self._model,
            "messages": messages,
            "stream_options": {"include_usage": True},
            **{name: value for name, value in options.items() if value is not None},
        }

    def _explain(self, error: openai.APIError, partial_text: str, *, begun: bool) -> ChatError:
        """Return the exception for one of the openai package."""
        import openai

        if isinstance(error, openai.APIStatusError):
            body = error.body if isinstance(error.body, dict) else {}
            return _explain_status(error, self._shown(str(body.get("message", ""))))
        if isinstance(error, openai.APIConnectionError):
            if begun:
                return _broken_off(partial_text)
            if isinstance(error, openai.APITimeoutError):
                return ChatTimeout("The upstream server did not answer in time.")
            return ConnectError(f"No answer from the upstream server: {reason_of(error)}.")
        if error.code == "incomplete_reply":
            return _broken_off(partial_text)
        said = self._shown(error.message)
        kind = LimitReached if error.code == "insufficient_quota" else ReplyError
        return kind(said, message=said, partial_text=partial_text)

    def _shown(self, said: str) -> str:
        """Return what the server said as it may be shown."""
        return redact(said, self._secrets)[:_LONGEST_MESSAGE]


class _Answer:
    """What has come of a reply."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._usage: CompletionUsage | None = None
        self._finish_reason: str | None = None

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def add(self, chunk: Any) -> str:
        """Take a chunk, and return its text. Servers leave out what the types promise."""
        self._usage = chunk.usage or self._usage
        text = ""
        for choice in chunk.choices or ():
            self._finish_reason = choice.finish_reason or self._finish_reason
            text += (choice.delta and choice.delta.content) or ""
        self._pieces.append(text)
        return text

    def reply(self) -> Reply:
        if self._finish_reason is None:
            raise _broken_off(self.text)
        usage = None
        if self._usage is not None:
            counts = self._usage
            usage = Usage(counts.prompt_tokens, counts.completion_tokens, counts.total_tokens)
        return Reply(self.text, usage=usage, raw={"finish_reason": self._finish_reason})


def _explain_status(error: openai.APIStatusError, said: str) -> ChatError:
    """Return the exception for a refusal, and what the server said about it."""
    status = error.status_code
    said = said or f"The upstream server answered with HTTP status {status}."
    if status in (401, 403):  # what it says can have a part of the key
        return AuthenticationError("The upstream server refused the API key.", status=status)
    if status == 429 and error.code != "insufficient_quota":
        retry_after = _seconds(error.response.headers.get("retry-after"))
        return RateLimited(
            said, status=status, message=said,
            retry_after=retry_after, retryable=retry_after is not None,
        )  # fmt: skip
    if status == 429:
        return LimitReached(said, message=said, status=status)
    if error.code == "context_length_exceeded":
        return PromptTooLong(said, message=said, status=status)
    if status in (400, 413, 422):
        return QueryRejected(said, message=said, status=status)
    return ReplyError(said, message=said, status=status)


def _broken_off(partial_text: str) -> IncompleteReply:
    text = f"The upstream reply broke off after {len(partial_text)} characters."
    return IncompleteReply(text, partial_text=partial_text)


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdecimal() else None
