"""The blocking client."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from ssl import SSLContext
from typing import Any, Self

import requests

from ..config import Limits, RetryPolicy, Timeout
from ..models import Reply, Shortcut, StoredFile
from ..protocol import discussions as discussion_routes
from ..protocol import files as file_routes
from ..protocol import public_api
from ..protocol.address import origin
from ..protocol.call import current_session
from ..protocol.discovery import SiteInfo, discover
from ..protocol.discussions import Discussion
from ..protocol.files import NO_PURPOSE
from ..protocol.prompt import PromptInput
from ..protocol.public_api import Chatbot
from ..settings import read_settings
from ..uploads import AnyFile, FileInput, LocalFile, Progress
from .conversation import Conversation
from .runner import Runner
from .stream import ReplyStream


class Client:
    """A blocking client for one site. It reuses connections, cookies and the site's session.

    Threads may share a client. Close it after use, or use it as a context manager::

        with Client("https://example.com") as client:
            for piece in client.stream("Hello there"):
                print(piece, end="", flush=True)

    Nothing is sent before the first call. Create clients after forking, not before.

    Args:
        site: The site's home page, its REST root, or the page that shows the chatbot. Default:
            the environment variable CHATGPT4ONLINE_SITE.
        bot_id: The id of the chatbot. Default: the first on the page if `site` is a page with
            chatbots, otherwise the site's default chatbot.
        custom_id: The id of a chatbot that is defined on its page. Default: none.
        auth: A WordPress user name and one of the user's application passwords, to chat as that
            user. Default: chat as a guest.
        token: The token of the site's public API, to chat through that API. It is as powerful as
            the password of the site's first administrator. Default: chat as the site's page does.
        allow_insecure_auth: Whether to send credentials over plain http to another machine.
        proxy: The URL of an http, https or SOCKS proxy, or '' for no proxy. SOCKS needs the extra
            ``socks``. Default: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, which are read
            when the client is created.
        timeout: How long to wait, in seconds.
        retry: When to try again.
        headers: Sent with each request. Protocol headers, `auth` and `token` override them;
            cookies are sent beside those of the site.
        verify: Whether to verify TLS certificates, the path of a file or folder of trusted
            certificates, or an `ssl.SSLContext`. True uses the first of REQUESTS_CA_BUNDLE,
            CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR that is set, or else those of certifi.
        limits: Size limits for responses, in bytes.
        session: A `requests.Session` to send with. It keeps its own cookies, proxies and TLS
            settings, and is not closed. Default: a new one.

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
        timeout: Timeout = Timeout(),
        retry: RetryPolicy = RetryPolicy(),
        headers: Mapping[str, str] | None = None,
        verify: bool | str | SSLContext = True,
        limits: Limits = Limits(),
        session: requests.Session | None = None,
    ) -> None:
        self._settings = read_settings(
            site, bot_id, custom_id, auth=auth, token=token, proxy=proxy, timeout=timeout,
            allow_insecure_auth=allow_insecure_auth, retry=retry, headers=headers, verify=verify,
            limits=limits,
        )  # fmt: skip
        self._site = self._settings.site
        self._runner = Runner(self._settings, session)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {origin(self._site.page_url)}>"

    def generate(
        self, prompt: PromptInput, *, files: Sequence[AnyFile] = (), **options: Any
    ) -> Reply:
        """Send a prompt and return the complete reply.

        Args:
            prompt: A string, or messages (`Message`, or dicts with role and content), oldest
                first and the user's last.
            files: Files to send with it: paths, bytes, open files or uploaded files. Default:
                none.
            options: Parameters of the chatbot: model, temperature, max_tokens, instructions, or
                any other by the plugin's own name. ``stream=False`` asks for one JSON answer.

        Raises:
            UsageError: An argument is invalid.
            TransportError: There was no connection, or no answer in time.
            QueryRejected: The site rejected the message.
            LimitReached: The site's usage limit is reached.
            IncompleteReply: The reply broke off; `partial_text` has its beginning.
            ChatError: Any other failure.
        """
        return self.stream(prompt, files=files, **options).read()

    def stream(
        self, prompt: PromptInput, *, files: Sequence[AnyFile] = (), **options: Any
    ) -> ReplyStream:
        """Send a prompt and return its reply as a stream, once the site has accepted it.

        Through the public API (`token`) the reply comes as one piece.

        Args:
            prompt: A string, or messages (`Message`, or dicts with role and content), oldest
                first and the user's last.
            files: Files to send with it: paths, bytes, open files or uploaded files. Default:
                none.
            options: Parameters of the chatbot: model, temperature, max_tokens, instructions, or
                any other by the plugin's own name. ``stream=False`` asks for one JSON answer.

        Raises:
            UsageError: An argument is invalid.
            TransportError: There was no connection, or no answer in time.
            QueryRejected: The site rejected the message.
            LimitReached: The site's usage limit is reached.
            ChatError: Any other failure. Later errors are raised by the stream.
        """
        return self._runner.stream(self._settings.turn(prompt, files, options))

    def send_shortcut(self, shortcut: Shortcut, **options: Any) -> Reply:
        """Press a shortcut button of a reply and return the chatbot's reply to it.

        Args:
            shortcut: One of `Reply.shortcuts`.
            options: Parameters of the chatbot, such as model, temperature or instructions.

        Raises:
            ChatError: The call failed; `QueryRejected` if the shortcut has expired.
        """
        return self._runner.stream(self._settings.shortcut_turn(shortcut, options)).read()

    def conversation(self, chat_id: str | None = None, messages: PromptInput = ()) -> Conversation:
        """Return a conversation, which keeps its history.

        Args:
            chat_id: The id of a conversation to continue. Default: a new one.
            messages: Its messages so far, oldest first. Default: none.

        Raises:
            UsageError: A message is invalid.
        """
        return Conversation(self._settings, self._runner, chat_id, messages)

    def load_conversation(self, text: str) -> Conversation:
        """Return a conversation from JSON that its `to_json` has saved.

        Raises:
            UsageError: It is not a saved conversation, or was saved by a later version.
        """
        return Conversation.from_json(self._settings, self._runner, text)

    def upload(
        self,
        file: FileInput,
        *,
        filename: str | None = None,
        purpose: str = NO_PURPOSE,
        progress: Progress | None = None,
    ) -> StoredFile:
        """Upload a file, which is read while it is sent.

        Args:
            file: A path, bytes, or a file open in binary mode, which is not closed.
            filename: Its name on the site. Default: its local name, or ``file`` for bytes.
            purpose: What it is for, as the site's files are labeled. Default: ``N/A``.
            progress: Called as ``progress(sent, total)``, in bytes, by `AsyncClient` in a thread.
                Default: none.

        Raises:
            UsageError: There is no such file, or it cannot be read.
            ChatError: The call failed; `QueryRejected` if the site does not accept the file.
        """
        local, boundary = LocalFile(file, filename, progress), secrets.token_hex(16)
        return self._runner.run(lambda: file_routes.upload(self._site, local, purpose, boundary))

    def list_files(
        self, *, limit: int = 10, page: int = 1, purpose: str | None = None
    ) -> tuple[StoredFile, ...]:
        """Return the user's files on the site, newest first.

        Args:
            limit: The most files to return: the size of a page.
            page: Number of the page, counted from 1.
            purpose: Only files uploaded for this purpose. Default: all.

        Raises:
            ChatError: The call failed.
        """
        return self._runner.run(lambda: file_routes.list_files(self._site, limit, page, purpose))

    def delete_files(self, *files_or_ids: StoredFile | str) -> int:
        """Delete files and return how many were deleted.

        Args:
            files_or_ids: What `upload` or `list_files` returned, or the ids of files.

        Raises:
            ChatError: The call failed.
        """
        ids = [file if isinstance(file, str) else file.id for file in files_or_ids]
        return self._runner.run(lambda: file_routes.delete_files(self._site, ids))

    def discussions(self, *, page_size: int = 10) -> Iterator[Discussion]:
        """Yield the discussions that the site keeps for a signed-in user, newest first.

        Args:
            page_size: How many to request at a time. More are requested as you iterate.

        Raises:
            ChatError: The call failed; `ReplyError` for a guest.
        """
        paging, bot = discussion_routes.Paging(page_size), self._settings.bot
        while not paging.done:
            page = self._runner.run(
                lambda: discussion_routes.list_discussions(
                    self._site, bot, paging.offset, page_size
                )
            )
            yield from paging.add(page)

    def rename_discussion(self, chat_id: str, title: str) -> None:
        """Change the title of a signed-in user's discussion.

        Raises:
            ChatError: The call failed; `ReplyError` for a guest.
        """
        self._runner.run(lambda: discussion_routes.rename_discussion(self._site, chat_id, title))

    def delete_discussions(self, *chat_ids: str) -> None:
        """Delete discussions of a signed-in user.

        Raises:
            ChatError: The call failed; `ReplyError` for a guest.
        """
        self._runner.run(lambda: discussion_routes.delete_discussions(self._site, chat_ids))

    def list_chatbots(self) -> tuple[Chatbot, ...]:
        """Return the site's chatbots, through its public API.

        Raises:
            ChatError: The call failed; `AuthenticationError` if the site refuses the credentials.
        """
        return self._runner.run(lambda: public_api.list_chatbots(self._site))

    def check_auth(self) -> Mapping[str, Any]:
        """Return the identity that the site gives the credentials, through its public API.

        It is the site's own object, such as ``{"type": "user", "value": "ann"}``.

        Raises:
            ChatError: The call failed; `AuthenticationError` if the site refuses the credentials.
        """
        return self._runner.run(lambda: public_api.check_auth(self._site))

    def text_query(self, message: str, **options: Any) -> str:
        """Query the site's model without a chatbot, through its public API.

        Args:
            message: The query.
            options: Parameters of the query, by the plugin's own names.

        Raises:
            ChatError: The call failed; `AuthenticationError` if the site refuses the credentials.
        """
        return self._runner.run(lambda: public_api.text_query(self._site, message, options))

    def discover(self) -> SiteInfo:
        """Find out about the site and the chatbots on its page, without sending a prompt.

        Raises:
            ChatError: The call failed; `RouteNotFound` if there is no WordPress site.
        """
        return self._runner.run(lambda: discover(self._site))

    def open_session(self) -> str | None:
        """Open a session now rather than with the first prompt, and return the nonce in use.

        It is None for a site that needs none.

        Raises:
            ChatError: The call failed.
        """
        return self._runner.run(lambda: current_session(self._site)).nonce

    def close(self) -> None:
        """Close the connections; an injected session stays open.

        A thread that is waiting for the site notices once the site sends its next bytes, or at the
        idle timeout.
        """
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
