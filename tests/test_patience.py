"""How long the async client waits between two pieces: by a clock that the tests set."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

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
    live,
)

IDLE = 100.0


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class Site:
    """A site that sends what it is told, when it is told."""

    def __init__(self) -> None:
        self._next: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._sent = threading.Semaphore(0)

    def submit(self, connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("a")))
        while data := self._next.get(timeout=PATIENCE):
            connection.send(chunk(data))
            self._sent.release()
        connection.send(chunk(b""))

    def send(self, data: bytes) -> None:
        """Send bytes, which have arrived when this returns; the event loop stands still."""
        self._next.put(data)
        assert self._sent.acquire(timeout=PATIENCE)

    def finish(self) -> None:
        self._next.put(b"")


async def turns_of_the_loop() -> None:
    """Let all run that is due: a timer, what it leaves for the next turn, and who waits for it."""
    for _ in range(5):
        await asyncio.sleep(0)


@contextmanager
def told_site() -> Iterator[tuple[Site, str]]:
    site = Site()
    with LoopbackServer(ai_site(site.submit)) as server:
        yield site, server.url
        site.finish()


def run(check: Callable[[AsyncReplyStream, Site, Loop], Awaitable[None]]) -> None:
    """Check a stream of which the first piece has been read."""

    async def main(site: Site, url: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        async with AsyncClient(url, timeout=Timeout(connect=None, idle=IDLE)) as client:
            stream = client.stream("Hi")
            assert await anext(stream) == "a"
            await check(stream, site, loop)

    with told_site() as (site, url), asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main(site, url))


def test_each_wait_has_the_whole_time() -> None:
    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        for text in "bcd":
            reading = asyncio.ensure_future(anext(stream))
            await turns_of_the_loop()
            loop.ahead += IDLE * 0.75
            await turns_of_the_loop()
            assert not reading.done()
            site.send(live(text))
            assert await reading == text
        reading = asyncio.ensure_future(anext(stream))
        await turns_of_the_loop()
        loop.ahead += IDLE + 1
        with pytest.raises(IncompleteReply, match="100 seconds") as caught:
            await reading
        assert caught.value.partial_text == "abcd"

    run(check)


def test_a_caller_who_takes_his_time_uses_up_none() -> None:
    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        for text in "bc":
            loop.ahead += IDLE * 3
            await turns_of_the_loop()
            reading = asyncio.ensure_future(anext(stream))
            await turns_of_the_loop()
            loop.ahead += IDLE * 0.75
            await turns_of_the_loop()
            assert not reading.done()
            site.send(live(text))
            assert await reading == text

    run(check)


def test_an_event_loop_that_stood_still_loses_nothing() -> None:
    """Both are due then: the end of the wait, and what has arrived meanwhile."""

    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        reading = asyncio.ensure_future(anext(stream))
        await turns_of_the_loop()
        site.send(live("b"))
        loop.ahead += IDLE * 3
        assert await reading == "b"
        reading = asyncio.ensure_future(anext(stream))
        await turns_of_the_loop()
        assert not reading.done()
        site.send(end("ab"))
        with pytest.raises(StopAsyncIteration):
            await reading
        assert stream.reply.text == "ab"

    run(check)


def test_nothing_is_left_to_wait_for_when_a_stream_is_closed() -> None:
    async def check(stream: AsyncReplyStream, site: Site, loop: Loop) -> None:
        answer = stream._answer
        assert answer is not None
        timer = answer._timer
        assert timer is not None
        assert not timer.cancelled()
        await stream.close()
        assert timer.cancelled()

    run(check)
