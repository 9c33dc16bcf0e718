"""A SOCKS proxy on this machine."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Self

from .loopback import forward

REFUSED = 5
"""The reply of SOCKS 5 for a host that refuses the connection."""


class SocksServer:
    """A SOCKS 4 and 5 proxy that connects to the sites of a test, whatever host is asked for.

    Args:
        ports: The port of this machine to connect to for each port that is asked for.
            Default: the same one.
        user: The name and the password to ask for. Default: none.
        reply: What to answer to SOCKS 5 requests. 0 connects.

    Attributes:
        targets: The hosts that were asked for. Those that the proxy has to look up are strings,
            and those that the client has looked up are bytes.
        address: The host and the port of the proxy.
    """

    def __init__(
        self,
        ports: dict[int, int] | None = None,
        user: tuple[str, str] | None = None,
        reply: int = 0,
    ) -> None:
        self.targets: list[str | bytes] = []
        self.ports = ports or {}
        self.user = user
        self.reply = reply
        self._clients: list[socket.socket] = []
        outer = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                outer._clients.append(self.request)
                with contextlib.suppress(OSError, EOFError):
                    _serve(outer, self.request)

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._thread.join()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._server.server_close()


def _serve(server: SocksServer, client: socket.socket) -> None:
    version = _read(client, 1)[0]
    port = _read_socks5(server, client) if version == 5 else _read_socks4(server, client)
    if port is None:
        return
    with socket.create_connection(("127.0.0.1", server.ports.get(port, port))) as site:
        client.sendall(b"\5\0\0\1" + bytes(6) if version == 5 else b"\0\x5a" + bytes(6))
        forward(client, site)


def _read_socks5(server: SocksServer, client: socket.socket) -> int | None:
    """Read a request of SOCKS 5, and return the port; None if it was refused."""
    _read(client, _read(client, 1)[0])
    client.sendall(b"\5\2" if server.user else b"\5\0")
    if server.user:
        _read(client, 1)
        given = tuple(_read(client, _read(client, 1)[0]).decode() for _ in range(2))
        client.sendall(b"\1\0" if given == server.user else b"\1\1")
        if given != server.user:
            return None
    kind = _read(client, 4)[3]
    name = _read(client, {1: 4, 4: 16}.get(kind) or _read(client, 1)[0])
    server.targets.append(name.decode() if kind == 3 else name)
    (port,) = struct.unpack(">H", _read(client, 2))
    if server.reply:
        client.sendall(bytes([5, server.reply, 0, 1]) + bytes(6))
        return None
    return int(port)


def _read_socks4(server: SocksServer, client: socket.socket) -> int:
    """Read a request of SOCKS 4 or 4a, and return the port."""
    _, port = struct.unpack(">BH", _read(client, 3))
    address, _user = _read(client, 4), _read_line(client)
    named = address[:3] == bytes(3)
    server.targets.append(_read_line(client).decode() if named else address)
    return int(port)


def _read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _read_line(sock: socket.socket) -> bytes:
    line = b""
    while (byte := _read(sock, 1)) != b"\0":
        line += byte
    return line
