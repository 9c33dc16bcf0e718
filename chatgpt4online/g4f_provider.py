"""A provider for g4f (https://g4f.dev), which you install besides this package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from g4f.errors import (
    BadRequestError,
    MissingAuthError,
    RateLimitError,
    ResponseError,
    ResponseStatusError,
    TimeoutError,
)
from g4f.image import extract_data_uri
from g4f.Provider.base_provider import AsyncGeneratorProvider
from g4f.providers.response import ImageResponse, Usage

from .aio.client import AsyncClient
from .errors import (
    AuthenticationError,
    ChatError,
    ChatTimeout,
    LimitReached,
    QueryRejected,
    RateLimited,
    StatusError,
    UsageError,
)
from .models import Message, StoredFile

# The first match counts, so each class comes before its base class.
_ERRORS = (
    (UsageError, BadRequestError),
    (QueryRejected, BadRequestError),
    (AuthenticationError, MissingAuthError),
    (RateLimited, RateLimitError),
    (LimitReached, RateLimitError),
    (StatusError, ResponseStatusError),
    (ChatTimeout, TimeoutError),
)
_NO_MODEL = ("", "auto")
"""What g4f passes if the user names no model."""


class AIEngine(AsyncGeneratorProvider):  # type: ignore[misc]  # g4f has no types
    """The chatbot of a site as a provider, for the argument `provider` of g4f's clients."""

    label = "AI Engine"
    url = "https://wordpress.org/plugins/ai-engine/"
    working = True
    supports_message_history = True
    supports_system_message = True

    @classmethod
    async def create_async_generator(
        cls,
        model: str,
        messages: Sequence[Message | dict[str, Any]],
        proxy: str | None = None,
        *,
        base_url: str | None = None,
        bot_id: str | None = None,
        auth: tuple[str, str] | None = None,
        token: str | None = None,
        media: Sequence[tuple[Any, str | None]] = (),
        stream: bool = True,
        temperature: float | None = None,
        max_tokens: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the name that g4f's users know
        **ignored: Any,
    ) -> AsyncIterator[Any]:
        """Yield the pieces of a reply, then its images and what it cost.

        g4f passes more arguments, among them keys and cookies for other providers. They are not
        sent.

        Args:
            model: The model to use. Empty or ``auto``: the chatbot's own.
            messages: The conversation, oldest first and the user's message last.
            proxy: The URL of a proxy. Default: the environment's.
            base_url: The URL of the site. Default: the environment variable CHATGPT4ONLINE_SITE.
            bot_id: The id of the chatbot. Default: the site's default chatbot.
            auth: A WordPress user name and an application password. Default: chat as a guest.
            token: The token of the site's public API. Default: chat as the site's page does.
            media: Files to send with the prompt, with their names.
            stream: Whether the site sends the reply while it is written.
            temperature: How random the reply is. Default: the chatbot's own, as for the next.
            max_tokens: The most tokens of the reply.
            timeout: Seconds that the call may take. Default: no limit.

        Raises:
            G4FError: The call failed. It is raised from a `ChatError`.
        """
        try:
            async with AsyncClient(base_url, bot_id, auth=auth, token=token, proxy=proxy) as client:
                files = [await _upload(client, item, name) for item, name in media]
                async with client.stream(
                    messages, files=files, model=None if model in _NO_MODEL else model,
                    temperature=temperature, max_tokens=max_tokens, timeout=timeout, stream=stream,
                ) as pieces:  # fmt: skip
                    async for piece in pieces:
                        yield piece
        except ChatError as error:
            kind = next((theirs for ours, theirs in _ERRORS if isinstance(error, ours)), None)
            raise (kind or ResponseError)(str(error)) from error
        reply = pieces.reply
        if reply.images:
            yield ImageResponse(list(reply.images), "")
        if reply.usage is not None:
            yield Usage(
                prompt_tokens=reply.usage.prompt_tokens,
                completion_tokens=reply.usage.completion_tokens,
                total_tokens=reply.usage.total_tokens,
            )


async def _upload(client: AsyncClient, item: Any, name: str | None) -> StoredFile:
    is_data = isinstance(item, str) and item.startswith("data:")
    return await client.upload(extract_data_uri(item) if is_data else item, filename=name)
