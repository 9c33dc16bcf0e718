"""A conversation with a chatbot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..conversation import BaseConversation, NextTurn
from ..models import Reply, Shortcut
from ..uploads import AnyFile
from .stream import AsyncReplyStream


class AsyncConversation(BaseConversation):
    """A conversation with a chatbot, made by `AsyncClient.conversation`. It keeps its history.

    It takes one prompt at a time. A turn enters the history once its reply is complete, so a
    failed or abandoned one can simply be tried again.
    """

    async def generate(
        self, prompt: str, *, files: Sequence[AnyFile] = (), **options: Any
    ) -> Reply:
        """Say something and return the complete reply.

        Args:
            prompt: The new message.
            files: Files to send with it: paths, bytes, open files or uploaded ones. Default: none.
            options: Parameters of the chatbot, such as model, temperature or instructions.

        Raises:
            UsageError: An argument is invalid, or the last reply is still arriving.
            ChatError: The site rejected the message, or did not answer.
        """
        return await self.stream(prompt, files=files, **options).read()

    def stream(
        self, prompt: str, *, files: Sequence[AnyFile] = (), **options: Any
    ) -> AsyncReplyStream:
        """Say something and return the reply as a stream, which sends it when it is first used.

        Args:
            prompt: The new message.
            files: Files to send with it: paths, bytes, open files or uploaded ones. Default: none.
            options: Parameters of the chatbot, such as model, temperature or instructions.

        Raises:
            UsageError: An argument is invalid, or the last reply is still arriving.
            ChatError: The site rejected the message, or did not answer.
        """
        return self._send(self._next(prompt, files, options))

    async def regenerate(self, **options: Any) -> Reply:
        """Ask for another reply in place of the last one, which stays if this fails.

        Args:
            options: Parameters of the chatbot, such as model, temperature or instructions.

        Raises:
            UsageError: The conversation does not end with a reply, or its message had files.
            ChatError: The site rejected the message, or did not answer.
        """
        return await self._send(self._again(options)).read()

    async def send_shortcut(self, shortcut: Shortcut, **options: Any) -> Reply:
        """Press a shortcut button of a reply and return the chatbot's reply to it.

        Args:
            shortcut: One of `Reply.shortcuts`.
            options: Parameters of the chatbot, such as model, temperature or instructions.

        Raises:
            QueryRejected: The shortcut has expired.
            ChatError: The site did not answer.
        """
        return await self._send(self._shortcut(shortcut, options)).read()

    def _send(self, item: NextTurn) -> AsyncReplyStream:
        if not self._sending.acquire(blocking=False):
            raise self._busy()
        try:
            stream: AsyncReplyStream = self._runner.stream(item.turn)
            self._watch(stream, item)
        finally:
            self._sending.release()
        return stream
