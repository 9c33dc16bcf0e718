"""A conversation with a chatbot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..config import Timeout
from ..conversation import BaseConversation, NextTurn
from ..models import Reply, Shortcut
from ..protocol.chat import read_parameters
from ..settings import chat_parameters
from ..uploads import AnyFile
from .stream import AsyncReplyStream


class AsyncConversation(BaseConversation):
    """A conversation with a chatbot, made by `AsyncClient.conversation`. It keeps its history.

    It takes one prompt at a time. A turn enters the history once its reply is complete, so a
    failed or abandoned one can simply be tried again.
    """

    async def generate(
        self,
        prompt: str,
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
        """Say something and return the complete reply.

        Args:
            prompt: The new message.
            files: Files to send with it: paths, bytes, open files or uploaded ones. Default: none.
            model: The model to use. Default: the chatbot's own, as for the next three.
            temperature: How random the reply is, from 0 to 1 or 2.
            max_tokens: The most tokens of the reply.
            instructions: Instructions for the chatbot, which precede the conversation.
            timeout: Seconds that the whole call may take, or a `Timeout`. Default: the client's.
            stream: Whether the site sends the reply while it is written; otherwise all at once.
            params: Other parameters, by the plugin's own names, such as ``{"envId": "…"}``.

        Raises:
            UsageError: An argument is invalid, or the last reply is still arriving.
            ChatError: The site rejected the message, or did not answer.
        """
        return await self.stream(
            prompt, files=files, timeout=timeout,
            model=model, temperature=temperature, max_tokens=max_tokens, instructions=instructions,
            stream=stream, params=params,
        ).read()  # fmt: skip

    def stream(
        self,
        prompt: str,
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
        """Say something and return the reply as a stream, which sends it when it is first used.

        Args:
            prompt: The new message.
            files: Files to send with it: paths, bytes, open files or uploaded ones. Default: none.
            model: The model to use. Default: the chatbot's own, as for the next three.
            temperature: How random the reply is, from 0 to 1 or 2.
            max_tokens: The most tokens of the reply.
            instructions: Instructions for the chatbot, which precede the conversation.
            timeout: Seconds that the whole call may take, or a `Timeout`. Default: the client's.
            stream: Whether the site sends the reply while it is written; otherwise all at once.
            params: Other parameters, by the plugin's own names, such as ``{"envId": "…"}``.

        Raises:
            UsageError: An argument is invalid, or the last reply is still arriving.
            ChatError: The site rejected the message, or did not answer.
        """
        parameters = chat_parameters(
            model=model, temperature=temperature, max_tokens=max_tokens, instructions=instructions,
            stream=stream, params=params,
        )  # fmt: skip
        return self._send(lambda: self._next(prompt, files, parameters), timeout)

    async def regenerate(
        self,
        *,
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        instructions: str | None = None,
        timeout: Timeout | float | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Ask for another reply in place of the last one, which stays if this fails.

        Args:
            model: The model to use. Default: the chatbot's own, as for the next three.
            temperature: How random the reply is, from 0 to 1 or 2.
            max_tokens: The most tokens of the reply.
            instructions: Instructions for the chatbot, which precede the conversation.
            timeout: Seconds that the whole call may take, or a `Timeout`. Default: the client's.
            params: Other parameters, by the plugin's own names, such as ``{"envId": "…"}``.

        Raises:
            UsageError: The conversation does not end with a reply, or its message had files.
            ChatError: The site rejected the message, or did not answer.
        """
        parameters = chat_parameters(
            model=model, temperature=temperature, max_tokens=max_tokens, instructions=instructions,
            params=params,
        )  # fmt: skip
        return await self._send(lambda: self._again(parameters), timeout).read()

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
            QueryRejected: The shortcut has expired.
            ChatError: The site did not answer.
        """
        parameters = read_parameters(params)
        return await self._send(lambda: self._shortcut(shortcut, parameters), timeout).read()

    def _send(
        self, make_turn: Callable[[], NextTurn], timeout: Timeout | float | None
    ) -> AsyncReplyStream:
        settings = self._settings.with_options(timeout)
        with self._alone():
            item = make_turn()
            stream: AsyncReplyStream = self._runner.stream(item.turn, settings)
            stream._on_open = partial(self._begin, item)
            self._watch(stream, item)
        return stream
