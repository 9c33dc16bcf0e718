"""Connections of aiohttp that go on only where they were paused."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.client_proto import ResponseHandler

from chatgpt4online import AsyncClient
from chatgpt4online.async_connections import Handler

from .loopback import CHUNKED, HELLO, PATIENCE, LoopbackServer, ai_site, chunk, end, live, send

PIECE = "x" * 1000
PIECES = 5000


@pytest.fixture
def resumed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Notes each time that aiohttp's own way of going on is taken."""
    calls: list[bool] = []
    original = ResponseHandler.resume_reading

    def resume_reading(self: ResponseHandler, resume_parser: bool = True) -> None:
        calls.append(resume_parser)
        original(self, resume_parser)

    monkeypatch.setattr(ResponseHandler, "resume_reading", resume_reading)
    return calls


def test_a_reader_that_keeps_up_never_has_the_connection_go_on(resumed: list[bool]) -> None:
    async def main(url: str) -> None:
        async with AsyncClient(url) as client:
            for _ in range(3):
                assert (await client.generate("Hi")).text == "Hello"

    with LoopbackServer(ai_site(HELLO)) as server:
        asyncio.run(main(server.url))
        assert server.connections == 1
    assert not resumed


@pytest.mark.parametrize("events_a_chunk", [1, 100, PIECES])
def test_a_reader_that_falls_behind_holds_the_site_up_and_loses_nothing(
    events_a_chunk: int, resumed: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = asyncio.Event()

    def pause_reading(self: Handler) -> None:
        paused.set()
        original(self)

    original = Handler.pause_reading
    monkeypatch.setattr(Handler, "pause_reading", pause_reading)

    async def main(url: str) -> None:
        async with AsyncClient(url) as client:
            stream = await client.stream("Hi")
            async with asyncio.timeout(PATIENCE):
                await paused.wait()
            assert not resumed
            assert "".join([piece async for piece in stream]) == PIECE * PIECES
            assert resumed
            assert (await client.generate("Hi")).text == PIECE * PIECES

    sent = chunk(live(PIECE) * events_a_chunk) * (PIECES // events_a_chunk)
    reply = CHUNKED + sent + chunk(end(PIECE * PIECES)) + b"0\r\n\r\n"
    with LoopbackServer(ai_site(send(reply))) as server:
        asyncio.run(main(server.url))
        assert server.connections == 1
