"""An answer of the sync transport, while it is read."""

from __future__ import annotations

import contextlib
import http.client
import weakref
from threading import Lock

import requests
import urllib3

from .answer import BaseAnswer
from .connections import CutOff
from .discretion import without_texts
from .errors import TransportError
from .failures import answer_timed_out, closed_meanwhile, connection_lost
from .settings import Deadline

READ_SIZE = 65536
_LAST_CHUNK = b"0\r\n\r\n"
READ_ERRORS = (
    urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError, RuntimeError,
    AttributeError,
)  # fmt: skip
"""What reading raises; an attribute is missing where another thread closes meanwhile."""


class Answer(BaseAnswer):
    """An answer of requests whose head has been read; see `BaseAnswer`."""

    def __init__(
        self,
        response: requests.Response,
        url: str,
        idle: float | None,
        deadline: Deadline,
        cut_off: CutOff,
    ) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        sent = response.request.headers.get("Cookie")
        super().__init__(
            response.status_code, headers, sent=sent, url=url, idle=idle, deadline=deadline
        )
        self._response = response
        self._reading = Lock()
        self._cut_off = cut_off
        if not cut_off.is_aimed:
            cut_off.aim(response.raw)
        plain, cut_off.answer = cut_off.answer, None
        is_plain = plain is not None and plain.chunked and "content-encoding" not in self.headers
        self._plain = plain if is_plain else None
        weakref.finalize(self, cut_off.disarm)

    def read(self) -> bytes:
        """Return bytes as soon as there are any, decompressed; b'' at the end of the body.

        Raises:
            TransportError: the connection failed, a time is over, or the client was closed.
            UsageError: this is a fork of the process that opened the answer.
        """
        self._check_process()
        if self._is_over():
            raise self._failure(connection_lost(self._url))
        try:
            with self._reading:
                data = self._read_some()
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            raise self._failure(answer_timed_out(self._url, self._idle)) from without_texts(error)
        except READ_ERRORS as error:
            raise self._failure(connection_lost(self._url)) from without_texts(error)
        finally:
            if self._is_closed:
                self._response.close()
        if (not data or self._cut_off.done) and self._is_over():
            raise self._failure(connection_lost(self._url))
        return data

    def _read_some(self) -> bytes:
        # Of the ways to read, only read1 hands bytes out at once in every framing.
        if self._plain is None:
            data: bytes = self._response.raw.read1(READ_SIZE, decode_content=True)
            if self._response.raw.connection is None:
                self._cut_off.disarm()  # the connection is in the pool again, or closed
            return data
        try:
            data = self._plain.read_chunks()
        except BaseException:
            self._response.close()
            raise
        if not data:
            self._cut_off.disarm()
            self._response.raw.release_conn()
        return data

    def _is_over(self) -> bool:
        return self._is_closed or self._deadline.is_over()

    def _failure(self, seen: TransportError) -> TransportError:
        """Return why reading failed, where `seen` is what it looked like."""
        if self._is_closed:
            return closed_meanwhile(self._url)
        return self._deadline.passed() if self._deadline.is_over() else seen

    def close(self) -> None:
        """Close the answer, and its connection unless the body has been read to its end.

        Any thread may do so while another one reads: that one fails at once, and closes what it
        was reading.
        """
        self._is_closed = True
        if self._is_elsewhere():
            return  # the connection is that of the other process
        if not self._reading.acquire(blocking=False):
            self._cut_off.cut()
            return
        try:
            self._cut_off.disarm()
            self._response.close()
        finally:
            self._reading.release()

    def __del__(self) -> None:
        if not self._is_elsewhere():
            self._response.close()

    def linger(self) -> bool:
        """Keep the answer open until its body ends; False where that saves no connection."""
        connection = self._response.raw.connection
        if connection is None or getattr(connection, "sock", None) is None:
            self.close()
            return False
        if self._has_ended():
            self._read_rest()
            self.close()
            return False
        self._cut_off = self._cut_off.again(None)
        self._stay()
        return True

    def _has_ended(self) -> bool:
        """Whether the last chunk is here already, so that nothing need be waited for.

        To find out takes 20 us, and a thread that would cut the wait off 300.
        """
        connection = self._response.raw.connection
        sock = getattr(connection, "sock", None)
        if self._plain is None or self._plain.fp is None or sock is None:
            return False
        patience = sock.gettimeout()
        try:
            sock.settimeout(0)
            here: bytes = self._plain.fp.peek(1)
        except READ_ERRORS:
            return False
        finally:
            with contextlib.suppress(OSError):  # another thread has closed it
                sock.settimeout(patience)
        left = self._plain.chunk_left
        if left == 0:  # the line end of the chunk before is still to come
            return here.startswith(b"\r\n" + _LAST_CHUNK)
        return left is None and here.startswith(_LAST_CHUNK)

    def _read_rest(self) -> None:
        with self._reading, contextlib.suppress(*READ_ERRORS):
            while self._read_some():
                pass

    def drain(self, deadline: Deadline) -> None:
        """Read to the end of a lingering answer, so that its connection can be used again.

        Args:
            deadline: that of the call that waits for it.
        """
        left = self._time_to_drain(deadline)
        try:
            if self._has_ended():
                self._read_rest()
            elif left > 0:
                self._cut_off = self._cut_off.again(left)
                self._read_rest()
        finally:
            self.close()
