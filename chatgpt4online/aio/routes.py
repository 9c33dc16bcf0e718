"""The routes of a site besides its chat: files, discussions and the public API."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, TypeVar

from ..models import StoredFile
from ..protocol import discussions as discussion_routes
from ..protocol import files as file_routes
from ..protocol import public_api
from ..protocol.discussions import Discussion
from ..protocol.files import NO_PURPOSE
from ..protocol.http import Flow
from ..protocol.prompt import PromptInput, read_history
from ..protocol.public_api import Chatbot
from ..settings import Settings, chat_parameters
from ..uploads import FileInput, LocalFile, Progress
from .runner import Runner

T = TypeVar("T")


class AsyncSiteRoutes:
    """The routes of a site besides its chat: files, discussions and the public API."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self._settings = settings
        self._site = settings.site
        self._runner = runner

    async def _run(self, make_flow: Callable[[], Flow[T]]) -> T:
        return await self._runner.run(make_flow, self._settings)

    async def upload(
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
        return await self._run(lambda: file_routes.upload(self._site, local, purpose, boundary))

    async def list_files(
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
        return await self._run(lambda: file_routes.list_files(self._site, limit, page, purpose))

    async def delete_files(self, *files_or_ids: StoredFile | str) -> int:
        """Delete files and return how many were deleted.

        Args:
            files_or_ids: What `upload` or `list_files` returned, or the ids of files.

        Raises:
            ChatError: The call failed.
        """
        ids = [file if isinstance(file, str) else file.id for file in files_or_ids]
        return await self._run(lambda: file_routes.delete_files(self._site, ids))

    async def discussions(
        self, *, search: str | None = None, page_size: int = 10
    ) -> AsyncGenerator[Discussion, None]:
        """Yield the discussions that the site keeps for a signed-in user, newest first.

        Args:
            search: Only discussions that contain this text (plugin 3.7 and later). Default: all.
            page_size: How many to request at a time. More are requested as you iterate.

        Raises:
            ChatError: The call failed; `ReplyError` for a guest.
        """
        paging, bot = discussion_routes.Paging(page_size), self._settings.bot
        while not paging.done:
            page = await self._run(
                lambda: discussion_routes.list_discussions(
                    self._site, bot, paging.offset, page_size, search
                )
            )
            for discussion in paging.add(page):
                yield discussion

    async def get_discussion(self, chat_id: str) -> Discussion:
        """Return one discussion of a signed-in user (plugin 3.7 and later).

        Raises:
            ChatError: The call failed; `StatusError` if there is no such discussion.
        """
        bot = self._settings.bot
        return await self._run(lambda: discussion_routes.get_discussion(self._site, bot, chat_id))

    async def truncate_discussion(self, chat_id: str, messages: PromptInput) -> None:
        """Keep only some messages of a signed-in user's discussion (plugin 3.7 and later).

        The site finishes a reply even after its stream was closed. This removes it again.

        Args:
            chat_id: The id of the discussion.
            messages: The messages to keep, oldest first.

        Raises:
            UsageError: A message is invalid.
            ChatError: The call failed; `StatusError` if there is no such discussion.
        """
        bot, kept = self._settings.bot, read_history(messages)
        await self._run(
            lambda: discussion_routes.truncate_discussion(self._site, bot, chat_id, kept)
        )

    async def rename_discussion(self, chat_id: str, title: str) -> None:
        """Change the title of a signed-in user's discussion.

        Raises:
            ChatError: The call failed; `ReplyError` for a guest.
        """
        await self._run(lambda: discussion_routes.rename_discussion(self._site, chat_id, title))

    async def delete_discussions(self, *chat_ids: str) -> None:
        """Delete discussions of a signed-in user.

        Raises:
            ChatError: The call failed; `ReplyError` for a guest.
        """
        await self._run(lambda: discussion_routes.delete_discussions(self._site, chat_ids))

    async def list_chatbots(self) -> tuple[Chatbot, ...]:
        """Return the site's chatbots, through its public API.

        Raises:
            ChatError: The call failed; `AuthenticationError` if the site refuses the credentials.
        """
        return await self._run(lambda: public_api.list_chatbots(self._site))

    async def check_auth(self) -> Mapping[str, Any]:
        """Ask through the public API which identity the site associates with the credentials.

        It returns the site's own object, such as ``{"type": "user", "value": "ann"}``.

        Raises:
            ChatError: The call failed; `AuthenticationError` if the site refuses the credentials.
        """
        return await self._run(lambda: public_api.check_auth(self._site))

    async def text_query(
        self,
        message: str,
        *,
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        instructions: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> str:
        """Query the site's model without a chatbot, through its public API.

        Args:
            message: The query.
            model: The model to use. Default: the site's own, as for the next three.
            temperature: How random the answer is, from 0 to 1 or 2.
            max_tokens: The most tokens of the answer.
            instructions: Instructions for the model, which precede the query.
            params: Other parameters, by the plugin's own names, such as ``{"envId": "…"}``.

        Raises:
            ChatError: The call failed; `AuthenticationError` if the site refuses the credentials.
        """
        parameters = chat_parameters(
            model=model, temperature=temperature, max_tokens=max_tokens, instructions=instructions,
            params=params,
        )  # fmt: skip
        return await self._run(lambda: public_api.text_query(self._site, message, parameters))
