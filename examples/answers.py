"""What a web service answers when a chatbot fails: both services in this folder use it."""

from collections.abc import AsyncIterator
from math import ceil

from chatgpt4online import (
    AsyncReplyStream,
    ChatError,
    ChatTimeout,
    LimitReached,
    QueryRejected,
    RateLimited,
    UsageError,
)


def explain(error: ChatError) -> tuple[int, dict[str, str]]:
    """Return the HTTP status and the headers for an error before the reply has begun."""
    wait = getattr(error, "retry_after", None)
    headers = {"Retry-After": str(ceil(wait))} if wait else {}
    if isinstance(error, QueryRejected | UsageError):
        return 400, headers
    if isinstance(error, LimitReached | RateLimited):
        return 429, headers
    return (504 if isinstance(error, ChatTimeout) else 502), headers


async def pieces(stream: AsyncReplyStream) -> AsyncIterator[str]:
    """Yield the text of a reply and, if it breaks off, why."""
    try:
        async with stream:
            async for piece in stream:
                yield piece
    except ChatError as error:
        yield f"\n[{error}]"
