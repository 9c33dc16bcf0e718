"""Turns of a conversation at the same time: the second is refused until the first has ended."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatgpt4online import (
    Client,
    UsageError,
)
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
    live,
    reply_with,
)
from .conversations import contents, echo_bot


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(bot=echo_bot) as running:
        yield running


def test_interleaved_conversations(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chats = [client.conversation() for _ in range(2)]
        streams = [chat.stream(f"from {number}") for number, chat in enumerate(chats)]
        pieces: list[list[str]] = [[], []]
        for _ in range(2):
            for number, stream in enumerate(streams):
                pieces[number].append(next(stream))
        assert [list(stream) for stream in streams] == [[], []]
        assert pieces == [["1: ", "from 0"], ["1: ", "from 1"]]
        for number, chat in enumerate(chats):
            assert chat.generate("more").text == "3: more"
            assert contents(chat)[0] == ("user", f"from {number}")
        assert site.app.sessions_opened == 1


def test_concurrent_turns_are_refused(site: LocalSite, driver: Driver) -> None:
    """The second one is not sent, and the first one is not lost."""
    with driver.client(site.url) as client:
        chat = client.conversation()
        if driver.name == "sync":
            with ThreadPoolExecutor(8) as pool:
                calls = [pool.submit(chat.generate, f"p{number}") for number in range(8)]
            outcomes = [call.exception() for call in calls]
        else:

            async def send_all() -> list[Any]:
                calls = (chat.inner.generate(f"p{number}") for number in range(8))
                return await asyncio.gather(*calls, return_exceptions=True)

            outcomes = driver.runner.run(send_all())  # type: ignore[attr-defined]
        refused = [item for item in outcomes if isinstance(item, UsageError)]
        completed = 8 - len(refused)
        assert completed >= 1
        assert len(chat.messages) == 2 * completed
        assert len(site.app.submissions) == completed


def test_turn_is_refused_while_another_is_made(site: LocalSite, driver: Driver) -> None:
    """The files of a turn are looked at after it was checked that no other one is going on."""
    refused: list[UsageError] = []

    class Files(list[bytes]):
        def __iter__(self) -> Iterator[bytes]:
            with pytest.raises(UsageError, match="still arriving") as caught:
                chat.stream("two")
            refused.append(caught.value)
            return super().__iter__()

    with driver.client(site.url) as client:
        chat = client.conversation()
        assert "".join(chat.stream("one", files=Files([b"x"]))) == "1: one"
        assert contents(chat) == [("user", "one"), ("assistant", "1: one")]
    assert len(refused) == len(site.app.submissions) == 1


def test_turn_is_refused_while_another_waits_for_its_head(driver: Driver) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        arrived.set()
        assert go_on.wait(WAIT_LIMIT)
        reply_with(end("Hello"))(connection, request)

    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        chat = client.conversation()
        first = pool.submit(chat.generate, "one")
        assert arrived.wait(WAIT_LIMIT)
        chat = getattr(chat, "inner", chat)
        try:
            with pytest.raises(UsageError, match="The last reply is still arriving"):
                chat.stream("two")
        finally:
            go_on.set()
        assert first.result(WAIT_LIMIT).text == "Hello"
        assert [prompt.json["newMessage"] for prompt in server.prompts] == ["one"]


def test_abandoned_stream_is_freed_without_garbage_collection(site: LocalSite) -> None:
    """No reference cycle delays closing its connection."""
    with Client(site.url) as client:
        chat = client.conversation()
        gc.disable()
        try:
            stream = chat.stream("one")
            next(stream)
            reference = weakref.ref(stream)
            del stream
            assert reference() is None
        finally:
            gc.enable()


def test_trim_during_a_turn(driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("one")))
        connection.wait_closed()
        connection.close()

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        with chat.stream("Hi") as stream:
            next(stream)
            with pytest.raises(UsageError, match="still arriving"):
                chat.trim(messages=0)
        chat.trim(messages=0)


def test_a_dropped_stream_frees_the_conversation_even_after_an_error(site: LocalSite) -> None:
    with Client(site.url) as client:
        chat = client.conversation()
        stream = chat.stream("One")
        with pytest.raises(UsageError, match="still arriving"):
            chat.generate("Two")
        del stream
        assert chat.generate("Three").text
