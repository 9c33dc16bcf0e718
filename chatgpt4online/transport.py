"""The sync transport: one HTTP request and its answer, over requests."""

from __future__ import annotations

import contextlib
import os
import ssl
import weakref
from collections import deque
from functools import lru_cache
from threading import RLock
from typing import Any, NoReturn

import requests
import urllib3
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers

from .connections import CutOff, CuttableAdapter
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
from .files import SizedPieces, failure_of
from .protocol.exchanges import Body, FileBody, Request
from .settings import NO_DEADLINE, Deadline, HttpSettings, join_cookies
from .sync_answer import Answer


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
        self._defaults = dict(default_headers() if self._owned else {})
        self._lingering: deque[Answer] = deque()
        self._open: weakref.WeakSet[Answer] = weakref.WeakSet()
        self._waiting: set[CutOff] = set()
        # Reentrant, because a signal handler can close the client in the midst of a call.
        self._lock = RLock()
        self._closed = False
        self._pid: int | None = None

    def check_usable(self) -> None:
        """Raise a `UsageError` where nothing can be sent, which says why."""
        if self._closed:
            raise UsageError("This client is closed; make a new one.")
        if self._is_elsewhere():
            raise UsageError("This client was used before a fork; make one in each process.")

    def send(self, request: Request, deadline: Deadline) -> Answer:
        """Send a request and read the head of the answer.

        Raises:
            TransportError: there is no answer; `retryable` says whether anything was sent.
            UsageError: the address or the proxy cannot be used.
        """
        self.check_usable()
        self._pid = os.getpid()
        self._drain_lingering(deadline)
        proxy = self._settings.proxy_for(request.url, owned=self._owned)
        prepared, environment = self._prepare(request, proxy)
        timeout = self._settings.timeout
        environment["timeout"] = (deadline.cap(timeout.connect), deadline.cap(timeout.idle))
        cut_off = CutOff(deadline.left(), environment["timeout"][1])
        with self._lock:
            self._waiting.add(cut_off)
        try:
            response = self._send(request, prepared, environment, deadline, cut_off)
            answer = self._answer(response, request.url, deadline, cut_off)
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
            failed = self._translate(error, request.url, deadline, bool(proxies))
            raise failed from without_texts(error)

    def _answer(
        self, response: requests.Response, url: str, deadline: Deadline, cut_off: CutOff
    ) -> Answer:
        try:
            if "Set-Cookie" in response.headers:
                extract_cookies_to_jar(self._session.cookies, response.request, response.raw)  # type: ignore[no-untyped-call]
            if cut_off.done:
                raise closed_meanwhile(url) if self._closed else deadline.passed()
            if response.status_code < 200:
                _refuse_interim(response, url)
            return Answer(response, url, self._settings.timeout.idle, deadline, cut_off)
        except BaseException:
            response.close()
            raise

    def _prepare(
        self, request: Request, proxy: str | None
    ) -> tuple[requests.PreparedRequest, dict[str, Any]]:
        """Return a request and the settings of its sending, the session's own among them."""
        verify = self._verify(request.url)
        proxies = {"http": proxy, "https": proxy} if proxy else {}
        environment: dict[str, Any] = {"proxies": proxies, "verify": verify, "stream": True}
        # By names in any case: the protocol's own must not come twice, nor give way.
        headers = CaseInsensitiveDict({**self._defaults, **self._settings.headers})
        headers.update(request.headers)
        cookies = headers.pop("Cookie", None)  # requests would send no others beside it
        try:
            if self._owned:
                prepared = self._prepare_own(request, headers)
            else:
                # None in place of a cookie header that the session itself may have.
                theirs: Any = headers if cookies is None else {**headers, "Cookie": None}
                prepared = self._session.prepare_request(
                    requests.Request(
                        request.method, request.url, data=_data(request.body), headers=theirs
                    )
                )
                environment |= self._session.merge_environment_settings(
                    prepared.url or "", proxies, True, verify, None
                )
        except (requests.RequestException, ValueError):
            # From None: the cause can show the header.
            raise UsageError("The site's address or a header cannot be used.") from None
        if cookies is not None:
            prepared.headers["Cookie"] = join_cookies(cookies, prepared.headers.get("Cookie"))
        return prepared, environment

    def _prepare_own(
        self, request: Request, headers: CaseInsensitiveDict[str]
    ) -> requests.PreparedRequest:
        """Prepare a request for a session of which only cookies are to be merged.

        The session would merge all its settings and parse the address again, for 150 us.
        """
        prepared = requests.PreparedRequest()
        prepared.method = request.method
        prepared.url = _prepared_url(request.url)
        prepared.headers = headers
        if self._session.cookies:
            prepared.prepare_cookies(self._session.cookies)
        prepared.prepare_body(_data(request.body), None)
        return prepared

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
        self._closed = True
        if self._is_elsewhere():
            return  # the connections are those of the other process
        with self._lock:
            answers, waiting = list(self._open), list(self._waiting)
        if not self._owned:
            self._drain_lingering(NO_DEADLINE)
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
        if deadline.is_over():
            return deadline.passed()
        if isinstance(error, requests.ConnectTimeout):
            return connect_timed_out(url, timeout.connect)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return untrusted(url)
        if isinstance(reason, _NEVER_SENT) or _is_refused_tunnel(reason):
            return connect_failed(url, through_proxy=through_proxy)
        if isinstance(error, requests.Timeout) or isinstance(reason, TimeoutError):
            return answer_timed_out(url, timeout.idle)
        return connection_lost(url)


_SEND_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
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


@lru_cache(maxsize=32)
def _prepared_url(url: str) -> str | None:
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    return prepared.url


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
