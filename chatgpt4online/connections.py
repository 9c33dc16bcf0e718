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
from threading import Lock, Timer, local
from typing import Any, BinaryIO

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

POOL_SIZE = 100


class CutOff:
    """Cuts the connection of one request, at a time or when told to.

    Args:
        seconds: from now; None for never.
        idle: the longest wait while the request is sent, in seconds; None for no limit.

    Attributes:
        done: whether the connection was cut.
    """

    def __init__(self, seconds: float | None, idle: float | None = None) -> None:
        self.done = False
        self.idle = idle
        self._target: weakref.WeakMethod[Callable[[], object]] | None = None
        self._lock = Lock()
        self._timer: Timer | None = None
        if seconds is not None:
            self._timer = Timer(seconds, self.cut)
            self._timer.daemon = True
            self._timer.start()

    def aim(self, shutdown: Callable[[], object]) -> None:
        """Say how the connection is cut: by a method, whose object is not kept."""
        with self._lock:
            self._target = weakref.WeakMethod(shutdown)
        if self.done:
            self.cut()

    def cut(self) -> None:
        """Cut the connection now; one that is still to be made is cut when it is."""
        with self._lock:
            self.done = True
            shutdown = self._target() if self._target is not None else None
            if shutdown is not None:
                with contextlib.suppress(RuntimeError, ValueError, OSError):
                    shutdown()

    def disarm(self) -> None:
        """Cut nothing from here on: the connection may soon serve another request."""
        with self._lock:
            self._target = None
        if self._timer is not None:
            self._timer.cancel()

    @contextlib.contextmanager
    def over(self) -> Iterator[None]:
        """Apply to the request that this thread sends meanwhile."""
        _CURRENT.cut_off = self
        try:
            yield
        finally:
            _CURRENT.cut_off = None


_CURRENT = local()


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


class _Response(http.client.HTTPResponse):
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


class _Cuttable(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError as error:
            # urllib3 calls a TLS handshake that stalls a read timeout, as if it had sent.
            raise ConnectTimeoutError(self, "The connection timed out.") from error
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:
            raise NewConnectionError(self, "The connection could not be made.") from error
        cut_off: CutOff | None = getattr(_CURRENT, "cut_off", None)
        if cut_off is not None and self.sock is not None:
            # urllib3 leaves the time to connect in force while the request is sent.
            self.sock.settimeout(cut_off.idle)

    def request(self, *arguments: Any, **options: Any) -> None:
        cut_off: CutOff | None = getattr(_CURRENT, "cut_off", None)
        if cut_off is not None:
            cut_off.aim(self._shut_down)
        super().request(*arguments, **options)

    def _shut_down(self) -> None:
        if self.sock is not None:
            self.sock.shutdown(socket.SHUT_RDWR)


class _CuttableTLS(_Cuttable, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Cuttable


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _CuttableTLS


_POOLS = {"http": _Pool, "https": _TLSPool}


class CuttableAdapter(HTTPAdapter):
    """An adapter for sessions of requests whose connections a `CutOff` can cut."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=POOL_SIZE)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
