"""An HTTP server on loopback that controls every byte, delay and disconnect."""

from __future__ import annotations

import contextlib
import gc
import json
import queue
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

WAIT_LIMIT = 20.0
"""Seconds after which a wait fails a test. No passing test waits that long."""

CERTIFICATE = str(Path(__file__).parent / "tls" / "cert.pem")
SESSION = {"success": True, "sessionId": "s1", "restNonce": "n000000001"}
USER = {"id": 2, "name": "ann"}


@dataclass(frozen=True)
class Received:
    """A request, as received by the server."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """The server's side of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb")
        self.open = True

    def read_request(self) -> Received | None:
        """Return the next request, or None if the client closed the connection."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            if not line:
                return None
            head += line
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = {}
        for text in lines:
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = self._file.read(int(headers.get("content-length", "0")))
        return Received(method, target, headers, body)

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def tunnel(self, port: int) -> None:
        """Pass all bytes on to a port of this machine, and back."""
        with socket.create_connection(("127.0.0.1", port)) as site:
            forward(self._sock, site)
        self.close()

    def wait_closed(self) -> None:
        """Wait until the client has closed the connection."""
        with contextlib.suppress(ConnectionError):
            assert self._sock.recv(1) == b""

    def close(self) -> None:
        self.open = False
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._file.close()
        self._sock.close()

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.open = False
        self._file.close()
        self._sock.close()


Handler = Callable[[Connection, Received], None]


class LoopbackServer:
    """Serves a handler on a free port, with a thread per connection.

    Attributes:
        requests: All requests, in order of arrival.
        connections: Number of accepted connections.
    """

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self._handler = handler
        self._tls = tls
        self._errors: queue.SimpleQueue[Exception] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open: list[Connection] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def prompts(self) -> list[Received]:
        """The requests that sent a prompt."""
        return [request for request in self.requests if "chats/submit" in request.target]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection._sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        if not self._errors.empty():
            raise self._errors.get()

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(WAIT_LIMIT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        connection = Connection(sock)
        self._open.append(connection)
        try:
            while connection.open and (request := connection.read_request()) is not None:
                self.requests.append(request)
                self._handler(connection, request)
        except OSError:
            pass  # the client has disconnected, as some tests intend
        except Exception as error:  # noqa: BLE001 - it fails the test that serves the handler
            self._errors.put(error)
        finally:
            connection.close()


def response(
    body: bytes | str | dict[str, Any] = b"", status: int = 200, *headers: str, length: bool = True
) -> bytes:
    """Return a complete HTTP response."""
    if isinstance(body, dict):
        body = json.dumps(body)
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunk(data: bytes) -> bytes:
    """Return an HTTP chunk. Without data, it is the last chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def live(text: str) -> bytes:
    """Return an event with a piece of the reply text."""
    return b"data: " + json.dumps({"type": "live", "data": text}).encode() + b"\n\n"


def end(text: str = "Hello", **fields: Any) -> bytes:
    """Return the event that completes a reply."""
    data = json.dumps({"success": True, "reply": text, **fields})
    return b"data: " + json.dumps({"type": "end", "data": data}).encode() + b"\n\n"


def events_head(*headers: str) -> bytes:
    """Return the head of an event stream."""
    return "\r\n".join(
        ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", *headers, "", ""]
    ).encode()


CHUNKED = events_head("Transfer-Encoding: chunked")


def ai_site(submit: Handler, cookie: str = "mwai_session_id=s1") -> Handler:
    """Return a handler that opens sessions, knows its user and passes prompts to `submit`."""

    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(response(SESSION, 200, f"Set-Cookie: {cookie}; path=/; HttpOnly"))
        elif "users/me" in request.target:
            connection.send(response(USER))
        else:
            submit(connection, request)

    return handle


class Framing:
    """How a server frames and encodes a response body."""

    def __init__(self, name: str, *, chunked: bool, gzipped: bool, version: str = "1.1") -> None:
        self.name = name
        self.chunked = chunked
        headers = ["Transfer-Encoding: chunked" if chunked else "Connection: close"]
        headers += ["Content-Encoding: gzip"] if gzipped else []
        self.head = events_head(*headers).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
        self._encoder = zlib.compressobj(wbits=31) if gzipped else None

    def new(self) -> Framing:
        """Return the same framing for another response."""
        gzipped, version = self._encoder is not None, self.head[5:8].decode()
        return Framing(self.name, chunked=self.chunked, gzipped=gzipped, version=version)

    def encode(self, data: bytes) -> bytes:
        """Return the bytes on the wire, flushed so that the client can decode all of them."""
        if self._encoder is not None:
            data = self._encoder.compress(data) + self._encoder.flush(zlib.Z_SYNC_FLUSH)
        return chunk(data) if self.chunked else data

    def finish(self) -> bytes:
        """Return the end of the body. Close-delimited bodies also need a closed connection."""
        data = self._encoder.flush() if self._encoder is not None else b""
        framed = chunk(data) if self.chunked and data else data
        return framed + chunk(b"") if self.chunked else framed


FRAMINGS = [
    Framing("chunked", chunked=True, gzipped=False),
    Framing("close-delimited", chunked=False, gzipped=False),
    Framing("HTTP/1.0", chunked=False, gzipped=False, version="1.0"),
    Framing("gzip-chunked", chunked=True, gzipped=True),
    Framing("gzip-close-delimited", chunked=False, gzipped=True),
]


def reply_with(*chunks: bytes) -> Handler:
    """Return a submit handler that sends a complete chunked response."""
    return send(CHUNKED + b"".join(map(chunk, chunks)) + chunk(b""))


def sequence(*handlers: Handler) -> Handler:
    """Handle each prompt with the next handler. The last one also handles all further prompts."""
    remaining = list(handlers)

    def submit(connection: Connection, request: Received) -> None:
        (remaining.pop(0) if len(remaining) > 1 else remaining[0])(connection, request)

    return submit


def send(data: bytes) -> Handler:
    """Return a handler that sends `data` to every request."""
    return lambda connection, request: connection.send(data)


def stall(data: bytes = b"") -> Handler:
    """Return a handler that sends `data`, then nothing until the client disconnects."""

    def submit(connection: Connection, request: Received) -> None:
        connection.send(data)
        connection.wait_closed()
        connection.close()

    return submit


def cut(data: bytes = b"", *, reset: bool = False) -> Handler:
    """Return a handler that sends `data`, then closes or resets the connection."""

    def submit(connection: Connection, request: Received) -> None:
        connection.send(data)
        (connection.reset if reset else connection.close)()

    return submit


HELLO = reply_with(live("Hello"), end())
HELLO_SITE = ai_site(HELLO)


def tls_context(certificate: str = CERTIFICATE) -> ssl.SSLContext:
    """Return the TLS settings of a server. By default its certificate is self-signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, CERTIFICATE.replace("cert", "key"))
    return context


def proxy_server(targets: list[str]) -> Handler:
    """Return the handler of a proxy that refuses tunnels and replies in place of the site.

    The target of each request is appended to `targets`.
    """

    def handle(connection: Connection, request: Received) -> None:
        targets.append(request.target)
        if request.method == "CONNECT":
            connection.send(response("", 403))
            connection.close()
        else:
            HELLO_SITE(connection, request)

    return handle


def tunnel(connection: Connection, request: Received) -> None:
    """Handle a request like a proxy that makes tunnels to the sites of a test."""
    assert request.method == "CONNECT"
    connection.send(response(length=False))
    connection.tunnel(int(request.target.rpartition(":")[2]))


def forward(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes between two sockets, until both sides have closed."""
    back = threading.Thread(target=_copy, args=(other, one))
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def sockets_to(port: int) -> list[socket.socket]:
    """Return the sockets of this process that are connected to a port."""
    found = []
    for item in gc.get_objects():
        if isinstance(item, socket.socket) and item.family == socket.AF_INET:
            with contextlib.suppress(OSError):
                if item.getpeername()[1] == port:
                    found.append(item)
    return found
