"""A local site with one of many faults, in any phase of a call."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .loopback import (
    CHUNKED,
    HELLO_SITE,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    chunk,
    end,
    live,
    response,
    tls_context,
)

IDLE_TIMEOUT, TOTAL_TIMEOUT = 0.3, 1.0
"""Timeouts of the client in the tests, in seconds."""
LINE_LIMIT = PAGE_LIMIT = 100_000
"""Limits of the client in the tests, in bytes."""
NONCE_REJECTED = {"code": "rest_cookie_invalid_nonce", "message": "m", "data": {"status": 403}}
BOT_WALL = "<!DOCTYPE html><html><title>Just a moment...</title>"


class Disconnected(Exception):
    """The client has closed the connection, as expected."""


@dataclass
class Context:
    """Where a fault occurs.

    Attributes:
        connection: The server's side of the connection.
        request: The request that the fault affects.
        received: Set when the client has received everything that was sent before the fault.
    """

    connection: Connection
    request: Received
    received: threading.Event

    def send(self, data: bytes) -> None:
        try:
            self.connection.send(data)
        except OSError as error:
            raise Disconnected from error

    def wait_until_received(self) -> None:
        assert self.received.wait(WAIT_LIMIT)


PARTIAL_CHARACTER = b'data: {"type":"live","data":"\xd0'
# What is sent before the fault, and the text in it.
PHASES = {
    "session": (b"", ""),
    "prompt sent": (b"", ""),
    "within the head": (b"HTTP/1.1 200 OK\r\nContent-Ty", ""),
    "head received": (CHUNKED, ""),
    "first bytes": (CHUNKED + chunk(live("Hello")[:9]), ""),
    "later": (CHUNKED + chunk(live("Hel")) + chunk(live("lo")) + chunk(PARTIAL_CHARACTER), "Hello"),
    "after the end": (CHUNKED + chunk(live("Hello")) + chunk(end()), "Hello"),
}  # fmt: skip
_BEFORE_BODY = ("session", "prompt sent", "within the head")


def close(context: Context, phase: str) -> None:
    context.connection.close()


def reset(context: Context, phase: str) -> None:
    context.connection.reset()


def silence(context: Context, phase: str) -> None:
    context.connection.wait_closed()
    context.connection.close()


def trickle(context: Context, phase: str) -> None:
    """Send single bytes without end, so that the client never waits long."""
    if phase in ("session", "prompt sent"):
        context.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    tick = threading.Event()
    while not tick.wait(0.02):
        context.send(b"x" if phase in _BEFORE_BODY else chunk(b"x"))


def flood(context: Context, phase: str) -> None:
    """Send a line without end, as fast as possible."""
    if phase in ("session", "prompt sent"):
        context.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        context.send(b"x" * 65536 if phase in _BEFORE_BODY else chunk(b"x" * 65536))


def garbage(context: Context, phase: str) -> None:
    context.send(b"\x00\xff?\r\n\r\n" if phase in _BEFORE_BODY else b"no size\r\n\r\n")
    context.connection.close()


CONNECTION_FAULTS: dict[str, Callable[[Context, str], None]] = {
    "closed": close,
    "reset": reset,
    "silence": silence,
    "endless trickle": trickle,
    "endless line": flood,
    "garbage": garbage,
}


def _respond(make: Callable[[Received], bytes]) -> Callable[[Context], None]:
    return lambda context: context.send(make(context.request))


def _fixed(data: bytes) -> Callable[[Context], None]:
    return lambda context: context.send(data)


def _redirect(status: int, location: str) -> Callable[[Context], None]:
    def make(request: Received) -> bytes:
        port = request.headers["host"].rpartition(":")[2]
        target = location.format(port=port, path=request.target)
        return response("", status, f"Location: {target}")

    return _respond(make)


def _reply(text: str = "Hello") -> bytes:
    """Return the body of a complete reply."""
    return live(text) + end(text)


def _short(context: Context) -> None:
    """Send fewer bytes than announced: the end event is missing."""
    body = _reply()
    whole = response(body)
    context.send(whole[: len(whole) - len(end())])
    context.connection.close()


def _deep(levels: int) -> bytes:
    nested = b"[" * levels + b"]" * levels
    return b'data: {"type":"live","data":"Hello","metadata":' + nested + b"}\n\n"


# 256 MiB, a thousandth of that when compressed.
BOMB = response(gzip.compress(b"\n" * 32 * 2**20) * 8, 200, "Content-Encoding: gzip")
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
RETRY_AFTER_DATE = f"Retry-After: {DATE}\r\nDate: {DATE}"
RESPONSE_FAULTS: dict[str, Callable[[Context], None]] = {
    "redirect, same host": _redirect(302, "/other"),
    "redirect 301, same host": _redirect(301, "/other"),
    "redirect 303, same host": _redirect(303, "/other"),
    "redirect 307, same host": _redirect(307, "/other"),
    "redirect 308, same host": _redirect(308, "/other"),
    "redirect, other host": _redirect(302, "http://localhost:{port}{path}"),
    "redirect 301, other host": _redirect(301, "http://localhost:{port}{path}"),
    "redirect 303, other host": _redirect(303, "http://localhost:{port}{path}"),
    "redirect 307, other host": _redirect(307, "http://localhost:{port}{path}"),
    "redirect 308, other host": _redirect(308, "http://localhost:{port}{path}"),
    "redirect, other scheme": _redirect(302, "https://127.0.0.1:{port}{path}"),
    "redirect, loop": _redirect(302, "{path}"),
    "401, JSON": _fixed(response({"code": "rest_not_logged_in", "message": "m"}, 401)),
    "403, nonce rejected": _fixed(response(NONCE_REJECTED, 403)),
    "401, nonce rejected": _fixed(response(NONCE_REJECTED, 401)),
    "403, bot wall": _fixed(response(BOT_WALL, 403)),
    "200, bot wall": _fixed(response(BOT_WALL, 200, "CF-Ray: 1")),
    "404, HTML page": _fixed(response("<html>not found", 404)),
    "429, Retry-After: 0": _fixed(response("", 429, "Retry-After: 0")),
    "429, Retry-After: date": _fixed(response("", 429, RETRY_AFTER_DATE)),
    "503, Retry-After: 0": _fixed(response(BOT_WALL, 503, "Retry-After: 0")),
    "503, Retry-After: date": _fixed(response(BOT_WALL, 503, RETRY_AFTER_DATE)),
    "503, Retry-After: 3600": _fixed(response(BOT_WALL, 503, "Retry-After: 3600")),
    "503, maintenance": _fixed(response("<html>Briefly unavailable for maintenance", 503)),
    "500, not JSON": _fixed(response("<b>Fatal error</b>", 500)),
    "502, HTML page": _fixed(response("<html>Bad gateway", 502)),
    "200, empty": _fixed(response(b"")),
    "200, zero bytes": _fixed(response(b"\0" * 1000)),
    "200, binary": _fixed(response(bytes(range(256)) * 9)),
    "200, truncated JSON": _fixed(response('{"success": true, "reply": "Hel')),
    "200, nested lists": _fixed(response("[" * 50_000)),
    "gzip bomb": _fixed(BOMB),
    "invalid gzip": _fixed(response(_reply(), 200, "Content-Encoding: gzip")),
    "unknown encoding": _fixed(response(b"\x1b\x02 nothing", 200, "Content-Encoding: zip")),
}
REPLY_FAULTS: dict[str, Callable[[Context], None]] = {
    "deeply nested event": _fixed(response(_deep(50_000) + end())),
    "deeply nested JSON": _fixed(response('{"a":' * 50_000)),
    "huge number": _fixed(
        response(
            b'data: {"type":"live","data":"x","timestamp":' + b"9" * 5000 + b"}\n\n" + _reply()
        )
    ),
    "number out of range": _fixed(
        response(b'data: {"type":"status","data":"","timestamp":-1e999}\n\n' + _reply())
    ),
    "Content-Length too short": _fixed(
        response(_reply()).replace(b"Length: ", b"Length: 1\r\nX: ")
    ),
    "Content-Length too long": _short,
    "two Content-Lengths": _fixed(
        response(_reply()).replace(b"Content-Length", b"Content-Length: 5\r\nContent-Length")
    ),
    "two responses": _fixed(response(_reply()) + response(_reply("Another"))),
    "unrequested response": _fixed(response(_reply()) + b"HTTP/1.1 500 Oops\r\n"),
    "no end event": _fixed(response(live("Hello"))),
    "error event": _fixed(response(live("Hello") + b'data: {"type":"error","data":"m"}\n\n')),
    "failed end event": _fixed(response(live("Hello") + end(success=False, message="m"))),
    "rejected": _fixed(response({"success": False, "message": "m"}, 400)),
    "limit reached": _fixed(response({"success": False, "message": "m"}, 429)),
}
ONCE = " once"
"""The suffix of faults that affect only the first request."""


@dataclass
class FaultySite:
    """A site with one fault, until it is `fixed`.

    Attributes:
        phase: The phase of the call, one of `PHASES`, or which response is faulty.
        fault: The name of the fault. With the suffix " once" it affects only the first request.
        received: For the test to set when the client has received everything that was sent
            before the fault.
        fixed: Whether the fault is gone.
    """

    phase: str
    fault: str
    received: threading.Event = field(default_factory=threading.Event)
    fixed: bool = False

    @property
    def text(self) -> str:
        """The text that the client receives before the fault."""
        return PHASES[self.phase][1] if self.phase in PHASES else ""

    @contextlib.contextmanager
    def serve(self) -> Iterator[LoopbackServer]:
        with LoopbackServer(self._handle) as server:
            yield server

    def _handle(self, connection: Connection, request: Received) -> None:
        opening = "start_session" in request.target or request.method == "GET"
        if self.fixed or opening is not self.phase.startswith("session"):
            return HELLO_SITE(connection, request)
        context = Context(connection, request, self.received)
        name = self.fault.removesuffix(ONCE)
        self.fixed = name != self.fault
        with contextlib.suppress(Disconnected):
            if name in CONNECTION_FAULTS:
                self._fail(context, CONNECTION_FAULTS[name])
            else:
                {**RESPONSE_FAULTS, **REPLY_FAULTS}[name](context)
        return None

    def _fail(self, context: Context, fail: Callable[[Context, str], None]) -> None:
        data, _ = PHASES[self.phase]
        context.send(data)
        if self.phase not in _BEFORE_BODY:
            context.wait_until_received()
        fail(context, self.phase)


@contextlib.contextmanager
def unreachable_site(fault: str) -> Iterator[str]:
    """Yield the address of a site to which no connection can be made."""
    if fault == "no such host":
        yield "http://site.invalid"
    elif fault == "refused":
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    elif fault == "untrusted certificate":
        with LoopbackServer(HELLO_SITE, tls_context()) as server:
            yield server.url
    elif fault == "plain HTTP server":
        with socket.create_server(("127.0.0.1", 0)) as listener, _plain_http_server(listener):
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    elif fault == "silence in the TLS handshake":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    else:
        assert fault == "silence"
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, _full_backlog(listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def _plain_http_server(listener: socket.socket) -> Iterator[None]:
    """Respond in plain HTTP to any data, like a server on the wrong port."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(65536)
                    sock.sendall(response("", 400))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@contextlib.contextmanager
def _full_backlog(listener: socket.socket) -> Iterator[None]:
    """Fill the backlog, so that the next connection has to wait."""
    sockets = [socket.socket() for _ in range(4)]
    for sock in sockets:
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
    yield
    for sock in sockets:
        sock.close()
