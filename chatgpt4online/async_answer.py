"""An answer of the async transport, while it is read."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import aiohttp

from .answer import BaseAnswer
from .discretion import without_texts
from .errors import TransportError
from .failures import answer_timed_out, closed_meanwhile, connection_lost
from .idle_timer import IdleTimer
from .settings import Deadline


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
        self._idle_timer = IdleTimer(response, idle)
        # Not a method: the connection would keep an answer that everybody has forgotten.
        self._wake = partial(_wake, response.content)
        self._connection_closed = _closed_future(response)
        if self._connection_closed is not None:
            self._connection_closed.add_done_callback(self._wake)
            self._connection_closed.remove_done_callback(_retrieve)
            self._connection_closed.add_done_callback(_retrieve)

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
        self._idle_timer.steps += 1
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            self._failure = self._translate(error)
            self._failure.__cause__ = without_texts(error)
        finally:
            self._idle_timer.steps += 1
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

    def close(self) -> None:
        """Close the answer, and its connection unless the body has been read to its end.

        Any task may do so while another one reads: that one fails at once.
        """
        self._is_closed = True
        # In a fork this would take the connection from the event loop of the other process.
        if not self._is_elsewhere():
            self._idle_timer.stop()
            if self._connection_closed is not None:
                self._connection_closed.remove_done_callback(self._wake)
            self._response.close()

    def linger(self) -> bool:
        """Keep the answer open until its body ends; False where that saves no connection."""
        if self._response.connection is None:
            self.close()
            return False
        self._idle_timer.stop()
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


def _closed_future(response: aiohttp.ClientResponse) -> asyncio.Future[None] | None:
    """Return what is done when the connection of an answer is lost; None where it has ended."""
    protocol = response.connection.protocol if response.connection is not None else None
    closed = protocol.closed if protocol is not None else None
    return closed if isinstance(closed, asyncio.Future) else None


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
