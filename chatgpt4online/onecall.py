"""One-off calls: a client that is made, used and closed."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from .models import Reply
from .protocol.prompt import PromptInput
from .settings import read_settings

if TYPE_CHECKING:
    from .aio.stream import AsyncReplyStream
    from .sync.stream import ReplyStream

_CLIENT_ARGUMENTS = {*inspect.signature(read_settings).parameters, "session"}


def generate(prompt: PromptInput, site: str | None = None, **options: Any) -> Reply:
    """Send one prompt and return the complete reply.

    Args:
        prompt: A string, or messages, oldest first and the user's last.
        site: The URL of the site. Default: the environment variable CHATGPT4ONLINE_SITE.
        options: Arguments of `Client`, and parameters of the chatbot.
    """
    return stream(prompt, site, **options).read()


def stream(prompt: PromptInput, site: str | None = None, **options: Any) -> ReplyStream:
    """Send one prompt and return its reply as a stream, once the reply has begun.

    Args:
        prompt: A string, or messages, oldest first and the user's last.
        site: The URL of the site. Default: the environment variable CHATGPT4ONLINE_SITE.
        options: Arguments of `Client`, and parameters of the chatbot.
    """
    from .sync.client import Client

    arguments, options = split_options(options)
    client = Client(site, **arguments)
    try:
        reply = client.stream(prompt, **options)
    except BaseException:
        client.close()
        raise
    reply._on_close = client.close
    return reply


async def agenerate(prompt: PromptInput, site: str | None = None, **options: Any) -> Reply:
    """Send one prompt and return the complete reply.

    Args:
        prompt: A string, or messages, oldest first and the user's last.
        site: The URL of the site. Default: the environment variable CHATGPT4ONLINE_SITE.
        options: Arguments of `AsyncClient`, and parameters of the chatbot.
    """
    return await astream(prompt, site, **options).read()


def astream(prompt: PromptInput, site: str | None = None, **options: Any) -> AsyncReplyStream:
    """Return the reply to one prompt as a stream, which sends the prompt when it is first used.

    Args:
        prompt: A string, or messages, oldest first and the user's last.
        site: The URL of the site. Default: the environment variable CHATGPT4ONLINE_SITE.
        options: Arguments of `AsyncClient`, and parameters of the chatbot.
    """
    from .aio.client import AsyncClient

    arguments, options = split_options(options)
    client = AsyncClient(site, **arguments)
    reply = client.stream(prompt, **options)
    reply._on_close = client.close
    return reply


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate the arguments of a client from the parameters of the chatbot."""
    arguments = {name: value for name, value in options.items() if name in _CLIENT_ARGUMENTS}
    return arguments, {name: value for name, value in options.items() if name not in arguments}
