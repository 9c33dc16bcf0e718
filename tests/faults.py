"""A site that fails: each fault by name, at each phase of a call."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .elsewhere import tls_context
from .loopback import (
    CHUNKED,
    HELLO,
    PATIENCE,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    answer,
    chunk,
    end,
    live,
)

SILENCE, TOTAL = 0.3, 1.0
"""The longest silence, and the longest call, of a client that meets a fault; seconds."""
LINE = PAGE = 100_000
"""The limits of that client; bytes."""
NONCE_REFUSED = {"code": "rest_cookie_invalid_nonce", "message": "m", "data": {"status": 403}}
WALL = "<!DOCTYPE html><html><title>Just a moment...</title>"


class Gone(Exception):
    """The client has closed the connection, as the fault means it to."""


@dataclass
class Scene:
    """What a fault has to work with.

    Attributes:
        connection: the server's side of the connection.
        request: what the client asked.
        seen: set when the client has got all that was sent before the fault.
    """

    connection: Connection
    request: Received
    seen: threading.Event

    def send(self, data: bytes) -> None:
        try:
            self.connection.send(data)
        except OSError as error:
            raise Gone from error

    def pause(self) -> None:
        assert self.seen.wait(PATIENCE)


HALF_A_CHARACTER = b'data: {"type":"live","data":"\xd0'
# What was sent before the fault, and the text in it.
PHASES = {
    "session": (b"", ""),
    "prompt sent": (b"", ""),
    "within the head": (b"HTTP/1.1 200 OK\r\nContent-Ty", ""),
    "head received": (CHUNKED, ""),
    "first bytes": (CHUNKED + chunk(live("Hello")[:9]), ""),
    "later": (CHUNKED + chunk(live("Hel")) + chunk(live("lo")) + chunk(HALF_A_CHARACTER), "Hello"),
    "after the end": (CHUNKED + chunk(live("Hello")) + chunk(end()), "Hello"),
}  # fmt: skip
_HEADLESS = ("session", "prompt sent", "within the head")


def close(scene: Scene, phase: str) -> None:
    scene.connection.close()


def reset(scene: Scene, phase: str) -> None:
    scene.connection.reset()


def silence(scene: Scene, phase: str) -> None:
    scene.connection.wait_closed()
    scene.connection.close()


def trickle(scene: Scene, phase: str) -> None:
    """A byte now and then, so that no wait between two is long, without end."""
    if phase in ("session", "prompt sent"):
        scene.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    tick = threading.Event()
    while not tick.wait(0.02):
        scene.send(b"x" if phase in _HEADLESS else chunk(b"x"))


def flood(scene: Scene, phase: str) -> None:
    """One line as fast as it goes, without end."""
    if phase in ("session", "prompt sent"):
        scene.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        scene.send(b"x" * 65536 if phase in _HEADLESS else chunk(b"x" * 65536))


def garbage(scene: Scene, phase: str) -> None:
    scene.send(b"\x00\xff?\r\n\r\n" if phase in _HEADLESS else b"no size\r\n\r\n")
    scene.connection.close()


BREAKS: dict[str, Callable[[Scene, str], None]] = {
    "closed": close,
    "reset": reset,
    "silence": silence,
    "trickles on": trickle,
    "endless line": flood,
    "garbage": garbage,
}


def _answers(make: Callable[[Received], bytes]) -> Callable[[Scene], None]:
    return lambda scene: scene.send(make(scene.request))


def _fixed(data: bytes) -> Callable[[Scene], None]:
    return lambda scene: scene.send(data)


def _redirect(status: int, location: str) -> Callable[[Scene], None]:
    def make(request: Received) -> bytes:
        target = location.format(port=request.headers["host"].rpartition(":")[2], at=request.target)
        return answer("", status, f"Location: {target}")

    return _answers(make)


def _fine(text: str = "Hello") -> bytes:
    return live(text) + end(text)


def _short(scene: Scene) -> None:
    """Fewer bytes than were announced: the last event is not there."""
    body = _fine()
    whole = answer(body)
    scene.send(whole[: len(whole) - len(end())])
    scene.connection.close()


def _deep(levels: int) -> bytes:
    nested = b"[" * levels + b"]" * levels
    return b'data: {"type":"live","data":"Hello","metadata":' + nested + b"}\n\n"


# 256 MiB that weigh a thousandth of it.
BOMB = answer(gzip.compress(b"\n" * 32 * 2**20) * 8, 200, "Content-Encoding: gzip")
DATE = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT"
ANSWERS: dict[str, Callable[[Scene], None]] = {
    "redirect, same host": _redirect(302, "/elsewhere"),
    "redirect 301, same host": _redirect(301, "/elsewhere"),
    "redirect 303, same host": _redirect(303, "/elsewhere"),
    "redirect 307, same host": _redirect(307, "/elsewhere"),
    "redirect 308, same host": _redirect(308, "/elsewhere"),
    "redirect, other host": _redirect(302, "http://localhost:{port}{at}"),
    "redirect 301, other host": _redirect(301, "http://localhost:{port}{at}"),
    "redirect 303, other host": _redirect(303, "http://localhost:{port}{at}"),
    "redirect 307, other host": _redirect(307, "http://localhost:{port}{at}"),
    "redirect 308, other host": _redirect(308, "http://localhost:{port}{at}"),
    "redirect, other scheme": _redirect(302, "https://127.0.0.1:{port}{at}"),
    "redirect, loop": _redirect(302, "{at}"),
    "401, JSON": _fixed(answer({"code": "rest_not_logged_in", "message": "m"}, 401)),
    "403, nonce refused": _fixed(answer(NONCE_REFUSED, 403)),
    "401, nonce refused": _fixed(answer(NONCE_REFUSED, 401)),
    "403, wall": _fixed(answer(WALL, 403)),
    "200, wall": _fixed(answer(WALL, 200, "CF-Ray: 1")),
    "404, page": _fixed(answer("<html>not found", 404)),
    "429, Retry-After: 0": _fixed(answer("", 429, "Retry-After: 0")),
    "429, Retry-After: date": _fixed(answer("", 429, DATE)),
    "503, Retry-After: 0": _fixed(answer(WALL, 503, "Retry-After: 0")),
    "503, Retry-After: date": _fixed(answer(WALL, 503, DATE)),
    "503, Retry-After: 3600": _fixed(answer(WALL, 503, "Retry-After: 3600")),
    "503, maintenance": _fixed(answer("<html>Briefly unavailable for maintenance", 503)),
    "500, no JSON": _fixed(answer("<b>Fatal error</b>", 500)),
    "502, page": _fixed(answer("<html>Bad gateway", 502)),
    "200, empty": _fixed(answer(b"")),
    "200, zero bytes": _fixed(answer(b"\0" * 1000)),
    "200, binary": _fixed(answer(bytes(range(256)) * 9)),
    "200, half of the JSON": _fixed(answer('{"success": true, "reply": "Hel')),
    "200, JSON of lists": _fixed(answer("[" * 50_000)),
    "gzip bomb": _fixed(BOMB),
    "gzip that is none": _fixed(answer(_fine(), 200, "Content-Encoding: gzip")),
    "unknown encoding": _fixed(answer(b"\x1b\x02 nothing", 200, "Content-Encoding: zip")),
}
PROMPT_ONLY: dict[str, Callable[[Scene], None]] = {
    "deep JSON in an event": _fixed(answer(_deep(50_000) + end())),
    "deep JSON alone": _fixed(answer('{"a":' * 50_000)),
    "huge numbers": _fixed(
        answer(b'data: {"type":"live","data":"x","timestamp":' + b"9" * 5000 + b"}\n\n" + _fine())
    ),
    "numbers beyond floats": _fixed(
        answer(b'data: {"type":"status","data":"","timestamp":-1e999}\n\n' + _fine())
    ),
    "length too short": _fixed(answer(_fine()).replace(b"Length: ", b"Length: 1\r\nX: ")),
    "length too long": _short,
    "length of two kinds": _fixed(
        answer(_fine()).replace(b"Content-Length", b"Content-Length: 5\r\nContent-Length")
    ),
    "two answers": _fixed(answer(_fine()) + answer(_fine("Another"))),
    "an answer to nothing later": _fixed(answer(_fine()) + b"HTTP/1.1 500 Oops\r\n"),
    "no end event": _fixed(answer(live("Hello"))),
    "an error event": _fixed(answer(live("Hello") + b'data: {"type":"error","data":"m"}\n\n')),
    "end without success": _fixed(answer(live("Hello") + end(success=False, message="m"))),
    "a refusal": _fixed(answer({"success": False, "message": "m"}, 400)),
    "a limit": _fixed(answer({"success": False, "message": "m"}, 429)),
}
ONCE = " once"


@dataclass
class FaultySite:
    """A site that has one fault, and none any more once `mended`.

    Attributes:
        where: the phase, or ``session`` and ``prompt`` for a whole answer.
        fault: its name; one that ends in " once" happens to the first request only.
        seen: to be set when the client has got all that was sent before the fault.
    """

    where: str
    fault: str
    seen: threading.Event = field(default_factory=threading.Event)
    mended: bool = False

    @property
    def text(self) -> str:
        """The text that the client gets before the fault."""
        return PHASES[self.where][1] if self.where in PHASES else ""

    @contextlib.contextmanager
    def serve(self) -> Iterator[LoopbackServer]:
        with LoopbackServer(self._handle) as server:
            yield server

    def _handle(self, connection: Connection, request: Received) -> None:
        of_session = "start_session" in request.target or request.method == "GET"
        healthy: Handler = ai_site(HELLO)
        if self.mended or of_session is not self.where.startswith("session"):
            return healthy(connection, request)
        scene = Scene(connection, request, self.seen)
        name = self.fault.removesuffix(ONCE)
        self.mended = name != self.fault
        with contextlib.suppress(Gone):
            if name in BREAKS:
                self._break_off(scene, BREAKS[name])
            else:
                {**ANSWERS, **PROMPT_ONLY}[name](scene)
        return None

    def _break_off(self, scene: Scene, break_off: Callable[[Scene, str], None]) -> None:
        before, _ = PHASES[self.where]
        scene.send(before)
        if self.where not in _HEADLESS:
            scene.pause()
        break_off(scene, self.where)


@contextlib.contextmanager
def nowhere(fault: str) -> Iterator[str]:
    """Serve an address to which no connection can be made; return it."""
    if fault == "no such host":
        yield "http://site.invalid"
    elif fault == "refused":
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    elif fault == "certificate not trusted":
        with LoopbackServer(HELLO, tls_context()) as server:
            yield server.url
    elif fault == "no TLS there":
        with socket.create_server(("127.0.0.1", 0)) as listener, _plain(listener):
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    elif fault == "silence in the TLS handshake":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    else:
        assert fault == "silence"
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, _filled(listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def _plain(listener: socket.socket) -> Iterator[None]:
    """Answer in plain HTTP whatever comes, as a server does on the wrong port."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(65536)
                    sock.sendall(answer("", 400))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@contextlib.contextmanager
def _filled(listener: socket.socket) -> Iterator[None]:
    """Fill the backlog, so that the next connection waits."""
    filling = [socket.socket() for _ in range(4)]
    for sock in filling:
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
    yield
    for sock in filling:
        sock.close()
