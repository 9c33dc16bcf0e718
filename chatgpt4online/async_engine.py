"""How the async client runs exchanges with its site: retries, sessions, one loop for all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import aiohttp

from .async_answer import AsyncAnswer
from .async_reply_stream import AsyncReplyStream
from .async_transport import AsyncTransport
from .base_client import BaseClient, TurnPlan
from .discretion import discreet
from .errors import ChatError, TransportError
from .files import Files, LocalFile
from .messages import StoredFile
from .protocol.call import Call
from .protocol.exchanges import Exchange
from .protocol.files import NO_PURPOSE
from .protocol.turn import Turn
from .reply_stream import raise_interrupted
from .retries import retrying_options
from .settings import Deadline

if TYPE_CHECKING:
    from .protocol.discovery import SiteInfo

_Result = TypeVar("_Result")


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
        return AsyncReplyStream(self._turn(plan), plan.files, self._open, self._transport)

    def _open(self, turn: Turn, files: Files) -> Awaitable[AsyncAnswer | None]:
        """Return what sends a turn when it is awaited, its time running from now on."""
        deadline = self._deadline()
        if files:
            return self._open_with_files(turn, files, deadline)
        return self._run(turn, deadline, retries=True)

    async def _open_with_files(
        self, turn: Turn, files: Files, deadline: Deadline
    ) -> AsyncAnswer | None:
        turn.attach(
            [
                file if isinstance(file, StoredFile) else await self._upload(file, deadline)
                for file in files
            ]
        )
        return await self._run(turn, deadline, retries=True)

    async def _upload(
        self, file: LocalFile, deadline: Deadline, purpose: str = NO_PURPOSE
    ) -> StoredFile:
        return await self._ask(self._upload_call(file, purpose), deadline)

    async def _retrying(
        self, opening: Callable[[Deadline], Awaitable[_Result]], deadline: Deadline
    ) -> _Result:
        """Call ``opening(deadline)``, again where the policy allows it."""
        try:
            return await opening(deadline)
        except ChatError as error:
            if not self._retry.retries(error):
                raise
            failed = error
        return await self._once_more(failed, partial(opening, deadline), deadline)

    async def _once_more(
        self, failed: ChatError, opening: Callable[[], Awaitable[_Result]], deadline: Deadline
    ) -> _Result:
        from tenacity import AsyncRetrying

        options = retrying_options(self._retry, deadline.left(), failed)
        sleep = partial(_sleep, self._closing)
        left = [failed]

        async def again() -> _Result:
            if left:
                raise left.pop()
            return await opening()

        return await AsyncRetrying(sleep=sleep, **options)(again)

    @discreet
    async def _ask(self, call: Call[_Result], deadline: Deadline | None = None) -> _Result:
        """Make a call and return its result."""
        answer = await self._run(call, deadline or self._deadline(), retries=True)
        if answer is not None:
            await self._read_all(call, answer)
        return call.result()

    async def _run(
        self, exchange: Exchange, deadline: Deadline, *, retries: bool = False
    ) -> AsyncAnswer | None:
        """Send what an exchange asks for; return the answer that it accepts, None at its end.

        Args:
            exchange: what is asked; a call where it may be retried.
            deadline: when it must be over.
            retries: whether to send it again where the policy allows it.
        """
        try:
            while not exchange.finished:
                if exchange.needs_opening:
                    await self._open_session(deadline, exchange.opening)
                request = exchange.next_request()
                if request is None:
                    continue  # the session was dropped by another task
                try:
                    answer = await self._transport.send(request, deadline)
                except TransportError as error:
                    raise_interrupted(exchange, error)
                self._site.keep_secret(answer.cookies)
                exchange.receive_head(answer.status, answer.headers)
                if exchange.accepted:
                    return answer
                await self._read_all(exchange, answer)
            exchange.result()
            return None
        except ChatError as error:
            if not (retries and self._retry.retries(error)):
                raise
            failed = error
        exchange.start_over()  # at once: while there may be another try, this one has not failed
        again = partial(self._run_again, exchange, deadline)
        return await self._once_more(failed, again, deadline)

    async def _run_again(self, exchange: Exchange, deadline: Deadline) -> AsyncAnswer | None:
        try:
            return await self._run(exchange, deadline)
        except ChatError:
            exchange.start_over()
            raise

    async def _discover(self, deadline: Deadline) -> SiteInfo:
        from .protocol.discovery import PageReading, PluginQuestion, plugin_is_known, site_info

        await self._open_session(deadline)
        if self._site.page is None:
            await self._run(PageReading(self._site, self._limits), deadline)
        has_plugin = plugin_is_known(self._site)
        if not has_plugin:
            question = PluginQuestion(self._site, self._limits)
            answer = await self._run(question, deadline)
            if answer is not None:
                await self._read_all(question, answer)
            has_plugin = question.result()
        return site_info(self._site, has_plugin)

    async def _open_session(
        self, deadline: Deadline, opening: Callable[[], Exchange | None] | None = None
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

    async def _read_all(self, exchange: Exchange, answer: AsyncAnswer) -> None:
        try:
            while not exchange.has_enough and (data := await answer.read()):
                exchange.receive_data(data)
        except TransportError as error:
            raise_interrupted(exchange, error)
        finally:
            answer.close()
        exchange.receive_eof()
