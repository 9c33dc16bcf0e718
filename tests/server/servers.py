"""Servers in front of each source of replies, and an upstream that a test controls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chatgpt4online.server import LocalSite, offline_bot
from chatgpt4online.server.serving import Server
from chatgpt4online.server.site_source import SiteSource
from chatgpt4online.server.sources import BotSource, Source
from chatgpt4online.server.upstream import UpstreamSource

from ..loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    chunk,
    response,
)


@contextlib.contextmanager
def running(
    make_source: Callable[[], Source] = lambda: BotSource(offline_bot), **options: Any
) -> Iterator[str]:
    """Run a server in a thread of its own. Yields its address."""
    started: queue.SimpleQueue[str | BaseException] = queue.SimpleQueue()
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
        async with Server(make_source(), **options) as server:
            started.put(server.url)
            await stopped.wait()

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - it fails the test
            started.put(error)

    thread = threading.Thread(target=main)
    thread.start()
    url = started.get(timeout=WAIT_LIMIT)
    if isinstance(url, BaseException):
        thread.join()
        raise url
    try:
        yield url
    finally:
        stop[0]()
        thread.join()
    assert started.empty(), started.get()


def upstream(url: str) -> Callable[[], Source]:
    return lambda: UpstreamSource(url, "small")


def site(url: str, **arguments: Any) -> Callable[[], Source]:
    return lambda: SiteSource({"site": url, **arguments})


@contextlib.contextmanager
def behind_an_upstream() -> Iterator[str]:
    with running() as url, running(lambda: UpstreamSource(url, "default")) as front:
        yield front


@contextlib.contextmanager
def behind_a_site() -> Iterator[str]:
    with LocalSite() as local, running(site(local.url)) as front:
        yield front


SOURCES = {"offline": running, "upstream": behind_an_upstream, "site": behind_a_site}
"""Each source of the same replies, with a server in front of it."""


def piece(text: str, finish_reason: str | None = None) -> bytes:
    """Return a part of an upstream's stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return event({"id": "1", "object": "chat.completion.chunk", "choices": [choice]})


def event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def streamed(*parts: bytes, complete: bool = True) -> Handler:
    """Return a handler that sends a stream; without its end, the connection breaks."""

    def handle(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + b"".join(map(chunk, parts)) + (chunk(b"") if complete else b""))
        if not complete:
            connection.close()

    return handle


def refused(status: int, message: str, code: str | None = None, *headers: str) -> Handler:
    """Return a handler that sends an error of OpenAI's API."""
    body = {"error": {"message": message, "type": "t", "param": None, "code": code}}
    answer = response(body, status, "Content-Type: application/json", *headers)
    return lambda connection, request: connection.send(answer)


class HandedOut:
    """An upstream whose replies have a piece only when the test hands it out.

    Attributes:
        left: Set when a client has left before the end of its reply.
    """

    def __init__(self) -> None:
        self.left = threading.Event()
        self.arrived = threading.Event()
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def hand_out(self, text: str) -> None:
        self._pieces.put(chunk(piece(text)))

    def finish(self) -> None:
        self._pieces.put(chunk(piece("", "stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))

    def wait_for_leaving(self) -> None:
        """Have the reply wait until its client leaves."""
        self._pieces.put(b"")

    def __call__(self, connection: Connection, request: Received) -> None:
        self.arrived.set()
        connection.send(CHUNKED)
        while data := self._pieces.get(timeout=WAIT_LIMIT):
            connection.send(data)
            if data.endswith(chunk(b"")):
                return
        connection.wait_closed()
        self.left.set()
        connection.close()


@contextlib.contextmanager
def handing_out() -> Iterator[tuple[HandedOut, LoopbackServer]]:
    control = HandedOut()
    with LoopbackServer(control) as server:
        yield control, server
