"""The provider class that this project grew from, on top of today's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from .errors import ChatError, UsageError
from .models import Message

Messages = Sequence[Message | Mapping[str, Any]]


class _InstanceOrClassMethod:
    """A method with one form for instances and another for the class."""

    def __init__(self, on_instance: Any, on_class: Any) -> None:
        self._on_instance = on_instance
        self._on_class = on_class

    def __get__(self, instance: object | None, owner: type) -> Any:
        form = self._on_class if instance is None else self._on_instance
        return form.__get__(owner if instance is None else instance)


async def _generate_on_instance(provider: Chatgpt4Online) -> AsyncIterator[str | None]:
    """Yield the whole reply once, or None if the site failed.

    Raises:
        UsageError: No site is given, or the messages are invalid.
    """
    try:
        text = await _ask(provider.messages, provider.proxy, provider.site)
    except UsageError:
        raise
    except ChatError:
        yield None
    else:
        yield text


async def _generate_on_class(
    provider: type[Chatgpt4Online],
    model: str,
    messages: Messages,
    proxy: str | None = None,
    site: str | None = None,
    **ignored: Any,
) -> AsyncIterator[str]:
    """Yield the whole reply once.

    Provider frameworks pass many more arguments, among them keys and cookies for other providers.
    They are not sent.

    Raises:
        ChatError: What went wrong.
    """
    yield await _ask(messages, proxy, site)


async def _nonce_on_instance(
    provider: Chatgpt4Online, headers: Mapping[str, str] | None = None
) -> str | None:
    """Return a nonce of the provider's site, or None if it needs none."""
    return await _fetch_nonce(headers, provider.proxy, provider.site)


async def _nonce_on_class(
    provider: type[Chatgpt4Online],
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    site: str | None = None,
) -> str | None:
    """Return a nonce of a site, or None if it needs none."""
    return await _fetch_nonce(headers, proxy, site)


async def _ask(messages: Messages, proxy: str | None, site: str | None) -> str:
    from .aio.client import AsyncClient

    async with AsyncClient(site, proxy=proxy) as client:
        return (await client.generate(messages)).text


async def _fetch_nonce(
    headers: Mapping[str, str] | None, proxy: str | None, site: str | None
) -> str | None:
    from .aio.client import AsyncClient

    async with AsyncClient(site, proxy=proxy, headers=headers) as client:
        return await client.open_session()


class Chatgpt4Online:
    """Chat in the way of the original provider class.

    On an instance, ``async for text in provider.create_async_generator()`` yields the whole reply
    once, or None if the site failed. Provider frameworks call it on the class, as
    ``Chatgpt4Online.create_async_generator(model, messages, proxy=...)``, where errors are raised.
    ``get_nonce(headers)`` works on both too.

    Args:
        model: Accepted but not sent: the site's owner chooses the model.
        messages: The conversation, oldest first and the user's message last.
        proxy: The URL of a proxy. Default: the environment's.
        site: The URL of the site. Default: the environment variable CHATGPT4ONLINE_SITE.
    """

    default_model: ClassVar[str] = "gpt-4"
    models: ClassVar[list[str]] = [default_model]
    supports_message_history: ClassVar[bool] = True

    create_async_generator = _InstanceOrClassMethod(_generate_on_instance, _generate_on_class)
    get_nonce = _InstanceOrClassMethod(_nonce_on_instance, _nonce_on_class)

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
