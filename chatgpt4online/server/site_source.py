"""Replies of an AI Engine site."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from ..aio.client import AsyncClient
from ..config import RetryPolicy
from ..errors import ChatError
from ..models import Event
from ..protocol.site import DEFAULT_BOT
from .sources import Question

_ONCE = RetryPolicy(attempts=1, max_retry_after=0)
"""Whoever asks decides whether to ask again, and how long to wait."""


class SiteSource:
    """Replies of the chatbots of a site.

    Args:
        arguments: The arguments of an `AsyncClient`. With a bot_id, only this chatbot replies.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = {"retry": _ONCE, **arguments}
        self._clients: dict[str, AsyncClient] = {}
        self._ids: dict[str, dict[str, str]] | None = None

    async def bots(self) -> Sequence[str]:
        """Return the ids of the site's chatbots: of all, with a token, or those on its page.

        Raises:
            ChatError: The site does not answer.
        """
        if self._ids is None:
            self._ids = await self._find_bots() or {DEFAULT_BOT: {}}
        return tuple(self._ids)

    async def reply(self, question: Question) -> AsyncGenerator[Event, None]:
        """Yield the events of the site's reply. The conversation has the same id on the site.

        Raises:
            ChatError: The reply failed.
        """
        client = await self._client_for(question.bot)
        *history, last = question.messages
        conversation = client.conversation(question.chat_id, history)
        async with conversation.stream(
            last.content, temperature=question.temperature, max_tokens=question.max_tokens
        ) as stream:
            async with aclosing(stream.events()) as events:
                async for event in events:
                    yield event

    async def close(self) -> None:
        """Close the connections to the site."""
        for client in self._clients.values():
            await client.close()

    async def _find_bots(self) -> dict[str, dict[str, str]]:
        """Return the arguments that choose each chatbot, by its id."""
        only = self._arguments.get("bot_id")
        if only:
            return {only: {}}
        client = self._client(DEFAULT_BOT, {})
        if self._arguments.get("token"):
            return {bot.id: {"bot_id": bot.id} for bot in await client.list_chatbots()}
        found: dict[str, dict[str, str]] = {}
        for bot in (await client.discover()).bots:
            if bot.bot_id:
                found[bot.bot_id] = {"bot_id": bot.bot_id}
            elif bot.custom_id:
                found[bot.custom_id] = {"custom_id": bot.custom_id}
        return found

    async def _client_for(self, bot: str | None) -> AsyncClient:
        if bot is not None and bot != DEFAULT_BOT:
            with contextlib.suppress(ChatError):  # the default chatbot may answer all the same
                await self.bots()
        ids = (self._ids or {}).get(bot or DEFAULT_BOT)
        return self._client(DEFAULT_BOT if bot is None or not ids else bot, ids or {})

    def _client(self, name: str, ids: Mapping[str, str]) -> AsyncClient:
        if name not in self._clients:
            self._clients[name] = AsyncClient(**{**self._arguments, **ids})
        return self._clients[name]
