"""How the async client runs exchanges with its site: retries, sessions, one loop for all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp

from .async_answer import AsyncAnswer
from .async_reply_stream import AsyncReplyStream
from .async_transport import AsyncTransport
from .base_client import BaseClient, TurnPlan
from .discretion import discreet
from .errors import ChatError, TransportError
from .files import LocalFile
from .messages import StoredFile
from .protocol.call import Call
from .protocol.exchanges import Exchange, Request
from .protocol.files import NO_PURPOSE
from .protocol.opening import SessionOpening
from .protocol.turn import Turn
from .reply_stream import raise_interrupted
from .retries import retrying_options
from .settings import Deadline

if TYPE_CHECKING:
    from .protocol.discovery import SiteInfo

_Opened = TypeVar("_Opened")
_Result = TypeVar("_Result")
_CallT = TypeVar("_CallT", bound=Call[Any])


async def _sleep(closing: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await closing.wait()


class AsyncEngine(BaseClient[aiohttp.ClientSession]):
    """Runs the exchanges of a client with its site, for asyncio."""

    def _connect(self, session: aiohttp.ClientSession | None) -> None:
        self._transport = AsyncTransport(self._settings, session)
        self._opening = asyncio.Lock()
        self._closing = asyncio.Event()

    def _stream(self, plan: TurnPlan) -> AsyncReplyStream:
        self._transport.check_closed()
        turn = self._turn(plan)
        turn.check_against_page(len(plan.files))  # before a file is uploaded
        return AsyncReplyStream(turn, partial(self._open, plan, turn), self._transport)

    def _open(self, plan: TurnPlan, checked: Turn) -> Awaitable[tuple[Turn, AsyncAnswer]]:
        """Return what sends a plan when it is awaited, its time running from now on."""
        deadline = self._deadline()
        if plan.files:
            return self._open_with_files(plan, checked, deadline)
        return self._retrying(deadline, self._start, self._turns(checked, plan))

    async def _open_with_files(
        self, plan: TurnPlan, checked: Turn, deadline: Deadline
    ) -> tuple[Turn, AsyncAnswer]:
        stored = [
            file if isinstance(file, StoredFile) else await self._upload(file, deadline)
            for file in plan.files
        ]
        turns = self._turns(checked, plan, stored)
        return await self._retrying(deadline, self._start, turns)

    async def _upload(
        self, file: LocalFile, deadline: Deadline, purpose: str = NO_PURPOSE
    ) -> StoredFile:
        return await self._ask(lambda: self._upload_call(file, purpose), deadline)

    async def _retrying(
        self, deadline: Deadline, opening: Callable[..., Awaitable[_Opened]], *arguments: Any
    ) -> _Opened:
        """Call ``opening(*arguments, deadline)``, again where the policy allows it."""
        try:
            return await opening(*arguments, deadline)
        except ChatError as error:
            if not self._retry.retries(error):
                raise
            failed = error
        return await self._once_more(failed, deadline, partial(opening, *arguments, deadline))

    async def _once_more(
        self, failed: ChatError, deadline: Deadline, opening: Callable[[], Awaitable[_Opened]]
    ) -> _Opened:
        from tenacity import AsyncRetrying

        options = retrying_options(self._retry, deadline.left(), failed)
        sleep = partial(_sleep, self._closing)
        left = [failed]

        async def again() -> _Opened:
            if left:
                raise left.pop()
            return await opening()

        return await AsyncRetrying(sleep=sleep, **options)(again)

    @discreet
    async def _ask(
        self, make: Callable[[], Call[_Result]], deadline: Deadline | None = None
    ) -> _Result:
        """Make a call and return its result."""
        deadline = deadline or self._deadline()
        call, answer = await self._retrying(deadline, self._start, make)
        await self._read_all(call, answer)
        result: _Result = call.result()
        return result

    async def _start(
        self, make: Callable[[], _CallT], deadline: Deadline
    ) -> tuple[_CallT, AsyncAnswer]:
        """Send a call; return it with its answer once the site has accepted it."""
        call = make()
        while True:
            if call.needs_opening:
                await self._open_session(deadline, call.opening)
            request = call.next_request()
            if request is None:
                continue  # the session was dropped by another task
            answer = await self._send(call, request, deadline)
            if call.accepted:
                return call, answer
            await self._read_all(call, answer)
            if call.finished:
                call.result()

    async def _discover(self, deadline: Deadline) -> SiteInfo:
        from .protocol.discovery import PageReading, PluginQuestion, plugin_is_known, site_info

        await self._open_session(deadline)
        if self._site.page is None:
            await self._run(PageReading(self._site, self._limits), deadline)
        has_plugin = plugin_is_known(self._site)
        if not has_plugin:
            question = PluginQuestion(self._site, self._limits)
            _, answer = await self._start(lambda: question, deadline)
            await self._read_all(question, answer)
            has_plugin = question.result()
        return site_info(self._site, has_plugin)

    async def _open_session(
        self, deadline: Deadline, opening: Callable[[], SessionOpening | None] | None = None
    ) -> None:
        """Run what `opening` returns, by default what opens a session where none is open.

        Of several tasks only one does so. Where it fails, those that waited for it fail too.
        """
        self._transport.check_usable()
        opening = opening or self._session_opening
        failed_before = self._failed_openings
        try:
            async with asyncio.timeout(deadline.left()):
                await self._opening.acquire()
        except TimeoutError as error:
            raise deadline.passed() from error
        try:
            self._check_opening(failed_before)
            exchange = opening()
            if exchange is not None:
                await self._run(exchange, deadline)
        except ChatError as error:
            if not deadline.is_over():  # those who wait have a time of their own
                self._opening_failed(error, failed_before)
            raise
        finally:
            self._opening.release()

    async def _run(self, exchange: Exchange, deadline: Deadline) -> None:
        while (request := exchange.next_request()) is not None:
            await self._read_all(exchange, await self._send(exchange, request, deadline))

    async def _send(self, exchange: Exchange, request: Request, deadline: Deadline) -> AsyncAnswer:
        try:
            answer = await self._transport.send(request, self._headers(request), deadline)
        except TransportError as error:
            raise_interrupted(exchange, error)
        self._site.keep_secret(answer.cookies)
        exchange.receive_head(answer.status, answer.headers)
        return answer

    async def _read_all(self, exchange: Exchange, answer: AsyncAnswer) -> None:
        try:
            while not exchange.has_enough and (data := await answer.read()):
                exchange.receive_data(data)
        except TransportError as error:
            raise_interrupted(exchange, error)
        finally:
            answer.close()
        exchange.receive_eof()
