"""Closing an async stream or client in the ways of frameworks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading

import pytest

from chatgpt4online import AsyncClient, AsyncReplyStream, astream

from ..loopback import (
    CHUNKED,
    HELLO,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    live,
)


class EndlessReply:
    """A reply that goes on until the client disconnects.

    Attributes:
        left: Set when it has.
    """

    def __init__(self) -> None:
        self.left = threading.Event()

    def __call__(self, connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")))
        connection.wait_closed()
        connection.close()
        self.left.set()


async def wait(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 20)


def test_aclosing() -> None:
    reply = EndlessReply()

    async def run(url: str) -> None:
        async with contextlib.aclosing(AsyncClient(url)) as client:
            async with contextlib.aclosing(client.stream("Hi")) as stream:
                assert await anext(stream) == "Hello"
            await wait(reply.left)

    with LoopbackServer(ai_site(reply)) as server:
        asyncio.run(run(server.url))


def test_close_that_is_not_awaited() -> None:
    reply = EndlessReply()

    async def run(url: str) -> None:
        async with AsyncClient(url) as client:
            stream = client.stream("Hi")
            assert await anext(stream) == "Hello"
            stream.close()
            gc.collect()
            await wait(reply.left)

    with LoopbackServer(ai_site(reply)) as server:
        asyncio.run(run(server.url))


def test_close_in_another_thread() -> None:
    """Django closes an async stream in a thread."""
    reply = EndlessReply()

    async def run(url: str) -> None:
        stream = astream("Hi", url)
        assert await anext(stream) == "Hello"
        await asyncio.to_thread(stream.close)
        await wait(reply.left)

    with LoopbackServer(ai_site(reply)) as server:
        asyncio.run(run(server.url))


def test_close_after_the_event_loop_has_ended() -> None:
    reply = EndlessReply()

    async def run(url: str) -> None:
        client = AsyncClient(url)
        streams.append(client.stream("Hi"))
        assert await anext(streams[0]) == "Hello"
        await client.close()

    streams: list[AsyncReplyStream] = []
    with LoopbackServer(ai_site(reply)) as server:
        asyncio.run(run(server.url))
        streams.pop().close()


@pytest.mark.parametrize("in_a_loop", [True, False])
def test_close_of_a_stream_that_was_never_used(in_a_loop: bool) -> None:
    async def close(url: str) -> None:
        astream("Hi", url).close()

    with LoopbackServer(ai_site(HELLO)) as server:
        if in_a_loop:
            asyncio.run(close(server.url))
        else:
            astream("Hi", server.url).close()
        assert server.requests == []


def test_a_complete_stream_keeps_its_connection_whatever_is_awaited() -> None:
    async def run(url: str) -> None:
        async with AsyncClient(url) as client:
            for _ in range(3):
                stream = client.stream("Hi")
                assert (await stream.read()).text == "Hello"
                await asyncio.to_thread(stream.close)
                await stream.aclose()

    with LoopbackServer(ai_site(HELLO)) as server:
        asyncio.run(run(server.url))
        assert server.connections == 1
