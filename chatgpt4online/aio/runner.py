"""Running the flows of the protocol: sending their requests, opening sessions, retrying."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import aiohttp

from ..calls import Call
from ..errors import ChatError, ProtocolError, ReplyError, StatusError, TransportError
from ..logs import log_request, warn_of_hidden_user
from ..network import Network, merge_headers
from ..protocol.chat import Turn
from ..protocol.http import OPEN_SESSION, Flow, Request, Response
from ..protocol.session import open_session
from ..protocol.site import Site
from ..retries import Pause, count_tries, retry_options
from ..settings import Settings, new_id
from ..transport_errors import client_closed
from .stream import AsyncReplyStream, Opened, read_beginning
from .transport import Transport

T = TypeVar("T")


class Runner:
    """Runs the flows of a client and of those that share its connections and its session.

    Each call brings its own `Settings`, of which the timeout, retries and headers can differ.
    """

    def __init__(self, network: Network, site: Site, session: aiohttp.ClientSession | None) -> None:
        self._site = site
        self._transport = Transport(network, site, session)
        self._opening = asyncio.Lock()
        self._opening_error: ChatError | None = None
        self._pause = Pause()
        self._closing = asyncio.Event()

    def stream(self, turn: Turn, settings: Settings) -> AsyncReplyStream:
        """Return the reply to a turn as a stream, which sends the turn when it is first used."""
        self._transport.check_open()
        return AsyncReplyStream(lambda: self._begin(turn, settings))

    async def _begin(self, turn: Turn, settings: Settings) -> Opened:
        """Send a turn and return its reply, once it has begun."""
        call = Call.begin(settings)
        try:
            return await self._open(turn, call)
        except ReplyError as error:
            refusal = error
        try:
            turn = await self._run_once(settings.second_try(turn, refusal), call)
        except (TransportError, ProtocolError):
            raise refusal from None
        except ChatError as error:
            call.failed(error)
            raise
        return await self._open(turn, call)

    async def _open(self, turn: Turn, call: Call) -> Opened:
        async def attempt() -> Opened:
            nonlocal turn
            try:
                reader, response = await self._run_once(call.settings.chat(turn), call)
                return reader, response.stream, await read_beginning(reader, response.stream)
            except ChatError as error:
                if not error.retryable:  # the site may have run it, and keep it by its chat_id
                    turn = turn.branch(new_id())
                raise

        return await self._with_retries(attempt, call)

    async def run(self, make_flow: Callable[[], Flow[T]], settings: Settings) -> T:
        """Run a flow, and a new one for each retry."""
        call = Call.begin(settings)
        return await self._with_retries(lambda: self._run_once(make_flow(), call), call)

    async def _with_retries(self, attempt: Callable[[], Awaitable[T]], call: Call) -> T:
        self._transport.check_usable()
        try:
            return await self._tries(attempt, call)
        except ChatError as error:
            call.failed(error)
            raise

    async def _tries(self, attempt: Callable[[], Awaitable[T]], call: Call) -> T:
        try:
            return await self._try(attempt, call)
        except ChatError as error:
            if not call.settings.retry.retries(error):
                raise
            first = error
        return await self._retry(first, attempt, call)

    async def _retry(self, first: ChatError, attempt: Callable[[], Awaitable[T]], call: Call) -> T:
        from tenacity import AsyncRetrying  # slow to import, and rarely needed

        failed = [first]  # the first attempt was made without tenacity

        async def next_attempt() -> T:
            if failed:
                raise failed.pop()
            return await self._try(attempt, call)

        options = retry_options(call.settings.retry, first, call.deadline)
        retrying = AsyncRetrying(sleep=self._sleep, **options)
        try:
            return await retrying(next_attempt)
        except ChatError as error:
            count_tries(error, retrying.statistics["attempt_number"])
            raise

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
                raise client_closed(self._site.page_url)

    async def _try(self, attempt: Callable[[], Awaitable[T]], call: Call) -> T:
        policy = call.settings.retry
        try:
            wait = self._pause.left(policy, call.deadline)
            if wait:
                await self._sleep(wait)
            return await attempt()
        except ChatError as error:
            call.try_failed(error)
            if isinstance(error, StatusError):
                self._pause.begin(error, policy)
            raise

    async def _run_once(self, flow: Flow[T], call: Call) -> T:
        response = None
        while True:
            try:
                request = flow.send(response)
            except StopIteration as done:
                result: T = done.value
                return result
            if request is OPEN_SESSION:
                call.prompting = False  # it was refused, if it was sent
                await self._open_session(call)
                response = None
            else:
                call.prompting = request.runs_prompt
                response = await self._send(request, call)

    async def _send(self, request: Request, call: Call) -> Response:
        headers = merge_headers(call.settings.headers, request.headers)
        started = time.monotonic()
        try:
            response = await self._transport.send(replace(request, headers=headers), call.deadline)
        except ChatError as error:
            log_request(request, error, started)
            raise
        log_request(request, response.status, started)
        return response

    async def _open_session(self, call: Call) -> None:
        """Open a session, or wait while another task opens one, and fail if it fails."""
        known, left = self._opening_error, call.deadline.left()
        try:
            async with asyncio.timeout(left):
                await self._opening.acquire()
        except TimeoutError:
            raise call.deadline.error() from None
        try:
            if self._opening_error is not None and self._opening_error is not known:
                # A copy, because each task adds its own traceback to what it raises.
                raise copy.copy(self._opening_error) from self._opening_error.__cause__
            if self._site.session is None:
                await self._run_once(open_session(self._site), call)
                warn_of_hidden_user(self._site)
            self._opening_error = None
        except ChatError as error:
            # If only the time of this call was over, those who wait try for themselves.
            if self._opening_error is known and not call.deadline.expired():
                self._opening_error = copy.copy(error)
                self._opening_error.__cause__ = error.__cause__
            raise
        finally:
            self._opening.release()

    async def close(self) -> None:
        """Close the connections, and end any wait before a retry."""
        self._closing.set()
        await self._transport.close()
