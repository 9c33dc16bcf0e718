"""A site that stands still at one moment of a call, and tells the test."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from chatgpt4online import AsyncClient, ChatError, RetryPolicy

from .loopback import CHUNKED, HELLO, Connection, Received, ai_site, answer, chunk, live

FIRST = CHUNKED + chunk(live("Hello"))


class Moment:
    """A moment of a call that the server notices, and the handlers that make it."""

    def __init__(self, name: str, *, prompts: int) -> None:
        self.name = name
        self.prompts = prompts
        self.reached = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.noticed = asyncio.Event()
        self.gone = threading.Event()
        self._used = False
        self.retry = RetryPolicy(backoff=50, retry_if=self._retry_if)

    def _retry_if(self, error: ChatError) -> bool:
        """Asked in the client, right before it waits for the next try."""
        if self.name != "prompt, backoff":
            return False
        self.reach()
        return True

    def ask(self, client: Any) -> str:
        """Ask a prompt; the moment is reached at the first piece, if not before."""
        for _ in (stream := client.stream("Hi")):
            self.reach()
        return str(stream.reply)

    async def ask_async(self, client: AsyncClient) -> str:
        async for _ in (stream := client.stream("Hi")):
            self.reach()
        return str(stream.reply)

    def reach(self) -> None:
        self.reached.set()
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.noticed.set)

    def handle(self, connection: Connection, request: Received) -> None:
        phase = "session" if "start_session" in request.target else "prompt"
        if self._used or phase != self.name.partition(",")[0]:
            return ai_site(HELLO)(connection, request)
        self._used = True
        if self.name == "prompt, backoff":
            return connection.send(answer("", 500))
        if self.name == "prompt, reply":
            connection.send(FIRST)
        else:
            self.reach()
        connection.wait_closed()
        connection.close()
        self.gone.set()
        return None
