"""The asyncio client."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from ssl import SSLContext
from typing import Any, Self

import aiohttp

from ..config import Limits, RetryPolicy, Timeout
from ..models import Reply, Shortcut
from ..protocol.address import origin
from ..protocol.call import current_session
from ..protocol.chat import read_parameters
from ..protocol.discovery import SiteInfo, discover
from ..protocol.prompt import PromptInput
from ..settings import chat_parameters, read_settings
from ..uploads import AnyFile
from .conversation import AsyncConversation
from .routes import AsyncSiteRoutes
from .runner import Runner
from .stream import AsyncReplyStream


class AsyncClient(AsyncSiteRoutes):
    """An asyncio client for one site. It reuses connections, cookies and the site's session.

    The tasks of one event loop may share a client. Close it after use, or use it as a context
    manager::

        async with AsyncClient("https://example.com") as client:
            async for piece in client.stream("Hello there"):
                print(piece, end="", flush=True)

    Nothing is sent before the first call.

    Args:
        site: The site's home page, its REST root, or the page that shows the chatbot. Default:
            the environment variable CHATGPT4ONLINE_SITE.
        bot_id: The id of the chatbot. Default: the first on the page if `site` is a chatbot's page;
            for a home page or a REST root, the site's default chatbot.
        custom_id: The id of a chatbot that its page defines, rather than the plugin's settings.
            Default: none.
        auth: A WordPress user name and one of the user's application passwords, to chat as that
            user. Default: chat as a guest.
        token: The token of the site's public API, to chat through that API. It is as powerful as
            the password of the site's first administrator. Default: chat as the site's page does.
        allow_insecure_auth: Whether to send credentials over plain http to another machine.
        proxy: The URL of an http, https or SOCKS proxy, or '' for no proxy. SOCKS needs the extra
            ``socks``. Default: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, which are read
            when the client is created.
        timeout: Seconds that a whole call may take, or a `Timeout`, which has other limits too.
        retry: When to try again.
        headers: Sent with each request. Protocol headers, `auth` and `token` override them;
            cookies are sent beside those of the site.
        verify: Whether to verify TLS certificates, the path of a file or folder of trusted
            certificates, or an `ssl.SSLContext`. True uses the first of REQUESTS_CA_BUNDLE,
            CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR that is set, or else those of certifi.
        limits: Size limits for responses, in bytes.
        max_connections: The most responses to read at the same time; further calls wait for one to
            end, up to the total timeout. Default: any number.
        session: An `aiohttp.ClientSession` to send with. It keeps its own cookies, proxies and TLS
            settings, and is not closed. For a site without a host name it needs
            ``CookieJar(unsafe=True)``. Default: a new one.

    Raises:
        UsageError: No site is given, or an argument is invalid.
    """

    def __init__(
        self,
        site: str | None = None,
        bot_id: str | None = None,
        custom_id: str | None = None,
        *,
        auth: tuple[str, str] | None = None,
        token: str | None = None,
        allow_insecure_auth: bool = False,
        proxy: str | None = None,
        timeout: Timeout | float = Timeout(),
        retry: RetryPolicy = RetryPolicy(),
        headers: Mapping[str, str] | None = None,
        verify: bool | str | SSLContext = True,
        limits: Limits = Limits(),
        max_connections: int | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        settings = read_settings(
            site, bot_id, custom_id, auth=auth, token=token, proxy=proxy, timeout=timeout,
            allow_insecure_auth=allow_insecure_auth, retry=retry, headers=headers, verify=verify,
            limits=limits, max_connections=max_connections,
        )  # fmt: skip
        super().__init__(settings, Runner(settings.network, settings.site, session))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {origin(self._site.page_url)}>"

    async def generate(
        self,
        prompt: PromptInput,
        *,
        files: Sequence[AnyFile] = (),
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        instructions: str | None = None,
        timeout: Timeout | float | None = None,
        stream: bool = True,
        params: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Send a prompt and return the complete reply.

        Sites with version 3.6.3 of the plugin or later ignore the model, the instructions and most
        other parameters of guests.

        Args:
            prompt: A string, or messages (`Message`, or dicts with role and content), oldest
                first and the user's last.
            files: Files to send with it: paths, bytes, open files or uploaded files. Default:
                none.
            model: The model to use. Default: the chatbot's own, as for the next three.
            temperature: How random the reply is, from 0 to 1 or 2.
            max_tokens: The most tokens of the reply.
            instructions: Instructions for the chatbot, which precede the conversation.
            timeout: Seconds that the whole call may take, or a `Timeout`. Default: the client's.
            stream: Whether the site sends the reply while it is written; otherwise all at once.
            params: Other parameters, by the plugin's own names, such as ``{"envId": "…"}``.

        Raises:
            UsageError: An argument is invalid.
            TransportError: There was no connection, or no answer in time.
            QueryRejected: The site rejected the message.
            LimitReached: The site's usage limit is reached.
            IncompleteReply: The reply broke off; `partial_text` is its beginning.
            ChatError: Any other failure.
        """
        return await self.stream(
            prompt, files=files, timeout=timeout,
            model=model, temperature=temperature, max_tokens=max_tokens, instructions=instructions,
            stream=stream, params=params,
        ).read()  # fmt: skip

    def stream(
        self,
        prompt: PromptInput,
        *,
        files: Sequence[AnyFile] = (),
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        instructions: str | None = None,
        timeout: Timeout | float | None = None,
        stream: bool = True,
        params: Mapping[str, Any] | None = None,
    ) -> AsyncReplyStream:
        """Return the reply to a prompt as a stream.

        The prompt is sent when the stream is first awaited, entered or iterated: after ``await
        client.stream(prompt)`` the site has accepted it. Through the public API (`token`) the reply
        comes as one piece.

        Sites with version 3.6.3 of the plugin or later ignore the model, the instructions and most
        other parameters of guests.

        Args:
            prompt: A string, or messages (`Message`, or dicts with role and content), oldest
                first and the user's last.
            files: Files to send with it: paths, bytes, open files or uploaded files. Default:
                none.
            model: The model to use. Default: the chatbot's own, as for the next three.
            temperature: How random the reply is, from 0 to 1 or 2.
            max_tokens: The most tokens of the reply.
            instructions: Instructions for the chatbot, which precede the conversation.
            timeout: Seconds that the whole call may take, or a `Timeout`. Default: the client's.
            stream: Whether the site sends the reply while it is written; otherwise all at once.
            params: Other parameters, by the plugin's own names, such as ``{"envId": "…"}``.

        Raises:
            UsageError: An argument is invalid.
            TransportError: There was no connection, or no answer in time.
            QueryRejected: The site rejected the message.
            LimitReached: The site's usage limit is reached.
            ChatError: Any other failure. All but `UsageError` are raised by the stream.
        """
        parameters = chat_parameters(
            model=model, temperature=temperature, max_tokens=max_tokens, instructions=instructions,
            stream=stream, params=params,
        )  # fmt: skip
        turn = self._settings.turn(prompt, files, parameters)
        return self._runner.stream(turn, self._settings.with_options(timeout))

    async def send_shortcut(
        self,
        shortcut: Shortcut,
        *,
        timeout: Timeout | float | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Press a shortcut button of a reply and return the chatbot's reply to it.

        Args:
            shortcut: One of `Reply.shortcuts`.
            timeout: Seconds that the whole call may take, or a `Timeout`. Default: the client's.
            params: Parameters of the chatbot, by the plugin's own names. Default: none.

        Raises:
            ChatError: The call failed; `QueryRejected` if the shortcut has expired.
        """
        turn = self._settings.shortcut_turn(shortcut, read_parameters(params))
        return await self._runner.stream(turn, self._settings.with_options(timeout)).read()

    def with_options(
        self,
        *,
        timeout: Timeout | float | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a client with other options, which shares the connections and the session.

        If one of the two is closed, both are.

        Args:
            timeout: Seconds that a whole call may take, or a `Timeout`. Default: unchanged.
            retry: When to try again. Default: unchanged.
            headers: Sent with each request, beside those of this client. Default: none.

        Raises:
            UsageError: An argument is invalid, or a header contains credentials.
        """
        other = copy.copy(self)
        other._settings = self._settings.with_options(timeout, retry, headers)
        return other

    def conversation(
        self, chat_id: str | None = None, messages: PromptInput = ()
    ) -> AsyncConversation:
        """Return a conversation, which keeps its history.

        Args:
            chat_id: The id of a conversation to continue, which the site may keep. Default: a new
                one.
            messages: Its messages so far, oldest first, as the site has them. Default: none.

        Raises:
            UsageError: A message is invalid.
        """
        return AsyncConversation(self._settings, self._runner, chat_id, messages)

    def load_conversation(self, text: str) -> AsyncConversation:
        """Return a conversation from JSON that its `to_json` has saved.

        Raises:
            UsageError: It is not a saved conversation, or was saved by a later version.
        """
        return AsyncConversation.from_json(self._settings, self._runner, text)

    async def discover(self) -> SiteInfo:
        """Find out about the site and the chatbots on its page, without sending a prompt.

        Raises:
            ChatError: The call failed; `RouteNotFound` if there is no WordPress site.
        """
        return await self._run(lambda: discover(self._site))

    async def open_session(self) -> str | None:
        """Open a session now rather than with the first prompt, and return the nonce in use.

        It is None for a site that needs none.

        Raises:
            ChatError: The call failed.
        """
        return (await self._run(lambda: current_session(self._site))).nonce

    async def close(self) -> None:
        """Close the connections and end the calls in flight; an injected session stays open."""
        await self._runner.close()

    async def aclose(self) -> None:
        """Do what `close` does, for `contextlib.aclosing` and other code that expects this name."""
        await self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()
