"""One call for one prompt: a client that is made, used and closed."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from .discretion import discreet
from .messages import Reply
from .protocol.prompt import PromptInput

if TYPE_CHECKING:
    from .async_reply_stream import AsyncReplyStream
    from .sync_reply_stream import ReplyStream


@discreet
def generate(prompt: PromptInput, site: str | None = None, **options: Any) -> Reply:
    """Send one prompt and return the complete reply.

    Args:
        prompt: a text, or messages, as for `Client.generate`.
        site: the address of the site; None for that of CHATGPT4ONLINE_SITE.
        options: arguments of `Client` and of `Client.generate`.

    Raises:
        ChatError: see `chatgpt4online.errors` for each kind.
    """
    from .client import Client

    arguments, options = _split(options)
    with Client(site, **arguments) as client:
        return client.generate(prompt, **options)


@discreet
def stream(prompt: PromptInput, site: str | None = None, **options: Any) -> ReplyStream:
    """Send one prompt and return its reply as it arrives; see `generate`."""
    from .client import Client

    arguments, options = _split(options)
    client = Client(site, **arguments)
    try:
        replies = client.stream(prompt, **options)
    except BaseException:
        client.close()
        raise
    replies.owner = client
    return replies


@discreet
async def agenerate(prompt: PromptInput, site: str | None = None, **options: Any) -> Reply:
    """Send one prompt and return the complete reply; see `generate`."""
    from .async_client import AsyncClient

    arguments, options = _split(options)
    async with AsyncClient(site, **arguments) as client:
        return await client.generate(prompt, **options)


@discreet
def astream(prompt: PromptInput, site: str | None = None, **options: Any) -> AsyncReplyStream:
    """Return the reply to one prompt as it arrives; see `generate`.

    The prompt is sent when the stream is first iterated, entered or awaited.
    """
    from .async_client import AsyncClient

    arguments, options = _split(options)
    client = AsyncClient(site, **arguments)
    replies = client.stream(prompt, **options)
    replies.owner = client
    return replies


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the arguments of a client from the options of its `generate`."""
    from .base_client import BaseClient

    names = inspect.signature(BaseClient.__init__).parameters.keys() - {"self"}
    arguments = {name: value for name, value in options.items() if name in names}
    return arguments, {name: value for name, value in options.items() if name not in names}
