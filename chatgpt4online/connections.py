"""Connections of requests that another thread can cut.

No timeout of requests bounds a request as a whole, and closing a session does not wake a thread
that waits for an answer. Only the shutdown of its socket does both.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import weakref
from collections.abc import Callable, Iterator
from threading import RLock, Timer, local
from typing import Any, BinaryIO, Protocol, cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from .chunked import ChunkedResponse

_POOL_SIZE = 100


class Cuttable(Protocol):
    """What a `CutOff` can end: an answer whose socket is not known."""

    def shutdown(self) -> object:
        """End the reading."""


class CutOff:
    """Cuts the connection of one request, at a time or when told to.

    Args:
        seconds: from now; None for never.
        idle: the longest wait while the request is sent, in seconds; None for no limit.

    Attributes:
        done: whether the connection was cut, or is to be as soon as there is one.
        answer: the answer as http.client has it; None where it is not known.
    """

    def __init__(self, seconds: float | None, idle: float | None = None) -> None:
        self.done = False
        self.idle = idle
        self.answer: WholeResponse | None = None
        self._target: weakref.ref[socket.socket | Cuttable] | None = None
        # Reentrant, because the garbage collector can disarm in the midst of a cut.
        self._lock = RLock()
        self._timer: Timer | None = None
        self._start(seconds)

    def _start(self, seconds: float | None) -> None:
        if seconds is not None:
            self._timer = Timer(seconds, self.cut)
            self._timer.daemon = True
            self._timer.start()

    @property
    def is_aimed(self) -> bool:
        """Whether it is known what to cut."""
        return self._target is not None

    def aim(self, target: object) -> None:
        """Say what is cut: a socket, or an answer, which is not kept."""
        while not isinstance(target, socket.socket) and hasattr(target, "socket"):
            target = target.socket  # TLS within the TLS of a proxy
        with self._lock:
            self._target = weakref.ref(cast("socket.socket | Cuttable", target))
        if self.done:
            self.cut()

    def cut(self) -> None:
        """Cut the connection now; one that is still to be made is cut when it is."""
        with self._lock:
            self.done = True
            target = self._target() if self._target is not None else None
            with contextlib.suppress(RuntimeError, ValueError, OSError):
                if isinstance(target, socket.socket):
                    # Not its own shutdown: that of a TLS socket goes back to plain text, in
                    # which another thread would send the rest of its request.
                    socket.socket.shutdown(target, socket.SHUT_RDWR)
                elif target is not None:
                    target.shutdown()

    def disarm(self) -> None:
        """Cut nothing from here on: the connection may soon serve another request."""
        with self._lock:
            self._target = None
        if self._timer is not None:
            self._timer.cancel()

    def again(self, seconds: float | None) -> CutOff:
        """Disarm, and return what cuts the same connection in so many seconds."""
        other = CutOff(None)
        with self._lock:
            other._target = self._target
        self.disarm()
        other._start(seconds)
        return other

    @contextlib.contextmanager
    def over(self) -> Iterator[None]:
        """Apply to the request that this thread sends meanwhile."""
        _CURRENT.cut_off = self
        try:
            yield
        finally:
            _CURRENT.cut_off = None


class _Current(local):
    cut_off: CutOff | None = None


_CURRENT = _Current()


class _Head:
    """Reads the head of an answer, and tells whether it was cut off."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.is_cut = False

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        self.is_cut = not line.endswith(b"\n")
        return line

    def close(self) -> None:
        self._file.close()


class WholeResponse(ChunkedResponse):
    """An answer whose head is whole: http.client takes a cut one for a short one."""

    def begin(self) -> None:
        file = self.fp
        head: Any = _Head(file)
        self.fp = head
        try:
            super().begin()
        finally:
            if self.fp is head:
                self.fp = file
        if head.is_cut:
            self.close()
            raise http.client.RemoteDisconnected("The connection was closed within the head.")
        # urllib3 would log what of the head it cannot parse.
        self.msg.defects.clear()
        self.msg.set_payload("")
        if _CURRENT.cut_off is not None:
            _CURRENT.cut_off.answer = self


class _Connection(HTTPConnection):
    response_class = WholeResponse
    _held: list[bytes] | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        try:
            self._aim(sock)
        except OSError:
            sock.close()
            raise
        return sock

    def _tunnel(self) -> None:
        self._aim(self.sock)
        super()._tunnel()
        self._aim(self.sock)  # an answer that was cut off looks like one that is short

    def connect(self) -> None:
        try:
            super().connect()
            self._aim(self.sock)
        except TimeoutError as error:
            # urllib3 calls a TLS handshake that stalls a read timeout, as if it had sent.
            raise ConnectTimeoutError(self, "The connection timed out.") from error
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:
            raise NewConnectionError(self, "The connection could not be made.") from error
        if _CURRENT.cut_off is not None and self.sock is not None:
            # urllib3 leaves the time to connect in force while the request is sent.
            self.sock.settimeout(_CURRENT.cut_off.idle)

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:
            self._aim(self.sock)
            if _CURRENT.cut_off is not None:
                self.timeout = _CURRENT.cut_off.idle
        if not isinstance(options.get("body"), bytes):
            super().request(*arguments, **options)
            return
        # Head and body go in one packet: urllib3 would send two, and each takes up to 300 us.
        held: list[bytes] = []
        self._held = held
        try:
            super().request(*arguments, **options)
        finally:
            self._held = None
        self.send(b"".join(held))

    def send(self, data: Any) -> None:
        """Send bytes, or hold them back until the request is whole."""
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)

    def _aim(self, sock: object) -> None:
        cut_off = _CURRENT.cut_off
        if cut_off is not None:
            cut_off.aim(sock)
            if cut_off.done:
                raise ConnectionAbortedError("The request was called off before it was sent.")


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Last:
    """Keeps what was found last: a client asks for the same again and again.

    To find the pool and the address of a request takes requests 60 us.
    """

    def __init__(self) -> None:
        self._known: tuple[object, Any] = (None, None)

    def find(self, wanted: object, find: Callable[..., Any], *arguments: Any) -> Any:
        """Return what was found for the same as `wanted`, or else ``find(*arguments)``."""
        known, found = self._known
        if known != wanted:
            found = find(*arguments)
            self._known = (wanted, found)
        return found


class CuttableAdapter(HTTPAdapter):
    """An adapter for sessions of requests whose connections a `CutOff` can cut."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=_POOL_SIZE)
        self._pool, self._url = _Last(), _Last()

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        wanted = (request.url, verify, tuple((proxies or {}).items()), cert)
        find = super().get_connection_with_tls_context
        return self._pool.find(wanted, find, request, verify, proxies, cert)

    def request_url(self, request: PreparedRequest, proxies: Any) -> Any:
        wanted = (request.url, tuple((proxies or {}).items()))
        return self._url.find(wanted, super().request_url, request, proxies)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def close(self) -> None:
        # Of its own accord a pool closes its connections only when nothing refers to it any
        # more, and errors do.
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no dict
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()
