"""The sync transport: one HTTP request and its answer, over requests."""

from __future__ import annotations

import contextlib
import os
import ssl
import time
import weakref
from collections import deque
from email.utils import formatdate
from threading import Lock
from typing import Any, NoReturn

import requests
import urllib3
from requests.cookies import extract_cookies_to_jar

from .connections import CutOff, CuttableAdapter
from .errors import TransportError, UsageError
from .failures import (
    answer_timed_out,
    closed_meanwhile,
    connect_failed,
    connect_timed_out,
    connection_lost,
    untrusted,
)
from .files import SizedPieces, failure_of
from .protocol.answers import Headers
from .protocol.exchanges import Body, FileBody, Request
from .settings import LINGER_SECONDS, Deadline, HttpSettings, cookie_values

READ_SIZE = 65536


class Answer:
    """An answer whose head has been read.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name.
        cookies: the values of the cookies that were sent for it.
    """

    def __init__(
        self,
        response: requests.Response,
        url: str,
        idle: float | None,
        deadline: Deadline,
        cut_off: CutOff,
    ) -> None:
        self.status = response.status_code
        self.headers: Headers = {
            "date": formatdate(usegmt=True),
            **{name.lower(): value for name, value in response.headers.items()},
        }
        self.cookies = cookie_values(response.request.headers.get("Cookie"))
        self._response = response
        self._url = url
        self._idle = idle
        self._deadline = deadline
        self._linger_until = 0.0
        self._is_closed = False
        self._reading = Lock()
        self._pid = os.getpid()
        self._cut_off = cut_off
        cut_off.aim(response.raw.shutdown)
        weakref.finalize(self, cut_off.disarm)

    def read(self) -> bytes:
        """Return bytes as soon as there are any, decompressed; b'' at the end of the body.

        Raises:
            TransportError: the connection failed, a time is over, or the client was closed.
        """
        if self._is_over():
            raise self._failure(connection_lost(self._url))
        try:
            with self._reading:
                # Of the ways to read, only read1 hands bytes out at once in every framing.
                data: bytes = self._response.raw.read1(READ_SIZE, decode_content=True)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise self._failure(answer_timed_out(self._url, self._idle)) from error
        except _READ_ERRORS as error:
            raise self._failure(connection_lost(self._url)) from error
        if not data and self._is_over():
            raise self._failure(connection_lost(self._url))
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

        Any thread may do so while another one reads: that one fails at once.
        """
        self._is_closed = True
        if not self._reading.acquire(blocking=False):
            if self._pid == os.getpid():
                self._cut_off.cut()
            self._reading.acquire()
        try:
            self._cut_off.disarm()
            self._response.close()
        finally:
            self._reading.release()

    def __del__(self) -> None:
        self._response.close()

    def linger(self) -> bool:
        """Keep the answer open until its body ends; False where that saves no connection."""
        self._cut_off.disarm()
        connection = self._response.raw.connection
        if connection is None or getattr(connection, "sock", None) is None:
            self.close()
            return False
        self._linger_until = time.monotonic() + LINGER_SECONDS
        return True

    def drain(self, deadline: Deadline) -> None:
        """Read to the end of a lingering answer, so that its connection can be used again.

        Args:
            deadline: that of the call that waits for it.
        """
        left = deadline.share(self._linger_until - time.monotonic())
        try:
            if left > 0:
                self._cut_off = CutOff(left)
                self._cut_off.aim(self._response.raw.shutdown)
                with contextlib.suppress(*_READ_ERRORS):
                    while self._response.raw.read1(READ_SIZE, decode_content=True):
                        pass
        finally:
            self.close()


class Transport:
    """Send requests by a session of requests.

    Args:
        settings: how to reach the site.
        session: the caller's; it is not closed. None for one of our own.
    """

    def __init__(self, settings: HttpSettings, session: requests.Session | None) -> None:
        self._settings = settings
        self._owned = session is None
        self._session = session if session is not None else _new_session()
        self._lingering: deque[Answer] = deque()
        self._open: weakref.WeakSet[Answer] = weakref.WeakSet()
        self._waiting: set[CutOff] = set()
        self._lock = Lock()
        self._closed = False
        self._pid: int | None = None

    def check_usable(self) -> None:
        """Raise a `UsageError` where nothing can be sent, which says why."""
        if self._closed:
            raise UsageError("This client is closed; make a new one.")
        if self._is_elsewhere():
            raise UsageError("This client was used before a fork; make one in each process.")

    def send(self, request: Request, headers: Headers, deadline: Deadline) -> Answer:
        """Send a request and read the head of the answer.

        Raises:
            TransportError: there is no answer; `retryable` says whether anything was sent.
            UsageError: the address or the proxy cannot be used.
        """
        self.check_usable()
        self._pid = os.getpid()
        self._drain_lingering(deadline)
        proxy = self._settings.proxy_for(request.url, owned=self._owned)
        prepared, environment = self._prepare(request, headers, proxy)
        timeout = self._settings.timeout
        environment["timeout"] = (deadline.cap(timeout.connect), deadline.cap(timeout.idle))
        cut_off = CutOff(deadline.left(), environment["timeout"][1])
        with self._lock:
            self._waiting.add(cut_off)
        try:
            response = self._send(request, prepared, environment, deadline, cut_off)
            extract_cookies_to_jar(self._session.cookies, prepared, response.raw)  # type: ignore[no-untyped-call]
            if cut_off.done:
                raise closed_meanwhile(request.url) if self._closed else deadline.passed()
            if response.status_code < 200:
                _refuse_interim(response, request.url)
            answer = Answer(response, request.url, timeout.idle, deadline, cut_off)
        except BaseException:
            cut_off.disarm()
            raise
        finally:
            with self._lock:
                self._waiting.discard(cut_off)
        with self._lock:
            self._open.add(answer)
            closed = self._closed
        if closed:
            answer.close()
            raise closed_meanwhile(request.url)
        return answer

    def _send(
        self,
        request: Request,
        prepared: requests.PreparedRequest,
        environment: dict[str, Any],
        deadline: Deadline,
        cut_off: CutOff,
    ) -> requests.Response:
        proxies = environment["proxies"]
        try:
            with cut_off.over():
                # Not Session.send, which reads the whole body of a redirect that it must not
                # follow.
                return self._session.get_adapter(prepared.url or "").send(prepared, **environment)
        except Exception as error:
            failure = failure_of(request.body)
            if failure is not None:
                raise failure from None
            if not isinstance(error, _SEND_ERRORS):
                raise
            if isinstance(error, requests.RequestException):
                # What it holds shows nonce, cookies and prompt.
                error.request = error.response = None
            raise self._translate(error, request.url, deadline, bool(proxies)) from error

    def _prepare(
        self, request: Request, headers: Headers, proxy: str | None
    ) -> tuple[requests.PreparedRequest, dict[str, Any]]:
        """Return a request and the settings of its sending, the session's own among them."""
        verify = self._verify(request.url)
        try:
            prepared = self._session.prepare_request(
                requests.Request(
                    request.method, request.url, data=_data(request.body), headers=dict(headers)
                )
            )
            environment = self._session.merge_environment_settings(
                prepared.url or "",
                {"http": proxy, "https": proxy} if proxy else {},
                True,
                verify,
                None,
            )
        except (requests.RequestException, ValueError):
            # From None: the cause can show the header.
            raise UsageError("The site's address or a header cannot be used.") from None
        return prepared, dict(environment)

    def linger(self, answer: Answer) -> None:
        """Take over an answer that has said all that counts, but whose body has not ended.

        Closing it would cost its connection. The caller need not wait for the end: the next
        request does, for a short time at most.
        """
        if self._closed:
            answer.close()
        elif answer.linger():
            self._lingering.append(answer)

    def close(self) -> None:
        """Close what is the client's own, streams included, while others may use it.

        An injected session gets its connections back.
        """
        with self._lock:
            self._closed = True
            answers, waiting = list(self._open), list(self._waiting)
        if not self._is_elsewhere():
            if not self._owned:
                self._drain_lingering(Deadline(None))
            for cut_off in waiting:
                cut_off.cut()
        for answer in answers:
            answer.close()
        if self._owned:
            self._session.close()

    def _is_elsewhere(self) -> bool:
        """Whether this is a fork of the process that made the connections."""
        return self._pid not in (None, os.getpid())

    def _drain_lingering(self, deadline: Deadline) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._lingering.popleft().drain(deadline)

    def _verify(self, url: str) -> bool | str | None:
        # None leaves an injected session its own setting.
        if self._owned:
            return self._settings.trusted(url)
        return None if self._settings.verify is True else self._settings.verify

    def _translate(
        self, error: Exception, url: str, deadline: Deadline, through_proxy: bool
    ) -> TransportError:
        if self._closed:
            return closed_meanwhile(url)
        timeout = self._settings.timeout
        reason = _reason(error)
        if isinstance(error, requests.ConnectTimeout):
            return connect_timed_out(url, timeout.connect)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return untrusted(url)
        if isinstance(reason, _NEVER_SENT) or _is_refused_tunnel(reason):
            return connect_failed(url, through_proxy=through_proxy)
        if deadline.is_over():
            return deadline.passed()
        if isinstance(error, requests.Timeout) or isinstance(reason, TimeoutError):
            return answer_timed_out(url, timeout.idle)
        return connection_lost(url)


_SEND_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
_READ_ERRORS = (urllib3.exceptions.HTTPError, OSError, ValueError, RuntimeError)
_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.ConnectTimeoutError,
)


def _reason(error: BaseException) -> BaseException:
    """Return the innermost cause that requests and urllib3 wrapped.

    A ProxyError alone tells nothing: urllib3 makes one of a request that was sent, too.
    """
    while not isinstance(error, _NEVER_SENT):
        inner = (
            getattr(error, "reason", None)
            or getattr(error, "original_error", None)
            or (error.args[0] if error.args else None)
        )
        if not isinstance(inner, BaseException):
            break
        error = inner
    return error


def _is_refused_tunnel(reason: BaseException) -> bool:
    return isinstance(reason, OSError) and str(reason).startswith("Tunnel connection failed")


def _refuse_interim(response: requests.Response, url: str) -> NoReturn:
    """The answer proper is still to come: it must not be taken for that to another request."""
    connection = response.raw.connection
    if connection is not None:
        connection.close()
    raise connection_lost(url)


def _data(body: Body | None) -> bytes | SizedPieces | None:
    return SizedPieces(body) if isinstance(body, FileBody) else body


def _new_session() -> requests.Session:
    session = requests.Session()
    # Our own reading of the environment serves both clients alike, and takes no .netrc.
    session.trust_env = False
    adapter = CuttableAdapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
