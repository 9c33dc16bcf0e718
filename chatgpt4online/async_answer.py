"""An answer of the async transport, while it is read."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp

from .answer import BaseAnswer
from .discretion import without_texts
from .errors import TransportError
from .failures import answer_timed_out, closed_meanwhile, connection_lost
from .idle_switch import IdleSwitch
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
        self._idle_switch = IdleSwitch(idle)

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
        self._idle_switch.steps += 1
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            self._failure = self._translate(error)
            self._failure.__cause__ = without_texts(error)
        finally:
            self._idle_switch.steps += 1
        return self._received_before() or await self.read()

    def see_to_reader(self) -> bool:
        """See that nobody waits in vain; to be called now and then.

        Returns:
            whether somebody may wait for more of the answer.
        """
        connection = self._response.connection
        protocol = connection.protocol if connection is not None else None
        if protocol is None or self._linger_until:
            return False  # all is here, and the connection may serve another request
        if not protocol.connected:
            self._wake()
            return False
        self._idle_switch.turn(protocol)
        return True

    def _wake(self) -> None:
        """Have a reader of the body know that the connection is lost.

        After a chunk that cannot be parsed aiohttp closes the connection, and its timer, but
        leaves the reader waiting for ever.
        """
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("The connection was lost."))

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
            self._response.close()

    def linger(self) -> bool:
        """Keep the answer open until its body ends; False where that saves no connection."""
        if self._response.connection is None:
            self.close()
            return False
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
