"""How a site runs its bot: an async function in its event loop, any other in threads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from chatgpt4online import Client, Message, StatusError
from chatgpt4online.models import EndEvent
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import Bot, LocalSite
from chatgpt4online.server.bot_threads import MOST_THREADS
from chatgpt4online.server.sources import BotSource, Question

from ..loopback import WAIT_LIMIT
from .servers import running

ANN = ("ann", "abcd EFGH 1234")
SUBMIT = "/wp-json/mwai-ui/v1/chats/submit"
DISCUSSIONS = "/wp-json/mwai-ui/v1/discussions/list"
KINDS = pytest.mark.parametrize("kind", ["plain", "async"])


class Endless:
    """Bots that reply without an end.

    Attributes:
        closed: Set when a reply was closed.
        threads: Those in which a reply was written.
    """

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.threads: set[int] = set()

    def plain(self, messages: Sequence[Message]) -> Iterator[str]:
        try:
            while True:
                self.threads.add(threading.get_ident())
                yield "One"
        finally:
            self.threads.add(threading.get_ident())
            self.closed.set()

    async def async_(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        for piece in self.plain(messages):
            yield piece

    def of(self, kind: str) -> Bot:
        return self.plain if kind == "plain" else self.async_


@KINDS
def test_a_bot_that_waits_holds_up_nobody(kind: str) -> None:
    waited, answered = threading.Event(), asyncio.Event()

    def plain(messages: Sequence[Message]) -> Iterator[str]:
        if messages[-1].content == "Wait":
            yield "Begun, "
            assert waited.wait(WAIT_LIMIT)
        yield "done"
        waited.set()

    async def async_(messages: Sequence[Message]) -> AsyncIterator[str]:
        if messages[-1].content == "Wait":
            yield "Begun, "
            await asyncio.wait_for(answered.wait(), WAIT_LIMIT)
        yield "done"
        answered.set()

    with LocalSite(bot=plain if kind == "plain" else async_) as site, Client(site.url) as client:
        with client.stream("Wait") as stream:
            assert next(stream) == "Begun, "
            assert client.generate("Hello").text == "done"
            assert list(stream) == ["done"]


@KINDS
def test_a_client_that_leaves_a_server(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its reply is closed, by the thread that wrote it."""
    bots = Endless()
    with running(lambda: BotSource(bots.of(kind))) as url:
        with Client(url) as client, client.stream("Hi") as stream:
            assert next(stream) == "One"
        assert bots.closed.wait(WAIT_LIMIT)
    assert len(bots.threads) == 1
    assert not errors(caplog)


@KINDS
def test_a_reply_that_is_left_when_the_site_stops(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A local site goes on with a reply whose client has left, as PHP does."""
    bots = Endless()
    with LocalSite(bot=bots.of(kind)) as site:
        with Client(site.url) as client, client.stream("Hi") as stream:
            assert next(stream) == "One"
    assert bots.closed.is_set()
    assert len(bots.threads) == 1
    assert not errors(caplog)


def test_a_client_that_leaves_before_the_reply_begins(caplog: pytest.LogCaptureFixture) -> None:
    """The local site keeps the turn all the same."""
    begun, left = threading.Event(), threading.Event()

    def bot(messages: Sequence[Message]) -> str:
        begun.set()
        assert left.wait(WAIT_LIMIT)
        return "Hello"

    def kept(url: str) -> int:
        found = requests.post(url + DISCUSSIONS, json={}, auth=ANN, timeout=WAIT_LIMIT)
        return int(found.json()["total"])

    with LocalSite(bot=bot, era=Era.NO_NONCE, users=dict([ANN])) as site:
        with prompting(site.url):
            assert begun.wait(WAIT_LIMIT)
        for _ in range(5):  # in which the site sees that the client has left
            assert kept(site.url) == 0
        left.set()
        while not errors(caplog) and not kept(site.url):
            pass
    assert not errors(caplog)


def prompting(url: str) -> socket.socket:
    """Send a prompt and return the connection."""
    prompt = {"botId": "default", "newMessage": "Hi", "stream": True}
    request = requests.Request("POST", url + SUBMIT, json=prompt, auth=ANN).prepare()
    address = urlsplit(url)
    lines = [f"POST {SUBMIT} HTTP/1.1", f"Host: {address.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    connection = socket.create_connection((address.hostname, address.port), WAIT_LIMIT)
    assert isinstance(request.body, bytes)
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + request.body)
    return connection


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [item.getMessage() for item in caplog.records if item.levelno >= logging.ERROR]


@pytest.mark.parametrize("place", ["thread", "loop"])
def test_a_site_that_stops_waits_for_a_piece(place: str) -> None:
    """The bot asks until the site answers no more. It is not closed while it runs."""
    begun, closed = threading.Event(), threading.Event()
    addresses: list[str] = []

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        try:
            with requests.Session() as session:
                session.get(addresses[0], timeout=WAIT_LIMIT)
                begun.set()
                # On the same connection: asyncio may leak one that comes just then.
                with contextlib.suppress(requests.ConnectionError):
                    while True:
                        session.get(addresses[0], timeout=WAIT_LIMIT)
            yield "One"
        finally:
            closed.set()

    def ask(url: str) -> None:
        addresses.append(url)
        with contextlib.suppress(requests.ConnectionError):
            start = requests.post(f"{url}/wp-json/mwai/v1/start_session", timeout=WAIT_LIMIT)
            requests.post(
                url + SUBMIT,
                json={"botId": "default", "newMessage": "Hi", "stream": True},
                headers={"X-WP-Nonce": start.json()["restNonce"]},
                cookies=start.cookies,
                timeout=WAIT_LIMIT,
            )

    async def run() -> None:
        async with LocalSite(bot=bot) as site:
            asking = asyncio.create_task(asyncio.to_thread(ask, site.url))
            await asyncio.to_thread(begun.wait, WAIT_LIMIT)
        assert closed.is_set()
        await asking

    if place == "loop":
        asyncio.run(run())
        return
    with LocalSite(bot=bot) as site:
        asking = threading.Thread(target=ask, args=(site.url,))
        asking.start()
        assert begun.wait(WAIT_LIMIT)
    assert closed.is_set()
    asking.join()


def test_a_reply_is_written_in_one_thread_and_one_context() -> None:
    said: ContextVar[str] = ContextVar("said")

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        said.set(messages[-1].content)
        with contextlib.closing(sqlite3.connect(":memory:")) as database:  # of one thread only
            for _ in range(3):
                yield database.execute("SELECT ?", (said.get(),)).fetchone()[0]

    with LocalSite(bot=bot) as site, Client(site.url) as client:
        for text in ("One", "Two"):
            assert list(client.stream(text)) == [text] * 3


def test_more_replies_than_threads() -> None:
    together = threading.Barrier(MOST_THREADS)
    threads: set[int] = set()

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        together.wait(WAIT_LIMIT)
        for _ in range(2):
            threads.add(threading.get_ident())
            yield messages[-1].content

    async def read(source: BotSource, text: str) -> str:
        events = [event async for event in source.reply(Question([Message("user", text)]))]
        assert isinstance(events[-1], EndEvent)
        return events[-1].reply.text

    async def run() -> list[str]:
        source = BotSource(bot)
        reading = [read(source, str(number)) for number in range(2 * MOST_THREADS)]
        texts = await asyncio.gather(*reading)
        await source.close()
        return texts

    assert asyncio.run(run()) == [str(number) * 2 for number in range(2 * MOST_THREADS)]
    assert len(threads) == MOST_THREADS


async def say(words: str, messages: Sequence[Message]) -> str:
    return words


async def say_each(words: str, messages: Sequence[Message]) -> AsyncIterator[str]:
    for word in words.split():
        yield word


class Speaker:
    async def __call__(self, messages: Sequence[Message]) -> list[str]:
        return ["Hello", "there"]


@pytest.mark.parametrize(
    ("bot", "pieces"),
    [
        (lambda messages: "Hello there", ["Hello there"]),
        (lambda messages: ["Hello", "there"], ["Hello", "there"]),
        (partial(say, "Hello there"), ["Hello there"]),
        (partial(say_each, "Hello there"), ["Hello", "there"]),
        (Speaker(), ["Hello", "there"]),
    ],
)
def test_kinds_of_bots(bot: Bot, pieces: list[str]) -> None:
    with LocalSite(bot=bot) as site, Client(site.url) as client:
        assert list(client.stream("Hi")) == pieces


def no_more(messages: Sequence[Message]) -> str:
    return next(iter([]))


async def no_more_async(messages: Sequence[Message]) -> str:
    raise StopAsyncIteration


BROKEN: list[Callable[..., Any]] = [
    no_more,
    no_more_async,
    lambda messages: None,
    lambda messages: [5],
    lambda messages: say("Hello", messages),
    lambda: "Hello",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_bot_that_fails(broken: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    with LocalSite(bot=broken) as site, Client(site.url) as client:
        for stream in (True, False):
            with pytest.raises(StatusError, match="500"):
                client.generate("Hi", stream=stream)
    assert len(errors(caplog)) == 2
