"""A site that stalls in a given phase of a call, and reports that it has."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from chatgpt4online import AsyncClient, ChatError, RetryPolicy

from ..loopback import CHUNKED, HELLO_SITE, Connection, Received, chunk, live, response

PHASES = {"session": 0, "prompt": 1, "reply": 1, "backoff": 1}
"""Each phase in which a call can stall, and how many prompts have been sent by then."""


class StalledSite:
    """A site that stalls once, until the client disconnects, and then works.

    In the phase "backoff" the site fails instead, and the client waits before its next try.

    Attributes:
        phase: When the site stalls; one of `PHASES`.
        prompts: Number of prompts that have been sent when it stalls.
        stalled: Set when the site has stalled.
        stalled_async: The same, for `loop`.
        loop: The event loop of an async client. Default: none.
        disconnected: Set when the client has closed the stalled connection.
        retry: The retry policy for the client.
    """

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.prompts = PHASES[phase]
        self.stalled = threading.Event()
        self.stalled_async = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.disconnected = threading.Event()
        self.retry = RetryPolicy(backoff=50, retry_if=self._retry_if)
        self._used = False

    def _retry_if(self, error: ChatError) -> bool:
        """Called by the client just before it waits for its next try."""
        if self.phase != "backoff":
            return False
        self.mark_stalled()
        return True

    def send_prompt(self, client: Any) -> str:
        """Send a prompt and return the reply. The first piece marks the phase "reply"."""
        for _ in (stream := client.stream("Hi")):
            self.mark_stalled()
        return str(stream.reply)

    async def send_prompt_async(self, client: AsyncClient) -> str:
        """Do the same with an async client."""
        async for _ in (stream := client.stream("Hi")):
            self.mark_stalled()
        return str(stream.reply)

    def mark_stalled(self) -> None:
        self.stalled.set()
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.stalled_async.set)

    def handle(self, connection: Connection, request: Received) -> None:
        opening = "start_session" in request.target
        if self._used or opening is not (self.phase == "session"):
            return HELLO_SITE(connection, request)
        self._used = True
        if self.phase == "backoff":
            return connection.send(response("", 500))
        if self.phase == "reply":
            connection.send(CHUNKED + chunk(live("Hello")))
        else:
            self.mark_stalled()
        connection.wait_closed()
        connection.close()
        self.disconnected.set()
        return None
