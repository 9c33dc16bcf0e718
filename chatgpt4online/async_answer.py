"""An answer of the async transport, while it is read."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from functools import partial
from typing import TYPE_CHECKING

import aiohttp

from .answer import BaseAnswer
from .discretion import without_texts
from .errors import TransportError
from .failures import answer_timed_out, closed_meanwhile, connection_lost
from .settings import Deadline

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler


class AsyncAnswer(BaseAnswer):
    """An answer of aiohttp whose head has been read; see `BaseAnswer`."""

    def __init__(
        self, response: aiohttp.ClientResponse, url: str, idle: float | None, deadline: Deadline
    ) -> None:
        given = response.headers
        headers = {name.lower(): value for name, value in given.items()}
        if len(headers) < len(given):
            headers = {name: ", ".join(given.getall(name)) for name in headers}
        sent = response.request_info.headers.get("Cookie")
        super().__init__(response.status, headers, sent=sent, url=url, idle=idle, deadline=deadline)
        self._response = response
        self._failure: TransportError | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None
        self._timer: asyncio.Handle | None = None
        # Not a method: the connection would keep an answer that everybody has forgotten.
        self._wake = partial(_wake, response.content)
        self._connection_closed: asyncio.Future[None] | None = None
        connection = response.connection
        if connection is not None and connection.protocol is not None:
            self._watch(connection.protocol)

    async def read(self) -> bytes:
        """Return bytes as soon as there are any, decompressed; b'' at the end of the body.

        Raises:
            TransportError: the connection failed, a time is over, or the client was closed.
            UsageError: this is a fork of the process that opened the answer.
        """
        self._check_process()
        if self._failure is not None:
            raise self._failure
        self._deadline.left()
        self._waiting_since = self._loop.time()
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            self._failure = self._translate(error)
            self._failure.__cause__ = without_texts(error)
        finally:
            self._waiting_since = None
        return self._received_before() or await self.read()

    def _received_before(self) -> bytes:
        """Return what had arrived before the failure: aiohttp hides it behind its exception."""
        content = self._response.content
        if content.exception() is None:
            return b""
        content.set_exception(None)  # type: ignore[arg-type]
        return content.read_nowait()

    def _translate(self, error: Exception) -> TransportError:
        if self._is_closed:
            return closed_meanwhile(self._url)
        if isinstance(error, aiohttp.SocketTimeoutError):
            return answer_timed_out(self._url, self._idle)
        if isinstance(error, TimeoutError):
            return self._deadline.passed()
        return connection_lost(self._url)

    def _watch(self, protocol: ResponseHandler) -> None:
        """Have a reader wake up where the connection is lost, or stands still for too long."""
        if self._idle is not None:
            # With no time to wait, aiohttp only ends the timer that runs.
            protocol.read_timeout = None
            protocol.start_timeout()
            self._look_again(self._idle)
        closed = protocol.closed
        if isinstance(closed, asyncio.Future):
            closed.add_done_callback(self._wake)
            closed.remove_done_callback(_retrieve)
            closed.add_done_callback(_retrieve)
            self._connection_closed = closed

    def _look_again(self, seconds: float) -> None:
        """Look in so many seconds whether a wait for more of the body has become too long.

        A timer for each chunk, as aiohttp would have it, takes a fifth of what a chunk costs.
        """
        self._timer = self._loop.call_later(seconds, _look, weakref.ref(self), None)

    def _look(self, overdue_since: float | None) -> None:
        assert self._idle is not None
        since = self._waiting_since
        left = self._idle if since is None else since + self._idle - self._loop.time()
        if left > 0:
            self._look_again(left)
        elif since != overdue_since:
            # Where the loop stood still, more may have come, which the reader will now get.
            self._timer = self._loop.call_soon(_look, weakref.ref(self), since)
        else:
            self._response.content.set_exception(aiohttp.SocketTimeoutError())

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        """Close the answer, and its connection unless the body has been read to its end.

        Any task may do so while another one reads: that one fails at once.
        """
        self._is_closed = True
        # In a fork this would take the connection from the event loop of the other process.
        if not self._is_elsewhere():
            self._stop_looking()
            if self._connection_closed is not None:
                self._connection_closed.remove_done_callback(self._wake)
            self._response.close()

    def linger(self) -> bool:
        """Keep the answer open until its body ends; False where that saves no connection."""
        if self._response.connection is None:
            self.close()
            return False
        self._stop_looking()
        self._stay()
        return True

    async def drain(self, deadline: Deadline) -> None:
        """Read to the end of a lingering answer, so that its connection can be used again.

        Args:
            deadline: that of the call that waits for it.
        """
        left = self._time_to_drain(deadline)
        try:
            with contextlib.suppress(aiohttp.ClientError, OSError, ValueError, RuntimeError):
                async with asyncio.timeout(max(left, 0)):
                    while await self._response.content.readany():
                        pass
        finally:
            self.close()


def _look(answer: weakref.ref[AsyncAnswer], overdue_since: float | None) -> None:
    """Look after an answer that nobody may have forgotten."""
    alive = answer()
    if alive is not None:
        alive._look(overdue_since)


def _wake(content: aiohttp.StreamReader, closed: asyncio.Future[None]) -> None:
    """Have a reader of the body know that the connection is lost.

    After a chunk that cannot be parsed aiohttp closes the connection, and its timer, but leaves
    the reader waiting for ever.
    """
    if not content.is_eof() and content.exception() is None:
        reason = None if closed.cancelled() else closed.exception()
        lost = aiohttp.ClientPayloadError("The connection was lost.")
        content.set_exception(lost, reason or lost)


def _retrieve(closed: asyncio.Future[None]) -> None:
    """Take note of how a connection ended, or asyncio logs that nobody did."""
    if not closed.cancelled():
        closed.exception()
