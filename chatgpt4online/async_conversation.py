"""A conversation, for asyncio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .async_client import AsyncClient
from .async_reply_stream import AsyncReplyStream
from .conversation import BaseConversation
from .discretion import discreet
from .files import AnyFile
from .messages import Reply, Shortcut


class AsyncConversation(BaseConversation[AsyncClient]):
    """An asyncio conversation with a chatbot; see `BaseConversation`.

    One prompt at a time. A turn enters the history when its reply is complete.

    Attributes:
        chat_id: the id of the conversation.
    """

    @discreet
    async def generate(
        self, prompt: str, *, files: Sequence[AnyFile] = (), **options: Any
    ) -> Reply:
        """Say something and return the complete reply; see `AsyncClient.generate`."""
        return await self.stream(prompt, files=files, **options).read()

    @discreet
    def stream(
        self, prompt: str, *, files: Sequence[AnyFile] = (), **options: Any
    ) -> AsyncReplyStream:
        """Say something and return the reply as it arrives; see `AsyncClient.stream`."""
        plan, before = self._plan(prompt, files, options)
        return self._send(self._client._stream, plan, before, prompt)

    @discreet
    async def regenerate(self, **options: Any) -> Reply:
        """Ask for another reply in place of the last one.

        Raises:
            ChatError: as for `generate`; the last reply stays then.
        """
        plan, before, said = self._plan_again(options)
        return await self._send(self._client._stream, plan, before, said).read()

    @discreet
    async def send_shortcut(self, shortcut: Shortcut, **options: Any) -> Reply:
        """Press a shortcut of a reply and return what the chatbot says to it."""
        plan, before = self._plan_shortcut(shortcut, options)
        return await self._send(self._client._stream, plan, before, shortcut.message).read()
