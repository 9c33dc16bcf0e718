"""How long the async client waits between two pieces, by a clock that the tests set."""

from __future__ import annotations

import asyncio
import queue
import threading
import zlib
from collections.abc import Awaitable, Callable

import pytest

from chatgpt4online import AsyncClient, AsyncReplyStream, IncompleteReply, Timeout

from .loopback import (
    CHUNKED,
    PATIENCE,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
    events_head,
    live,
)

IDLE, STEP = 100.0, 1.0
START = CHUNKED + chunk(live("a"))


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Site:
    """A site that sends what it is told, when it is told."""

    def __init__(self, start: bytes) -> None:
        self._start = start
        self._next: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._sent = threading.Semaphore(0)

    def submit(self, connection: Connection, request: Received) -> None:
        connection.send(self._start)
        while data := self._next.get(timeout=PATIENCE):
            connection.send(data)
            self._sent.release()

    def send(self, data: bytes) -> None:
        """Send bytes, which have arrived when this returns; the event loop stands still."""
        self._next.put(data)
        assert self._sent.acquire(timeout=PATIENCE)

    def finish(self) -> None:
        self._next.put(b"")


async def pass_time(loop: Loop, seconds: float) -> None:
    """Put the clock forward in small steps, and let all run that is due."""
    for _ in range(round(seconds / STEP)):
        loop.ahead += STEP
        for _ in range(4):  # a timer, what it leaves for the next turn, and who waits for it
            await asyncio.sleep(0)


def run(
    check: Callable[[AsyncReplyStream, Site, Loop], Awaitable[None]],
    start: bytes = START,
    idle: float | None = IDLE,
) -> None:
    """Check a stream of which the first piece has been read."""

    site = Site(start)

    async def main(url: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        async with AsyncClient(url, timeout=Timeout(idle=idle)) as client:
            stream = client.stream("Hi")
            assert await anext(stream) == "a"
            await check(stream, site, loop)

    with (
        LoopbackServer(ai_site(site.submit)) as server,
        asyncio.Runner(loop_factory=Loop) as runner,
    ):
        try:
            runner.run(main(server.url))
        finally:
            site.finish()


def test_each_wait_has_the_whole_time() -> None:
    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        for text in "bcd":
            reading = asyncio.ensure_future(anext(stream))
            await pass_time(loop, IDLE * 0.95)
            assert not reading.done()
            site.send(chunk(live(text)))
            assert await reading == text
        reading = asyncio.ensure_future(anext(stream))
        await pass_time(loop, IDLE * 1.25)
        assert reading.done()
        with pytest.raises(IncompleteReply, match="100 seconds") as caught:
            await reading
        assert caught.value.partial_text == "abcd"

    run(check)


def test_a_caller_who_takes_his_time_uses_up_none() -> None:
    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        for text in "bc":
            await pass_time(loop, IDLE * 3)
            reading = asyncio.ensure_future(anext(stream))
            await pass_time(loop, IDLE * 0.95)
            assert not reading.done()
            site.send(chunk(live(text)))
            assert await reading == text

    run(check)


PACKED = zlib.compress(live("b"), wbits=31)
PACKED_START = events_head("Content-Encoding: gzip", "Connection: close") + zlib.compress(
    live("a"), wbits=31
)


@pytest.mark.parametrize(
    ("start", "slow", "rest"),
    [
        (START, f"{len(live('b')):x};why=none\r\n".encode(), live("b") + b"\r\n"),
        (PACKED_START, PACKED[:10], PACKED[10:]),
    ],
    ids=["chunk extension", "gzip"],
)
def test_a_site_that_sends_what_is_no_text_yet_is_not_silent(
    start: bytes, slow: bytes, rest: bytes
) -> None:
    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        reading = asyncio.ensure_future(anext(stream))
        for byte in slow:
            await pass_time(loop, IDLE * 0.9)
            site.send(bytes([byte]))
        await pass_time(loop, IDLE * 0.9)
        assert not reading.done()
        site.send(rest)
        assert await reading == "b"

    run(check, start)


def test_an_event_loop_that_stood_still_loses_nothing() -> None:
    """Both are due then: the end of the wait, and what has arrived meanwhile."""

    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        reading = asyncio.ensure_future(anext(stream))
        await pass_time(loop, IDLE * 0.5)
        site.send(chunk(live("b")))
        loop.ahead += IDLE * 3
        assert await reading == "b"
        reading = asyncio.ensure_future(anext(stream))
        await pass_time(loop, IDLE * 0.5)
        site.send(chunk(end("ab")))
        with pytest.raises(StopAsyncIteration):
            await reading
        assert stream.reply.text == "ab"

    run(check)


def test_without_a_limit_nothing_is_timed() -> None:
    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        reading = asyncio.ensure_future(anext(stream))
        await pass_time(loop, IDLE * 3)
        assert not reading.done()
        site.send(chunk(live("b")))
        assert await reading == "b"

    run(check, idle=None)


def test_nothing_is_timed_once_all_is_at_its_end() -> None:
    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        under_way = stream._transport._under_way
        await pass_time(loop, IDLE)
        assert under_way._timer is not None
        await stream.close()
        await pass_time(loop, 3 * STEP)
        assert under_way._timer is None

    run(check)


def test_a_connection_that_is_lost_unnoticed_ends_the_wait() -> None:
    """After a chunk that is none aiohttp lets a reader wait for ever."""

    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        reading = asyncio.ensure_future(anext(stream))
        await pass_time(loop, STEP)
        site.send(b"no chunk\r\n")
        await pass_time(loop, 3 * STEP)
        assert reading.done()
        with pytest.raises(IncompleteReply, match="was cut, or did not carry HTTP"):
            await reading

    run(check, idle=None)
