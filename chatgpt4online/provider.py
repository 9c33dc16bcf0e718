"""The provider class that this project grew from, on top of today's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from .errors import ChatError, UsageError
from .models import Message

Messages = Sequence[Message | Mapping[str, Any]]


class _OnInstanceOrClass:
    """A method that can be called on an instance, with its settings, or on the class."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Chatgpt4Online | None, owner: type) -> Any:
        return partial(self._function, instance)


async def _create_async_generator(
    provider: Chatgpt4Online | None,
    model: str = "",
    messages: Messages = (),
    proxy: str | None = None,
    site: str | None = None,
    **ignored: Any,
) -> AsyncIterator[str | None]:
    """Yield the whole reply once. On an instance, yield None if the site failed.

    Callers may pass more arguments, such as keys and cookies for other providers. They are not
    sent.
    """
    from .aio.client import AsyncClient

    if provider is not None:
        messages, proxy, site = provider.messages, provider.proxy, provider.site
    try:
        async with AsyncClient(site, proxy=proxy) as client:
            text: str | None = (await client.generate(messages)).text
    except ChatError as error:
        if provider is None or isinstance(error, UsageError):
            raise
        text = None
    yield text


async def _get_nonce(
    provider: Chatgpt4Online | None,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    site: str | None = None,
) -> str | None:
    """Return a nonce of the site, or None if it needs none."""
    from .aio.client import AsyncClient

    if provider is not None:
        proxy, site = provider.proxy, provider.site
    async with AsyncClient(site, proxy=proxy, headers=headers) as client:
        return await client.open_session()


class Chatgpt4Online:
    """Chat as the original provider class did.

    On an instance, ``async for text in provider.create_async_generator()`` yields the whole reply
    once, or None if the site failed. On the class, as
    ``Chatgpt4Online.create_async_generator(model, messages, proxy=...)``, errors are raised.
    ``get_nonce(headers)`` works on both too. For g4f there is `g4f_provider`.

    Args:
        model: Accepted but not sent: the site's owner chooses the model.
        messages: The conversation, oldest first and the user's message last.
        proxy: The URL of a proxy. Default: the environment's.
        site: The URL of the site. Default: the environment variable CHATGPT4ONLINE_SITE.
    """

    default_model: ClassVar[str] = "gpt-4"
    models: ClassVar[list[str]] = [default_model]
    supports_message_history: ClassVar[bool] = True

    create_async_generator = _OnInstanceOrClass(_create_async_generator)
    get_nonce = _OnInstanceOrClass(_get_nonce)

    def __init__(
        self,
        model: str = default_model,
        messages: Messages = (),
        proxy: str | None = None,
        site: str | None = None,
    ) -> None:
        self.model = model
        self.messages = messages
        self.proxy = proxy
        self.site = site

    def generate(self) -> str | None:
        """Return the whole reply, or None if the site failed. This blocks.

        Raises:
            UsageError: No site is given, or the messages are invalid.
        """
        from .sync.client import Client

        try:
            with Client(self.site, proxy=self.proxy) as client:
                return client.generate(self.messages).text
        except UsageError:
            raise
        except ChatError:
            return None
