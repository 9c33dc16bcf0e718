"""The one-call functions."""

from __future__ import annotations

import asyncio

import pytest

import chatgpt4online
from chatgpt4online import ConnectError, RetryPolicy, Timeout, UsageError, astream
from chatgpt4online.server import LocalSite

from .drivers import AsyncDriver

SAID = "You said: Hi (1 word)"


def test_generate(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalSite() as site:
        reply = chatgpt4online.generate("Hi", site.url, bot_id="b", timeout=Timeout(), model="m")
        monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
        assert str(chatgpt4online.generate("Hi")) == str(reply) == SAID
    assert [item.get("botId") for item in site.app.submissions] == ["b", "default"]
    assert [item.get("model") for item in site.app.submissions] == ["m", None]
    assert "timeout" not in site.app.submissions[0]


def test_stream() -> None:
    with LocalSite() as site:
        stream = chatgpt4online.stream("Hi", site.url)
        assert "".join(stream) == stream.reply.text == SAID
        with chatgpt4online.stream("Hi", site.url) as stream:
            assert next(stream) == "You"


def test_a_stream_that_is_left_closes_its_client() -> None:
    with LocalSite() as site:
        for piece in chatgpt4online.stream("Hi", site.url):
            assert piece == "You"
            break


def test_agenerate_and_astream() -> None:
    async def run() -> None:
        async with LocalSite() as site:
            assert str(await chatgpt4online.agenerate("Hi", site.url)) == SAID
            assert (
                "".join([piece async for piece in chatgpt4online.astream("Hi", site.url)]) == SAID
            )
            async with chatgpt4online.astream("Hi", site.url) as stream:
                assert await anext(stream) == "You"
            opened = await chatgpt4online.astream("Hi", site.url)
            await opened.close()
            await chatgpt4online.astream("Hi", site.url).close()
        assert len(site.app.submissions) == 4

    asyncio.run(run())


def test_failures_leave_nothing_open(dead_port: int) -> None:
    site, once = f"http://127.0.0.1:{dead_port}", RetryPolicy(attempts=1)

    async def run() -> None:
        with pytest.raises(ConnectError):
            await chatgpt4online.agenerate("Hi", site, retry=once)
        with pytest.raises(ConnectError):
            await chatgpt4online.astream("Hi", site, retry=once)
        with pytest.raises(UsageError):
            chatgpt4online.astream("", site)

    for function in (chatgpt4online.generate, chatgpt4online.stream):
        with pytest.raises(ConnectError):
            function("Hi", site, retry=once)
        with pytest.raises(UsageError):
            function("", site)
    asyncio.run(run())


@pytest.mark.parametrize("read", ["nothing", "a piece"])
def test_a_forgotten_astream_closes_its_client(read: str) -> None:
    async def run(site: str) -> None:
        stream = astream("Hello there", site)
        if read == "a piece":
            assert await anext(stream) == "You"

    with LocalSite() as site:
        driver = AsyncDriver()
        driver.runner.run(run(site.url))
        driver.close()
