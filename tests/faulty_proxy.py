"""A reverse proxy that makes a share of the requests to a site fail, in random ways."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from socket import SO_LINGER, SOL_SOCKET
from typing import Self
from urllib.parse import urlsplit

from .loopback import response

SILENCE = 30.0
"""How long a stalling fault lasts, in seconds. The client gives up earlier."""
WALL = "<!DOCTYPE html><html><title>Just a moment...</title>"


class Gone(Exception):
    """The connection to the client must be closed."""


class FaultyProxy:
    """Forwards requests to a site, except for those that get a fault.

    Args:
        site: The URL of the site.
        share: The share of requests that get a fault, from 0 to 1.
        seed: The seed of the faults. They are only repeatable if the order of requests is.

    Attributes:
        url: The URL of the proxy, while it is running.
        faults: How often each fault was injected.
    """

    def __init__(self, site: str, share: float, seed: int) -> None:
        self.url = ""
        self.faults: Counter[str] = Counter()
        self._share = share
        self._port = urlsplit(site).port
        self._random = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = head.lower().partition(b"\r\n")[2].split(b"\r\n")
                lengths = [line for line in headers if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
                await self._handle(head + body, writer)
        except (Gone, asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass  # the client is gone, or the proxy is closing
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _handle(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        if self._random.random() >= self._share:
            return await self._forward(request, writer)
        fault = self._random.choice(list(FAULTS))
        self.faults[fault] += 1
        await FAULTS[fault](self, request, writer)

    async def _forward(
        self, request: bytes, writer: asyncio.StreamWriter, most: int | None = None
    ) -> None:
        """Forward a request, and at most `most` bytes of the response. Default: all."""
        reader, upstream = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            start, _, rest = request.partition(b"\r\n")
            upstream.write(start + b"\r\nConnection: close\r\n" + rest)
            head = await reader.readuntil(b"\r\n\r\n")
            data = head.replace(b"Connection: close\r\n", b"")
            while data and (most is None or most > 0):
                writer.write(data if most is None else data[:most])
                await writer.drain()
                most = None if most is None else most - len(data)
                data = await reader.read(65536)
        finally:
            upstream.close()

    async def refuse(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        raise Gone

    async def lose_the_response(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        await self._forward(request, writer, 0)
        raise Gone

    async def cut(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        await self._forward(request, writer, self._random.randrange(1, 1200))
        raise Gone

    async def reset(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        await self._forward(request, writer, self._random.randrange(1, 1200))
        socket = writer.get_extra_info("socket")
        socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    async def stall(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        await self._forward(request, writer, self._random.randrange(1, 1200))
        await asyncio.sleep(SILENCE)
        raise Gone

    async def send_garbage(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        await self._forward(request, writer, self._random.randrange(0, 1200))
        writer.write(self._random.randbytes(400))
        raise Gone

    async def send_503(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(response(WALL, 503, "Retry-After: 0"))

    async def send_wall(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(response(WALL, 403))

    async def refuse_nonce(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        refusal = {"code": "rest_cookie_invalid_nonce", "message": "m", "data": {"status": 403}}
        writer.write(response(json.dumps(refusal), 403))

    async def redirect(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(response("", 302, "Location: http://site.invalid/"))

    async def fail(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(response("<b>Fatal error</b>", 500))


_Fault = Callable[[FaultyProxy, bytes, asyncio.StreamWriter], Awaitable[None]]
FAULTS: dict[str, _Fault] = {
    "refused": FaultyProxy.refuse,
    "response lost": FaultyProxy.lose_the_response,
    "cut": FaultyProxy.cut,
    "reset": FaultyProxy.reset,
    "stall": FaultyProxy.stall,
    "garbage": FaultyProxy.send_garbage,
    "503": FaultyProxy.send_503,
    "wall": FaultyProxy.send_wall,
    "nonce refused": FaultyProxy.refuse_nonce,
    "redirect": FaultyProxy.redirect,
    "500": FaultyProxy.fail,
}
