"""Sending HTTP requests with the requests library, and reading the responses."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
import weakref
from collections.abc import Callable
from threading import Lock

import requests
import urllib3

from ..errors import ChatError, ConnectError, ProtocolError, TransportError, UsageError
from ..network import DRAIN_SECONDS, Deadline, Network, parse_cookies
from ..protocol.http import Request, Response
from ..protocol.site import Site
from ..transport_errors import (
    certificate_error,
    client_closed,
    connect_error,
    connect_timeout,
    connection_lost,
    find_cause,
    idle_timeout,
    interruption,
    reason_of,
    system_cause,
    wrapped_errors,
)
from ..uploads import read_error_of
from .session import Sessions
from .slots import Slots

READ_SIZE = 65536
"""The most bytes to read at once."""

_ERRORS = (
    requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError,
    ValueError,
)  # fmt: skip
_NEVER_CONNECTED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.ConnectTimeoutError,
)
_INVALID_REQUEST = (
    requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError,
)  # fmt: skip


class Transport:
    """Sends the requests of one client, with a given session or one of its own."""

    def __init__(self, network: Network, site: Site, session: requests.Session | None) -> None:
        self._network = network
        self._site = site
        self._sessions = Sessions(network, session)
        self._open: weakref.WeakSet[ResponseStream] = weakref.WeakSet()
        self._open_lock = Lock()
        self._slots = Slots(network.max_connections)
        self._closed = False

    def check_usable(self) -> None:
        """Raise a `UsageError` if the client is closed."""
        if self._closed:
            raise UsageError("This client is closed; make a new one.")

    def send(self, request: Request, deadline: Deadline) -> Response:
        """Send a request and return the response.

        A `TransportError` is retryable if nothing was sent, or if the request is repeatable.
        """
        free = self._slots.take(deadline)
        try:
            self.check_usable()  # the client may have been closed while it waited
            response = self._send(request, deadline)
            stream = ResponseStream(response, self._site, deadline, free)
        except BaseException:
            free()
            raise
        sent_cookies = parse_cookies(response.request.headers.get("Cookie"))
        self._site.remember(*sent_cookies.values(), *response.cookies.values())
        with self._open_lock:
            self._open.add(stream)
        status = response.status_code
        if status < 200:
            # The final response is still to come. The next request must not get it.
            stream.close()
            raise connection_lost(request.url, f"unexpected HTTP status {status}")
        # The client may have been closed while it waited.
        if ended := interruption(request.url, deadline, closed=self._closed):
            stream.close()
            raise ended
        headers = {name.lower(): _as_utf8(value) for name, value in response.headers.items()}
        if request.stream and status < 300:
            return Response(status, headers, stream=stream)
        try:
            return Response(status, headers, stream.read_all(must_be_complete=status < 300))
        except TransportError as error:
            error.retryable = request.repeatable
            raise

    def _send(self, request: Request, deadline: Deadline) -> requests.Response:
        network, url = self._network, request.url
        proxy = network.find_proxy(url, use_environment=self._sessions.injected is None)
        session, verify = self._sessions.session_for(proxy), self._certificates(url)
        # urllib3 gives each address of the host the whole connect timeout.
        timeout = (deadline.cap(deadline.timeout.connect), deadline.cap(deadline.timeout.idle))
        try:
            return session.request(
                request.method,
                url,
                data=request.body,
                headers=request.headers,
                cookies=dict(network.cookies),
                proxies={"http": proxy, "https": proxy} if proxy else None,
                verify=verify,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            )
        except _ERRORS as error:
            file_error = read_error_of(request.body)
            if file_error is not None:
                raise file_error from None
            failure = self._translate(error, request, deadline, proxy)
            raise failure from (None if self._closed else system_cause(error))

    def _certificates(self, url: str) -> bool | str | None:
        verify = self._network.verify
        if self._sessions.injected is None:
            verify = self._network.trusted_certificates(url)
        elif verify is True:
            return None  # which leaves an injected session its own setting
        return verify.verify_mode != ssl.CERT_NONE if isinstance(verify, ssl.SSLContext) else verify

    def _translate(
        self, error: Exception, request: Request, deadline: Deadline, proxy: str | None
    ) -> ChatError:
        url, timeout, cause = request.url, deadline.timeout, find_cause(error)
        failure: TransportError
        if ended := interruption(url, deadline, closed=self._closed):
            return ended
        timed_out = isinstance(cause, TimeoutError)
        # urllib3 reports a TLS handshake that took too long as a read timeout.
        if isinstance(error, requests.ConnectTimeout) or (timed_out and "handshake" in str(cause)):
            failure = connect_timeout(url, timeout.connect)
        elif isinstance(cause, ssl.SSLCertVerificationError):
            failure = certificate_error(url, error, proxy=_is_of_proxy(error))
        elif isinstance(cause, ssl.SSLError) or _never_connected(error):
            failure = connect_error(url, error, proxy=bool(proxy))
        elif timed_out:
            failure = idle_timeout(url, timeout.idle)
        elif isinstance(error, _INVALID_REQUEST):
            return UsageError(f"The request cannot be sent: {self._reason(error)}.")
        else:
            failure = connection_lost(url, self._reason(error))
        # Whether a failed connection is worth another try depends on why it failed.
        if request.repeatable and not isinstance(failure, ConnectError):
            failure.retryable = True
        return failure

    def _reason(self, error: Exception) -> str:
        return self._site.redact(reason_of(error))

    def close(self) -> None:
        """Close the connections. An injected session stays open.

        A thread that waits for the site notices once the site sends its next bytes.
        """
        self._closed = True
        with self._open_lock:
            streams = list(self._open)
        for stream in streams:
            stream.close()
        self._sessions.close()


class ResponseStream:
    """The body of a response, which is read while it arrives."""

    def __init__(
        self,
        response: requests.Response,
        site: Site,
        deadline: Deadline,
        free: Callable[[], None],
    ) -> None:
        self._response = response
        self._url = response.url
        self._site = site
        self._deadline = deadline
        # iter_content yields bytes as they arrive only if the body is chunked, and read1 only if
        # it is not. The raw responses of vcrpy do not say which they are.
        chunked = getattr(response.raw, "chunked", True)
        self._chunks = response.iter_content(READ_SIZE) if chunked else None
        self._failure: TransportError | None = None
        self._read_lock = Lock()
        self._closed = False
        # It also runs if the stream is dropped unread.
        self._free = weakref.finalize(self, free)
        self._free.atexit = False

    def read(self) -> bytes:
        """Return bytes as soon as there are any, decompressed; b'' at the end of the body."""
        if self._closed:
            raise client_closed(self._url)
        if self._failure is not None:
            raise self._failure
        left = self._deadline.left()  # raises if no time is left
        try:
            if left is not None and (sock := self._socket()) is not None:
                sock.settimeout(self._deadline.cap(self._deadline.timeout.idle))
            with self._read_lock:
                data = self._read()
        except _ERRORS as error:
            failure, cause = self._translate(error), system_cause(error)
            data = self._received_before(error)
            if not data:
                raise failure from cause
            self._failure, failure.__cause__ = failure, cause
        finally:
            if self._closed:  # by another thread, which left the response to this one
                self._response.close()
        if self._closed:
            raise client_closed(self._url)
        return data

    def _received_before(self, error: Exception) -> bytes:
        """Return the beginning of a chunk that was cut off."""
        cause = find_cause(error)
        compressed = "Content-Encoding" in self._response.headers
        if not isinstance(cause, http.client.IncompleteRead) or compressed:
            return b""
        # urllib3 has an error of that kind which only counts the bytes.
        partial: object = cause.partial
        return partial if isinstance(partial, bytes) else b""

    def _read(self) -> bytes:
        if self._chunks is not None:
            return next(self._chunks, b"")
        data: bytes = self._response.raw.read1(READ_SIZE, decode_content=True)
        return data

    def _socket(self) -> socket.socket | None:
        """Return the socket; None if urllib3 has let go of it."""
        connection = getattr(self._response.raw, "connection", None)
        return getattr(connection, "sock", None)

    def _translate(self, error: Exception) -> TransportError:
        if ended := interruption(self._url, self._deadline, closed=self._closed):
            return ended
        if isinstance(find_cause(error), TimeoutError):
            return idle_timeout(self._url, self._deadline.timeout.idle)
        return connection_lost(self._url, self._site.redact(reason_of(error)))

    def read_all(self, *, must_be_complete: bool) -> bytes:
        """Read the rest of the body and close.

        If it need not be complete, the beginning of a body that is cut or too long is enough.
        """
        limit = self._site.limits.page
        body = bytearray()
        try:
            while len(body) <= limit and (data := self.read()):
                body += data
        except TransportError:
            if must_be_complete:
                raise
        finally:
            self.close()
        if must_be_complete and len(body) > limit:
            raise ProtocolError(f"The response is longer than {limit} bytes (Limits.page).")
        return bytes(body)

    def drain(self) -> None:
        """Read the rest of the body for a moment, so that the connection can be reused."""
        sock = self._socket()
        if sock is not None:
            end = time.monotonic() + DRAIN_SECONDS
            # urllib3 sets the timeout anew when the connection is used again.
            with self._read_lock, contextlib.suppress(*_ERRORS):
                while (left := end - time.monotonic()) > 0:
                    sock.settimeout(left)
                    if not self._read():
                        break
        self.close()

    def close(self) -> None:
        """Close the response, and its connection unless the whole body was read.

        If another thread is reading, it closes the response once its read returns.
        """
        self._closed = True
        self._free()
        if self._read_lock.acquire(blocking=False):
            try:
                self._response.close()
            finally:
                self._read_lock.release()


def _as_utf8(header: str) -> str:
    """Return the value of a header, which Python's HTTP client takes for Latin-1, as UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _never_connected(error: Exception) -> bool:
    return any(
        isinstance(item, _NEVER_CONNECTED) or str(item).startswith("Tunnel connection failed")
        for item in wrapped_errors(error)
    )


def _is_of_proxy(error: Exception) -> bool:
    """Return whether an error comes from the connection to the proxy itself."""
    return any(isinstance(item, urllib3.exceptions.ProxyError) for item in wrapped_errors(error))
