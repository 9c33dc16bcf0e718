"""The async transport: one HTTP request and its answer, over aiohttp."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from functools import lru_cache
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from multidict import istr

from .async_answer import AsyncAnswer
from .async_connections import Connector
from .discretion import without_texts
from .errors import TransportError, UsageError
from .failures import (
    answer_timed_out,
    closed_meanwhile,
    connect_failed,
    connect_timed_out,
    connection_lost,
    untrusted,
)
from .files import failure_of, length_of, pieces_of
from .protocol.answers import Headers
from .protocol.exchanges import Body, FileBody, Request
from .settings import NO_DEADLINE, Deadline, HttpSettings, Timeout, trusting
from .under_way import UnderWay

_NO_ROUNDING = 86400.0
"""aiohttp rounds longer timeouts up to whole seconds; seconds."""


class AsyncTransport:
    """Send requests by a session of aiohttp.

    Args:
        settings: how to reach the site.
        session: the caller's; it is not closed. None for one of our own, made at first use.
    """

    def __init__(self, settings: HttpSettings, session: aiohttp.ClientSession | None) -> None:
        self._settings = settings
        self._owned = session is None
        self._session = session
        self._unlimited = {bodiless: self._limits_of(None, bodiless) for bodiless in (True, False)}
        self._lingering: deque[AsyncAnswer] = deque()
        self._under_way = UnderWay(settings.timeout.idle)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = os.getpid()
        self._closed = False

    async def send(self, request: Request, deadline: Deadline) -> AsyncAnswer:
        """Send a request and read the head of the answer.

        Raises:
            TransportError: there is no answer; `retryable` says whether anything was sent.
            UsageError: the address or the proxy cannot be used.
        """
        self.check_usable()
        if self._lingering:
            await self._drain_lingering(deadline)
            if self._closed:
                raise closed_meanwhile(request.url)
        sending = asyncio.timeout(None)
        opened = self._request(request, deadline, sending)
        try:
            # aiohttp bounds the wait for an answer, but not that for the request to be taken.
            async with sending:
                self._under_way.begin(sending, _time_to_send(request.body, self._settings.timeout))
                response = await opened
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            failure = self._failure(error, request, deadline, sending)
            raise failure from failure.__cause__
        finally:
            self._under_way.done(sending)
        answer = AsyncAnswer(response, request.url, self._settings.timeout.idle, deadline)
        if self._closed:
            answer.close()
            raise closed_meanwhile(request.url)
        self._under_way.add(answer)  # nothing was awaited since `done`, so it goes on looking
        return answer

    def _request(
        self, request: Request, deadline: Deadline, sending: asyncio.Timeout
    ) -> Awaitable[aiohttp.ClientResponse]:
        """Return what sends a request when it is awaited."""
        if self._session is None:
            self._session = _new_session()
            self._loop = asyncio.get_running_loop()
            self._pid = os.getpid()
        proxy = self._proxy_for(request)
        address, authorization = _proxy_parts(proxy) if proxy else (None, {})
        tls = self._tls(request.url)
        left, bodiless = deadline.left(), request.body is None
        return self._session.request(
            request.method,
            request.url,
            data=self._data(request.body, sending),
            headers=self._headers(request, authorization),
            allow_redirects=False,
            timeout=self._unlimited[bodiless] if left is None else self._limits_of(left, bodiless),
            ssl=tls,
            raise_for_status=False,
            proxy=address,
            proxy_headers=authorization or None,
        )

    def _limits_of(self, total: float | None, bodiless: bool) -> aiohttp.ClientTimeout:
        """Return what aiohttp has to see to.

        Where a body tells when it has been sent, `UnderWay` bounds the silence before the answer: a
        timer of aiohttp for it takes 0.4 KiB and a twentieth of what it takes to send a request.
        """
        timeout = self._settings.timeout
        return aiohttp.ClientTimeout(
            total=total,
            connect=timeout.connect,
            sock_read=timeout.idle if bodiless else None,
            ceil_threshold=_NO_ROUNDING,
        )

    def _proxy_for(self, request: Request) -> str | None:
        return self._settings.proxy_for(request.url, owned=self._owned)

    def _failure(
        self, error: Exception, request: Request, deadline: Deadline, sending: asyncio.Timeout
    ) -> Exception:
        """Return what to raise where sending failed, with its cause where that may be shown."""
        failure = failure_of(request.body)
        if failure is not None:
            failure.__cause__ = None
            return failure
        if isinstance(error, ValueError) and not isinstance(error, ssl.CertificateError):
            # No cause: it can show the header.
            return UsageError("The site's address, the proxy or a header cannot be used.")
        if self._closed:
            failed = closed_meanwhile(request.url)
        else:
            self.check_usable()
            if sending.expired():
                failed = answer_timed_out(request.url, self._settings.timeout.idle)
            else:
                failed = self._translate(error, request, deadline)
        failed.__cause__ = without_texts(error)
        return failed

    def _headers(self, request: Request, authorization: Headers) -> Headers:
        """Return all headers of a request, with those of a proxy that reads it itself."""
        headers = {**self._settings.headers, **request.headers}
        if isinstance(request.body, FileBody):
            headers["Content-Length"] = str(length_of(request.body))
        if authorization and not request.url.startswith("https:"):
            headers.update(authorization)
        # Of names that are no istr aiohttp makes two copies for each request, of 0.7 KiB.
        return {_name(name): value for name, value in headers.items()}

    def _data(
        self, body: Body | None, sending: asyncio.Timeout
    ) -> _Body | AsyncIterator[bytes] | None:
        if isinstance(body, FileBody):
            return self._pieces(body, sending)
        return None if body is None else _Body(body, self._under_way, sending)

    async def _pieces(self, body: FileBody, sending: asyncio.Timeout) -> AsyncIterator[bytes]:
        pieces = pieces_of(body)
        idle = self._settings.timeout.idle
        reading: asyncio.Future[bytes | None] | None = None
        try:
            while True:
                # Reading a file can block, so it must not be done in the event loop.
                reading = asyncio.ensure_future(asyncio.to_thread(next, pieces, None))
                piece = await asyncio.shield(reading)
                if piece is None:
                    self._under_way.sent(sending)
                    return
                self._under_way.go_on(sending, idle and 2 * idle)
                yield piece
        finally:
            # Another try may read the same file, so this one must have done with it.
            if reading is not None:
                await asyncio.wait([reading])
            pieces.close()

    def check_closed(self) -> None:
        """Raise a `UsageError` where the client is closed."""
        if self._closed:
            raise UsageError("This client is closed; make a new one.")

    def check_usable(self) -> None:
        """Raise a `UsageError` where nothing can be sent, which says why."""
        self.check_closed()
        if self._session is not None and self._session.closed:
            raise UsageError("The session of this client is closed.")
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise UsageError("This client belongs to another event loop; make one for each.")

    def linger(self, answer: AsyncAnswer) -> None:
        """Take over an answer that has said all that counts, but whose body has not ended.

        Closing it would cost its connection. The caller need not wait for the end: the next
        request does, for a short time at most.
        """
        if self._closed:
            answer.close()
        elif answer.linger():
            self._lingering.append(answer)

    async def close(self) -> None:
        """Close what is the client's own, streams included.

        An injected session gets its connections back.
        """
        self._closed = True
        if self._pid != os.getpid():
            return  # closing would take the connections from the event loop of the other process
        if not self._owned:
            await self._drain_lingering(NO_DEADLINE)
        self._under_way.end()
        if self._owned and self._session is not None:
            await self._session.close()

    def abandon(self) -> None:
        """Close at once, for a stream that was forgotten: nobody is left to await it."""
        closing = self.close()
        # The first step closes all sockets; what would follow only waits until they are.
        with contextlib.suppress(StopIteration, RuntimeError):
            closing.send(None)
        closing.close()

    async def _drain_lingering(self, deadline: Deadline) -> None:
        while self._lingering:
            await self._lingering.popleft().drain(deadline)

    def _tls(self, url: str) -> ssl.SSLContext | bool:
        # True leaves an injected session its own setting.
        trusted = self._settings.trusted(url) if self._owned else self._settings.verify
        return trusting(trusted, "verify") if isinstance(trusted, str) else trusted

    def _translate(self, error: Exception, request: Request, deadline: Deadline) -> TransportError:
        timeout, url = self._settings.timeout, request.url
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return connect_timed_out(url, timeout.connect)
        if isinstance(error, aiohttp.SocketTimeoutError):
            return answer_timed_out(url, timeout.idle)
        if isinstance(error, TimeoutError):
            return deadline.passed()
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return untrusted(url)
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
            return connect_failed(url, through_proxy=self._proxy_for(request) is not None)
        return connection_lost(url)


_name = lru_cache(maxsize=64)(istr)


class _Body(aiohttp.BytesPayload):
    """The body of a request, which tells when it has been sent."""

    def __init__(self, body: bytes, under_way: UnderWay, sending: asyncio.Timeout) -> None:
        super().__init__(body)
        self._under_way = under_way
        self._sending = sending

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        await super().write_with_length(writer, content_length)
        self._under_way.sent(self._sending)


def _time_to_send(body: Body | None, timeout: Timeout) -> float | None:
    """Return the seconds that connecting, sending and the wait for the head may take together."""
    if timeout.idle is None or timeout.connect is None:
        return None
    return timeout.connect + timeout.idle * (1 if body is None else 2)


def _proxy_parts(proxy: str) -> tuple[str, dict[str, str]]:
    """Part a proxy from its password, which aiohttp would show in the text of its errors."""
    parts = urlsplit(proxy)
    if not parts.username:
        return proxy, {}
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    shown = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    encoded = base64.b64encode(shown.encode()).decode()
    return address, {"Proxy-Authorization": f"Basic {encoded}"}


def _new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=Connector(),
        # The safe jar drops the cookies of sites that are named by an IP address, and one that
        # quotes sends what holds a "=" otherwise than the site has set it.
        cookie_jar=aiohttp.CookieJar(unsafe=True, quote_cookie=False),
        # Our own reading of the environment serves both clients alike, and takes no .netrc.
        trust_env=False,
    )
