"""Sending HTTP requests with aiohttp, and reading the responses."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import weakref
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http import HttpProcessingError

from ..errors import ChatError, ConnectError, ProtocolError, TransportError, UsageError
from ..network import (
    DRAIN_SECONDS,
    Deadline,
    Network,
    is_socks,
    parse_cookies,
    tls_context,
)
from ..protocol.http import Form, Request, Response
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
)
from ..uploads import read_error_of
from .session import SOCKS_ERRORS, Sessions
from .slots import Slots
from .upload import Upload

_ERRORS: tuple[type[Exception], ...] = (
    aiohttp.ClientError, HttpProcessingError, OSError, ValueError, RuntimeError, *SOCKS_ERRORS,
)  # fmt: skip
_NEVER_CONNECTED: tuple[type[Exception], ...] = (aiohttp.ClientConnectorError, *SOCKS_ERRORS)


class Transport:
    """Sends the requests of one client, with a given session or one of its own."""

    def __init__(self, network: Network, site: Site, session: aiohttp.ClientSession | None) -> None:
        self._network = network
        self._site = site
        self._sessions = Sessions(network, session, site.page_url)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight: set[asyncio.Timeout] = set()
        self._open: weakref.WeakSet[ResponseStream] = weakref.WeakSet()
        self._slots = Slots(network.max_connections)
        self._closed = False

    def check_open(self) -> None:
        """Raise a `UsageError` if the client is closed."""
        if self._closed:
            raise UsageError("This client is closed; make a new one.")

    def check_usable(self) -> None:
        """Raise a `UsageError` if the client is closed, or belongs to another event loop."""
        self.check_open()
        if self._sessions.injected is not None and self._sessions.injected.closed:
            raise UsageError("The session of this client is closed.")
        if self._loop not in (None, asyncio.get_running_loop()):
            raise UsageError("This client belongs to another event loop; make one for each.")

    async def send(self, request: Request, deadline: Deadline) -> Response:
        """Send a request and return the response.

        A `TransportError` is retryable if nothing was sent, or if the request is repeatable.
        """
        upload = Upload(request.body) if isinstance(request.body, Form) else None
        try:
            return await self._exchange(request, deadline, upload)
        finally:
            if upload is not None:
                await upload.close()

    async def _exchange(
        self, request: Request, deadline: Deadline, upload: Upload | None
    ) -> Response:
        free = await self._slots.take(deadline)
        try:
            self.check_usable()  # the client may have been closed while it waited
            response = await self._send(request, deadline, upload)
            stream = ResponseStream(response, self._sessions, self._site, deadline, free)
        except BaseException:
            free()
            raise
        sent_cookies = parse_cookies(response.request_info.headers.get("Cookie"))
        new_cookies = [item.value for item in response.cookies.values()]
        self._site.remember(*sent_cookies.values(), *new_cookies)
        self._open.add(stream)
        status = response.status
        if status < 200:
            # The final response is still to come. The next request must not get it.
            stream.close()
            raise connection_lost(request.url, f"unexpected HTTP status {status}")
        # The client may have been closed while it waited.
        if ended := interruption(request.url, deadline, closed=self._closed):
            stream.close()
            raise ended
        headers = {
            name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers
        }
        if request.stream and status < 300:
            return Response(status, headers, stream=stream)
        try:
            return Response(status, headers, await stream.read_all(must_be_complete=status < 300))
        except TransportError as error:
            error.retryable = request.repeatable
            raise

    async def _send(
        self, request: Request, deadline: Deadline, upload: Upload | None
    ) -> aiohttp.ClientResponse:
        network, url = self._network, request.url
        owned = self._sessions.injected is None
        proxy = network.find_proxy(url, use_environment=owned)
        session, certificates = self._sessions.session_for(proxy), self._certificates(url)
        self._loop = asyncio.get_running_loop() if owned else None
        headers = dict(request.headers)
        if network.cookies:
            cookies = [f"{name}={value}" for name, value in network.cookies.items()]
            headers["Cookie"] = "; ".join(cookies)
        waiting = asyncio.timeout(deadline.cap(_longest_wait(deadline)))
        if upload is not None:
            headers["Content-Length"] = str(upload.size)
            upload.on_chunk = partial(self._wait_longer, waiting, deadline)
        try:
            async with waiting:
                self._in_flight.add(waiting)
                return await session.request(
                    request.method,
                    url,
                    data=upload or request.body,
                    headers=headers,
                    proxy=None if proxy and is_socks(proxy) else proxy,
                    ssl=certificates,
                    timeout=aiohttp.ClientTimeout(
                        total=None,
                        connect=deadline.timeout.connect,
                        sock_connect=deadline.timeout.connect,
                        sock_read=deadline.timeout.idle,
                    ),
                    skip_auto_headers=("Content-Type",),
                    allow_redirects=False,
                    raise_for_status=False,
                )
        except _ERRORS as error:
            file_error = read_error_of(request.body)
            if file_error is not None:
                raise file_error from None
            failure = self._translate(error, request, deadline, proxy)
            raise failure from (None if self._closed else system_cause(error))
        finally:
            self._in_flight.discard(waiting)

    def _wait_longer(self, waiting: asyncio.Timeout, deadline: Deadline) -> None:
        """Give the next chunk of an upload the time that a silent site may take."""
        left = deadline.cap(deadline.timeout.idle)
        with contextlib.suppress(RuntimeError):  # the response has begun already
            waiting.reschedule(None if left is None else asyncio.get_running_loop().time() + left)

    def _certificates(self, url: str) -> ssl.SSLContext | bool:
        # True leaves an injected session its own setting.
        network = self._network
        owned = self._sessions.injected is None
        found = network.trusted_certificates(url) if owned else network.verify
        return tls_context(found, "verify") if isinstance(found, str) else found

    def _translate(
        self, error: Exception, request: Request, deadline: Deadline, proxy: str | None
    ) -> ChatError:
        url, timeout, cause = request.url, deadline.timeout, find_cause(error)
        failure: TransportError
        if ended := interruption(url, deadline, closed=self._closed):
            return ended
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            failure = connect_timeout(url, timeout.connect)
        elif isinstance(error, aiohttp.ClientHttpProxyError):
            reason = self._site.redact(f"{error.status} {error.message}")
            failure = connect_error(url, error, reason, proxy=True)
        # Through a SOCKS proxy, aiohttp reports the next two as if there had been a connection.
        elif isinstance(cause, ssl.SSLCertVerificationError):
            failure = certificate_error(url, error, proxy=_is_of_proxy(error, proxy))
        elif isinstance(error, _NEVER_CONNECTED) or isinstance(cause, socket.gaierror):
            failure = connect_error(url, error, proxy=bool(proxy))
        elif isinstance(error, TimeoutError):
            failure = idle_timeout(url, timeout.idle)
        elif isinstance(error, ValueError):
            return UsageError(f"The request cannot be sent: {self._reason(error)}.")
        else:
            failure = connection_lost(url, self._reason(error))
        # Whether a failed connection is worth another try depends on why it failed.
        if request.repeatable and not isinstance(failure, ConnectError):
            failure.retryable = True
        return failure

    def _reason(self, error: Exception) -> str:
        return self._site.redact(reason_of(error))

    async def close(self) -> None:
        """Close the connections, and end the calls in flight. An injected session stays open."""
        self._closed = True
        for waiting in list(self._in_flight):
            with contextlib.suppress(RuntimeError):  # it is just expiring
                waiting.reschedule(0)
        for stream in list(self._open):
            stream.close()
        await self._sessions.close()


def _longest_wait(deadline: Deadline) -> float | None:
    """Return how many seconds to wait for the response to begin; None means no limit."""
    timeout = deadline.timeout
    if timeout.connect is None or timeout.idle is None:
        return None
    # Sending may take as long as waiting for the response.
    return timeout.connect + 2 * timeout.idle


def _is_of_proxy(error: Exception, proxy: str | None) -> bool:
    """Return whether an error comes from the connection to the proxy itself."""
    if proxy is None or not isinstance(error, aiohttp.ClientConnectorCertificateError):
        return False
    parts = urlsplit(proxy)
    where = (parts.scheme, parts.hostname, parts.port or 443)
    return where == ("https", error.host, error.port)


class ResponseStream:
    """The body of a response, which is read while it arrives."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        sessions: Sessions,
        site: Site,
        deadline: Deadline,
        free: Callable[[], None],
    ) -> None:
        self._response = response
        # Kept, because they close their connections once nothing refers to them.
        self._sessions = sessions
        self._url = str(response.url)
        self._site = site
        self._deadline = deadline
        self._failure: TransportError | None = None
        self._closed = False
        # It also runs if the stream is dropped unread.
        self._free = weakref.finalize(self, free)
        self._free.atexit = False

    async def read(self) -> bytes:
        """Return bytes as soon as there are any, decompressed; b'' at the end of the body."""
        if self._closed:
            raise client_closed(self._url)
        if self._failure is not None:
            raise self._failure
        left = self._deadline.cap(self._deadline.timeout.idle)
        try:
            async with asyncio.timeout(left):
                return await self._response.content.readany()
        except _ERRORS as error:
            failure, cause = self._translate(error), system_cause(error)
            if data := self._received_before():
                self._failure, failure.__cause__ = failure, cause
                return data
            raise failure from cause

    def _received_before(self) -> bytes:
        """Return the bytes that arrived before the connection failed.

        aiohttp hides them behind its exception, with no other way to get at them.
        """
        content = self._response.content
        if content.exception() is None:
            return b""
        content.set_exception(None)  # type: ignore[arg-type]
        return content.read_nowait()

    def _translate(self, error: Exception) -> TransportError:
        if ended := interruption(self._url, self._deadline, closed=self._closed):
            return ended
        if isinstance(error, TimeoutError):
            return idle_timeout(self._url, self._deadline.timeout.idle)
        return connection_lost(self._url, self._site.redact(reason_of(error)))

    async def read_all(self, *, must_be_complete: bool) -> bytes:
        """Read the rest of the body and close.

        If it need not be complete, the beginning of a body that is cut or too long is enough.
        """
        limit = self._site.limits.page
        body = bytearray()
        try:
            while len(body) <= limit and (data := await self.read()):
                body += data
            if len(body) <= limit:
                await self.drain()
        except TransportError:
            if must_be_complete:
                raise
        finally:
            self.close()
        if must_be_complete and len(body) > limit:
            raise ProtocolError(f"The response is longer than {limit} bytes (Limits.page).")
        return bytes(body)

    async def drain(self) -> None:
        """Read the rest of the body for a moment, so that the connection can be reused."""
        try:
            if self._response.connection is not None:
                with contextlib.suppress(*_ERRORS):
                    async with asyncio.timeout(DRAIN_SECONDS):
                        while await self._response.content.readany():
                            pass
                        # aiohttp returns the connection once it has finished the request, too, a
                        # step of the event loop later.
                        await self._response.read()
                        await asyncio.sleep(0)
        finally:
            self.close()

    def close(self) -> None:
        """Close the response, and its connection unless the whole body was read.

        A task that is reading fails at once.
        """
        self._closed = True
        self._free()
        self._response.close()
