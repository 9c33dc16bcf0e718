"""The module-level functions for one-off calls."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

import chatgpt4online
from chatgpt4online import ConnectError, EndEvent, Timeout, UsageError, astream
from chatgpt4online.server import LocalSite

from .drivers import NO_RETRY, AsyncDriver
from .loopback import CHUNKED, LoopbackServer, ai_site, chunk, end, live, stall

REPLY = "You said: Hi (1 word)"


def test_generate(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalSite() as site:
        reply = chatgpt4online.generate("Hi", site.url, bot_id="b", timeout=Timeout(), model="m")
        monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
        assert str(chatgpt4online.generate("Hi")) == str(reply) == REPLY
    assert [item.get("botId") for item in site.app.submissions] == ["b", "default"]
    assert [item.get("model") for item in site.app.submissions] == ["m", None]
    assert "timeout" not in site.app.submissions[0]


def test_stream() -> None:
    with LocalSite() as site:
        stream = chatgpt4online.stream("Hi", site.url)
        assert "".join(stream) == stream.reply.text == REPLY
        with chatgpt4online.stream("Hi", site.url) as stream:
            assert next(stream) == "You"


def test_abandoned_stream_closes_its_client() -> None:
    with LocalSite() as site:
        for piece in chatgpt4online.stream("Hi", site.url):
            assert piece == "You"
            break


def test_agenerate_and_astream() -> None:
    async def run() -> None:
        async with LocalSite() as site:
            assert str(await chatgpt4online.agenerate("Hi", site.url)) == REPLY
            assert (
                "".join([piece async for piece in chatgpt4online.astream("Hi", site.url)]) == REPLY
            )
            async with chatgpt4online.astream("Hi", site.url) as stream:
                assert await anext(stream) == "You"
            opened = await chatgpt4online.astream("Hi", site.url)
            await opened.close()
            await chatgpt4online.astream("Hi", site.url).close()
        assert len(site.app.submissions) == 4

    asyncio.run(run())


def test_failed_calls_close_their_clients(dead_port: int) -> None:
    site = f"http://127.0.0.1:{dead_port}"

    async def run() -> None:
        with pytest.raises(ConnectError):
            await chatgpt4online.agenerate("Hi", site, retry=NO_RETRY)
        with pytest.raises(ConnectError):
            await chatgpt4online.astream("Hi", site, retry=NO_RETRY)
        with pytest.raises(UsageError):
            chatgpt4online.astream("", site)

    for call in (chatgpt4online.generate, chatgpt4online.stream):
        with pytest.raises(ConnectError):
            call("Hi", site, retry=NO_RETRY)
        with pytest.raises(UsageError):
            call("", site)
    asyncio.run(run())


def test_cancelled_close_closes_the_client() -> None:
    """While the stream waits for the end of the body, after the reply."""

    async def run(site: str) -> None:
        stream = astream("Hi", site)
        async with contextlib.aclosing(stream.events()) as events:
            async for event in events:
                if isinstance(event, EndEvent):
                    break
        closing = asyncio.create_task(stream.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing

    with LoopbackServer(ai_site(stall(CHUNKED + chunk(live("Hello")) + chunk(end())))) as server:
        driver = AsyncDriver()
        driver.runner.run(run(server.url))
        driver.close()


@pytest.mark.parametrize("read", ["nothing", "a piece"])
def test_garbage_collected_astream_closes_its_client(read: str) -> None:
    async def run(site: str) -> None:
        stream = astream("Hello there", site)
        if read == "a piece":
            assert await anext(stream) == "You"

    with LocalSite() as site:
        driver = AsyncDriver()
        driver.runner.run(run(site.url))
        driver.close()
