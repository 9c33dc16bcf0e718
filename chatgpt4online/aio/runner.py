"""Running the flows of the protocol: sending their requests, opening sessions, retrying."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Callable
from typing import TypeVar

import aiohttp

from ..errors import ChatError
from ..network import Deadline
from ..protocol.chat import ReplyReader, Turn
from ..protocol.http import OPEN_SESSION, Flow
from ..protocol.session import open_session
from ..retries import retry_options
from ..settings import Settings
from ..transport_errors import client_closed
from .stream import AsyncReplyStream
from .transport import ResponseStream, Transport

T = TypeVar("T")


class Runner:
    """Runs the flows of one client, with a given session or one of its own."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession | None) -> None:
        self._settings = settings
        self._transport = Transport(settings.network, settings.site, session)
        self._opening = asyncio.Lock()
        self._opening_error: ChatError | None = None
        self._closing = asyncio.Event()

    def stream(self, turn: Turn) -> AsyncReplyStream:
        """Return the reply to a turn as a stream, which sends the turn when it is first used."""
        self._transport.check_open()

        async def open() -> tuple[ReplyReader, ResponseStream]:
            reader, response = await self.run(lambda: self._settings.chat(turn))
            return reader, response.stream

        return AsyncReplyStream(open)

    async def run(self, make_flow: Callable[[], Flow[T]]) -> T:
        """Run a flow, and a new one for each retry."""
        self._transport.check_usable()
        deadline = self._settings.deadline()
        try:
            return await self._run_once(make_flow(), deadline)
        except ChatError as error:
            if not self._settings.retry.retries(error):
                raise
            first = error
        return await self._retry(first, make_flow, deadline)

    async def _retry(
        self, first: ChatError, make_flow: Callable[[], Flow[T]], deadline: Deadline
    ) -> T:
        from tenacity import AsyncRetrying  # slow to import, and rarely needed

        failed = [first]  # the first attempt was made without tenacity

        async def attempt() -> T:
            if failed:
                raise failed.pop()
            return await self._run_once(make_flow(), deadline)

        options = retry_options(self._settings.retry, first, deadline)
        return await AsyncRetrying(sleep=self._sleep, **options)(attempt)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
                raise client_closed(self._settings.site.page_url)

    async def _run_once(self, flow: Flow[T], deadline: Deadline) -> T:
        response = None
        while True:
            try:
                request = flow.send(response)
            except StopIteration as done:
                result: T = done.value
                return result
            if request is OPEN_SESSION:
                await self._open_session(deadline)
                response = None
            else:
                response = await self._transport.send(request, deadline)

    async def _open_session(self, deadline: Deadline) -> None:
        """Open a session, or wait while another task opens one, and fail if it fails."""
        known, left = self._opening_error, deadline.left()
        try:
            async with asyncio.timeout(left):
                await self._opening.acquire()
        except TimeoutError:
            raise deadline.error() from None
        try:
            if self._opening_error is not None and self._opening_error is not known:
                # A copy, because each task adds its own traceback to what it raises.
                raise copy.copy(self._opening_error) from self._opening_error.__cause__
            if self._settings.site.session is None:
                await self._run_once(open_session(self._settings.site), deadline)
            self._opening_error = None
        except ChatError as error:
            # If only the time of this call was over, those who wait try for themselves.
            if self._opening_error is known and not deadline.expired():
                self._opening_error = copy.copy(error)
                self._opening_error.__cause__ = error.__cause__
            raise
        finally:
            self._opening.release()

    async def close(self) -> None:
        """Close the connections, and end any wait before a retry."""
        self._closing.set()
        await self._transport.close()
