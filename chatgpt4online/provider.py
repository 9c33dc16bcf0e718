"""The provider class that this project grew from, on top of today's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from .discretion import discreet
from .errors import ChatError, UsageError
from .messages import Message

Messages = Sequence[Message | Mapping[str, Any]]


class _TwoWays:
    """A method with one form for instances and another for the class."""

    def __init__(self, on_instance: Any, on_class: Any) -> None:
        self._on_instance = on_instance
        self._on_class = on_class

    def __get__(self, instance: object | None, owner: type) -> Any:
        form = self._on_class if instance is None else self._on_instance
        return form.__get__(owner if instance is None else instance)


async def _generate_on_instance(provider: Chatgpt4Online) -> AsyncIterator[str | None]:
    """Yield the whole reply once, or None where the site failed.

    Raises:
        UsageError: no site is given, or the messages cannot be sent.
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
    """Yield the whole reply once. The arguments are those of the class.

    Frameworks pass many more arguments, keys and cookies for other providers among them;
    they are not sent.

    Raises:
        ChatError: what went wrong.
    """
    answer = _ask(messages, proxy, site)
    del messages, proxy, ignored  # an error would show them
    yield await answer


@discreet
async def _nonce_on_instance(
    provider: Chatgpt4Online, headers: Mapping[str, str] | None = None
) -> str | None:
    """Return a nonce of the provider's site; None where the site needs none.

    Args:
        headers: sent with each request.

    Raises:
        ChatError: what went wrong.
    """
    return await _ask_nonce(headers, provider.proxy, provider.site)


@discreet
async def _nonce_on_class(
    provider: type[Chatgpt4Online],
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    site: str | None = None,
) -> str | None:
    """Return a nonce of a site; None where the site needs none.

    Args:
        headers: sent with each request.
        proxy: the address of a proxy; None for that of the environment.
        site: the address of the site; None for that of CHATGPT4ONLINE_SITE.

    Raises:
        ChatError: what went wrong.
    """
    return await _ask_nonce(headers, proxy, site)


@discreet
async def _ask(messages: Messages, proxy: str | None, site: str | None) -> str:
    from .async_client import AsyncClient

    async with AsyncClient(site, proxy=proxy) as client:
        return (await client.generate(messages)).text


@discreet
async def _ask_nonce(
    headers: Mapping[str, str] | None, proxy: str | None, site: str | None
) -> str | None:
    from .async_client import AsyncClient

    async with AsyncClient(site, proxy=proxy, headers=headers) as client:
        return await client.open_session()


class Chatgpt4Online:
    """Ask a site's chatbot in the way of the original provider.

    On an instance, ``async for text in provider.create_async_generator()`` gives the whole
    reply once, or None where the site failed. Provider frameworks call it on the class, as
    ``Chatgpt4Online.create_async_generator(model, messages, proxy=...)``, and there errors
    are raised. ``get_nonce(headers)`` works on both too.

    Args:
        model: kept for its old place; the model is the site owner's choice and is not sent.
        messages: the conversation, oldest first and the user's message last.
        proxy: the address of an http or https proxy; None for that of the environment.
        site: the address of the site; None for that of CHATGPT4ONLINE_SITE.
    """

    default_model: ClassVar[str] = "gpt-4"
    models: ClassVar[list[str]] = [default_model]
    supports_message_history: ClassVar[bool] = True

    create_async_generator = _TwoWays(_generate_on_instance, _generate_on_class)
    get_nonce = _TwoWays(_nonce_on_instance, _nonce_on_class)

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

    @discreet
    def generate(self) -> str | None:
        """Return the whole reply, or None where the site failed; blocking.

        Raises:
            UsageError: no site is given, or the messages cannot be sent.
        """
        from .client import Client

        try:
            with Client(self.site, proxy=self.proxy) as client:
                return client.generate(self.messages).text
        except UsageError:
            raise
        except ChatError:
            return None
