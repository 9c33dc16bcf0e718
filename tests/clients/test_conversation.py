"""Conversations: history, failed turns, regenerating, forking and trimming."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt4online import (
    AsyncClient,
    EndEvent,
    IncompleteReply,
    Message,
    ReplyError,
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
    response,
    send,
)
from .conversations import contents, echo_bot


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(bot=echo_bot) as running:
        yield running


def test_history_and_ids(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        assert chat.generate("one").text == "1: one"
        assert list(chat.stream("two")) == ["3: ", "two"]
        assert contents(chat) == [
            ("user", "one"), ("assistant", "1: one"), ("user", "two"), ("assistant", "3: two"),
        ]  # fmt: skip
        first, second = site.app.submissions
        assert first["chatId"] == second["chatId"] == chat.chat_id
        assert len(chat.chat_id) == 32
        assert "previousResponseId" not in first
        assert second["previousResponseId"].startswith("local-")
        assert [item["content"] for item in second["messages"]] == ["one", "1: one"]
        assert client.conversation().chat_id != chat.chat_id
        assert "one" not in repr(getattr(chat, "inner", chat))


def test_greeting_starts_the_history(site: LocalSite, driver: Driver) -> None:
    greeting = ("assistant", "Hi! How can I help you?")
    with driver.client(site.url + "/chat/") as client:
        chat = client.conversation()
        assert chat.generate("one").text == "2: one"
        assert contents(chat) == [greeting, ("user", "one"), ("assistant", "2: one")]
        assert chat.generate("two").text == "4: two"
        assert contents(chat)[:2] == [greeting, ("user", "one")]
        resumed = client.conversation(messages=[Message("user", "a"), Message("assistant", "b")])
        resumed.generate("c")
        assert contents(resumed)[0] == ("user", "a")
        assert client.generate("alone").text == "1: alone"


def test_resume_with_messages(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a"}]
        chat = client.conversation("chat-1", [*history, {"role": "assistant", "content": "b"}])
        assert chat.generate("c").text == "4: c"
        assert site.app.submissions[0]["chatId"] == "chat-1"
        with pytest.raises(UsageError, match="Message 0"):
            client.conversation(messages=["no"])


@pytest.mark.parametrize("failure", [live("Hel"), b'data: {"type":"error","data":"no"}\n\n'])
def test_failed_turn_is_not_added(failure: bytes, driver: Driver) -> None:
    events = [failure, end("Hello", responseId="r1"), failure, end("Again")]

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(events[len(server.prompts) - 1]) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        with pytest.raises((IncompleteReply, ReplyError)):
            chat.generate("Hi")
        assert contents(chat) == []
        assert chat.generate("Hi").text == "Hello"
        with pytest.raises((IncompleteReply, ReplyError)):
            list(chat.stream("And?"))
        assert contents(chat) == [("user", "Hi"), ("assistant", "Hello")]
        assert chat.generate("And?").text == "Again"
        first, second, third, fourth = (prompt.json for prompt in server.prompts)
        assert (second["chatId"], third["previousResponseId"]) == (third["chatId"], "r1")
        assert len({first["chatId"], second["chatId"], fourth["chatId"]}) == 3
        assert "previousResponseId" not in fourth
        assert chat.chat_id == fourth["chatId"]


def test_abandoned_turn_is_not_added(driver: Driver) -> None:
    received = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("one ")) + chunk(live("two")))
        if len(server.prompts) == 1:
            connection.wait_closed()
        else:
            assert received.wait(WAIT_LIMIT)
            connection.send(chunk(end("one two")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        with chat.stream("Hi") as stream:
            assert next(stream) == "one "
            with pytest.raises(UsageError, match="still arriving"):
                chat.generate("Too early")
        assert contents(chat) == []
        received.set()
        assert chat.generate("Hi").text == "one two"
        assert len(contents(chat)) == 2


def test_regenerate(driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        number = len(server.prompts)
        connection.send(
            CHUNKED + chunk(end(f"reply {number}", responseId=f"r{number}")) + chunk(b"")
        )

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        with pytest.raises(UsageError, match="does not end with a reply"):
            chat.regenerate()
        chat.generate("one")
        chat.generate("two")
        assert chat.regenerate().text == "reply 3"
        assert contents(chat)[2:] == [("user", "two"), ("assistant", "reply 3")]
        second, third = (prompt.json for prompt in server.prompts[1:])
        assert second["newMessage"] == third["newMessage"]
        assert second["chatId"] != third["chatId"] == chat.chat_id
        assert "previousResponseId" not in third
        assert [item["content"] for item in third["messages"]] == ["one", "reply 1"]


def test_lone_surrogates_in_a_reply(driver: Driver) -> None:
    """They cannot be sent back, which the following turn must survive."""
    reply = reply_with(end("one\ud83d", responseId="r\ud83d"))
    with LoopbackServer(ai_site(reply)) as server, driver.client(server.url) as client:
        conversation = client.conversation()
        conversation.generate("Hi")
        conversation.generate("Again")
        assert server.prompts[1].json["previousResponseId"] == "r?"
        assert server.prompts[1].json["messages"][1]["content"] == "one?"


def test_fork(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        chat.generate("one")
        fork = chat.fork()
        assert fork.chat_id != chat.chat_id
        assert contents(fork) == contents(chat)
        fork.generate("two")
        assert len(contents(fork)) == 4
        assert len(contents(chat)) == 2
        assert site.app.submissions[1]["chatId"] == fork.chat_id
        assert "previousResponseId" not in site.app.submissions[1]


@pytest.mark.parametrize(
    ("budget", "remaining"),
    [
        ({"messages": 3}, ["s", "cc", "dd"]),
        ({"messages": 1}, ["s"]),
        ({"messages": 0}, ["s"]),
        ({"messages": 9}, ["s", "aa", "bb", "cc", "dd"]),
        ({"characters": 5}, ["s", "cc", "dd"]),
        ({"characters": 4}, ["s", "dd"]),
        ({"characters": 9, "messages": 2}, ["s", "dd"]),
        ({}, ["s", "aa", "bb", "cc", "dd"]),
    ],
)
def test_trim(budget: dict[str, int], remaining: list[str], driver: Driver) -> None:
    history = [
        Message("system", "s"), Message("user", "aa"), Message("assistant", "bb"),
        Message("user", "cc"), Message("assistant", "dd"),
    ]  # fmt: skip
    with driver.client("http://127.0.0.1:1") as client:
        chat = client.conversation(messages=history)
        chat.trim(**budget)
        assert [message.content for message in chat.messages] == remaining
        with pytest.raises(UsageError, match="negative"):
            chat.trim(messages=-1)


@pytest.mark.parametrize("prompt", ["", [Message("user", "a")], None])
def test_invalid_prompts(prompt: Any, driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        with pytest.raises(UsageError):
            client.conversation().generate(prompt)


def test_turn_is_complete_after_the_end_event(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        for event in chat.stream("one").events():
            if isinstance(event, EndEvent):
                break
        assert chat.generate("two").text == "3: two"


def test_regenerate_with_files_or_shortcut(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        chat.generate("look", files=[b"x"])
        with pytest.raises(UsageError, match="cannot be regenerated"):
            chat.regenerate()
        (shortcut,) = chat.generate("one").shortcuts
        chat.send_shortcut(shortcut)
        with pytest.raises(UsageError, match="cannot be regenerated"):
            chat.regenerate()


def test_greeting_discovered_during_a_turn_is_not_added(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        stream = chat.stream("one")
        client.discover()
        assert "".join(stream) == "1: one"
        assert contents(chat) == [("user", "one"), ("assistant", "1: one")]


def test_a_closed_stream_was_abandoned_even_if_its_end_had_arrived(driver: Driver) -> None:
    """What a conversation keeps does not depend on how the bytes have arrived."""
    answer = response(live("Hello") + end())
    with LoopbackServer(ai_site(send(answer))) as server, driver.client(server.url) as client:
        chat = client.conversation()
        with chat.stream("one") as stream:
            assert next(stream) == "Hello"
        chat.generate("two")
        assert stream.text == "Hello"
        with contextlib.suppress(IncompleteReply):  # the sync client has not read the end
            assert stream.reply.text == "Hello"
        assert contents(chat) == [("user", "two"), ("assistant", "Hello")]


def test_an_async_stream_that_is_closed_before_it_is_used_sends_nothing() -> None:
    async def run(url: str) -> None:
        async with AsyncClient(url) as client:
            chat = client.conversation()
            await chat.generate("one")
            await chat.stream("never sent").close()
            chat.stream("dropped")
            await chat.generate("two")

    with LoopbackServer(ai_site(reply_with(end(responseId="r1")))) as server:
        asyncio.run(run(server.url))
        first, second = (prompt.json for prompt in server.prompts)
        assert (second["chatId"], second["previousResponseId"]) == (first["chatId"], "r1")


def test_a_reply_that_came_at_once_is_complete_without_reading_it(
    site: LocalSite, driver: Driver
) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        with chat.stream("One", stream=False) as stream:
            assert stream.reply.text
        assert [message.role for message in chat.messages] == ["user", "assistant"]
