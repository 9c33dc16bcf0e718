"""Conversations: history, files that keep it, and replies that fail."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatgpt4online import (
    Client,
    EndEvent,
    IncompleteReply,
    Message,
    ReplyError,
    UsageError,
)
from chatgpt4online.server import LocalSite

from .drivers import Driver
from .loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
    live,
)

SAVED = {"format": "chatgpt4online.conversation", "version": 1, "chat_id": "c", "messages": []}


def echo(messages: Sequence[Message]) -> Iterator[str]:
    yield f"{len(messages)}: "
    yield messages[-1].content


def contents(conversation: Any) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in conversation.messages]


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(bot=echo) as running:
        yield running


def test_a_conversation_keeps_its_history_and_its_ids(site: LocalSite, driver: Driver) -> None:
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
        assert "one" not in repr(getattr(talk, "inner", chat))


def test_the_chatbots_first_sentence_begins_the_history(site: LocalSite, driver: Driver) -> None:
    greeting = ("assistant", "Hi! How can I help you?")
    with driver.client(site.url + "/chat/") as client:
        chat = client.conversation()
        assert chat.generate("one").text == "2: one"
        assert contents(chat) == [greeting, ("user", "one"), ("assistant", "2: one")]
        assert chat.generate("two").text == "4: two"
        assert contents(chat)[:2] == [greeting, ("user", "one")]
        given = client.conversation(messages=[Message("user", "a"), Message("assistant", "b")])
        given.generate("c")
        assert contents(given)[0] == ("user", "a")
        assert client.generate("alone").text == "1: alone"


def test_a_conversation_can_be_gone_on_with(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a"}]
        chat = client.conversation("chat-1", [*said, {"role": "assistant", "content": "b"}])
        assert chat.generate("c").text == "4: c"
        assert site.app.submissions[0]["chatId"] == "chat-1"
        with pytest.raises(UsageError, match="Message 0"):
            client.conversation(messages=["no"])


@pytest.mark.parametrize("answer", [live("Hel"), b'data: {"type":"error","data":"no"}\n\n'])
def test_a_failed_turn_leaves_the_conversation_as_it_was(answer: bytes, driver: Driver) -> None:
    answers = [answer, end("Hello", responseId="r1"), answer, end("Again")]

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(answers[len(server.prompts) - 1]) + chunk(b""))

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
        assert [prompt.json.get("previousResponseId") for prompt in server.prompts] == [
            None, None, "r1", "r1",
        ]  # fmt: skip
        assert len({prompt.json["chatId"] for prompt in server.prompts}) == 1


def test_an_abandoned_turn_does_not_enter_the_history(driver: Driver) -> None:
    taken = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("one ")) + chunk(live("two")))
        if len(server.prompts) == 1:
            connection.wait_closed()
        else:
            assert taken.wait(WAIT_LIMIT)
            connection.send(chunk(end("one two")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        with chat.stream("Hi") as stream:
            assert next(stream) == "one "
            with pytest.raises(UsageError, match="still arriving"):
                chat.generate("Too early")
        assert contents(chat) == []
        taken.set()
        assert chat.generate("Hi").text == "one two"
        assert len(contents(chat)) == 2


def test_regenerate_replaces_the_last_reply(driver: Driver) -> None:
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
        for name in ("newMessage", "previousResponseId", "chatId"):
            assert second[name] == third[name]
        assert [item["content"] for item in third["messages"]] == ["one", "reply 1"]


def test_forks_go_their_own_ways(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        chat.generate("one")
        fork = chat.fork()
        assert fork.chat_id != chat.chat_id
        assert contents(fork) == contents(chat)
        fork.generate("two")
        assert len(contents(fork)) == 4
        assert len(contents(chat)) == 2
        assert site.app.submissions[1]["previousResponseId"]


@pytest.mark.parametrize(
    ("budget", "left"),
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
def test_trimming(budget: dict[str, int], left: list[str], driver: Driver) -> None:
    said = [
        Message("system", "s"), Message("user", "aa"), Message("assistant", "bb"),
        Message("user", "cc"), Message("assistant", "dd"),
    ]  # fmt: skip
    with driver.client("http://127.0.0.1:1") as client:
        chat = client.conversation(messages=said)
        chat.trim(**budget)
        assert [message.content for message in chat.messages] == left
        with pytest.raises(UsageError, match="negative"):
            chat.trim(messages=-1)


THIRTY = """
import sys, chatgpt4online as c
with c.Client(sys.argv[1]) as client:
    chat = client.load_conversation(sys.stdin.read())
    chat.generate("turn 30")
    print(chat.to_json())
"""


def test_a_conversation_of_thirty_turns_goes_on_in_another_process(
    site: LocalSite, driver: Driver
) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        for number in range(30):
            chat.generate(f"turn {number}")
        saved = chat.to_json()
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-c", THIRTY, site.url],
        input=saved, capture_output=True, encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    before, after = json.loads(saved), json.loads(done.stdout)
    assert (after["format"], after["version"]) == ("chatgpt4online.conversation", 1)
    assert after["chat_id"] == before["chat_id"]
    assert after["messages"][:60] == before["messages"]
    assert [item["content"] for item in after["messages"][60:]] == ["turn 30", "61: turn 30"]
    last = site.app.submissions[-1]
    assert last["previousResponseId"] == before["messages"][-1]["response_id"]
    assert len(last["messages"]) == 60


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "not a saved conversation"),
        ("[" * 5_000, "not a saved conversation"),
        ("[]", "not a saved conversation"),
        ('{"format":"other"}', "not a saved conversation"),
        (json.dumps({**SAVED, "version": 2}), "later version"),
        (json.dumps({**SAVED, "chat_id": None}), "damaged"),
        (json.dumps({**SAVED, "messages": 5}), "damaged"),
        (json.dumps({**SAVED, "messages": [5]}), "Message 0"),
    ],
)
def test_what_is_no_saved_conversation(text: str, match: str, driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        with pytest.raises(UsageError, match=match):
            client.load_conversation(text)


def test_an_empty_conversation_is_saved_too(driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        chat = client.conversation("c")
        assert contents(client.load_conversation(chat.to_json())) == []


@pytest.mark.parametrize("prompt", ["", [Message("user", "a")], None])
def test_a_conversation_takes_a_text_alone(prompt: Any, driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        with pytest.raises(UsageError):
            client.conversation().generate(prompt)


def test_two_conversations_side_by_side_never_mix(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        talks = [client.conversation() for _ in range(2)]
        streams = [chat.stream(f"from {number}") for number, talk in enumerate(talks)]
        pieces: list[list[str]] = [[], []]
        for _ in range(2):
            for number, stream in enumerate(streams):
                pieces[number].append(next(stream))
        assert [list(stream) for stream in streams] == [[], []]
        assert pieces == [["1: ", "from 0"], ["1: ", "from 1"]]
        for number, talk in enumerate(talks):
            assert chat.generate("more").text == "3: more"
            assert contents(chat)[0] == ("user", f"from {number}")
        assert site.app.sessions_opened == 1


def test_two_turns_at_once_are_a_mistake(site: LocalSite, driver: Driver) -> None:
    """Neither is lost: the second is not sent."""
    with driver.client(site.url) as client:
        chat = client.conversation()
        if driver.name == "sync":
            with ThreadPoolExecutor(8) as pool:
                asked = [pool.submit(chat.generate, f"p{number}") for number in range(8)]
            outcomes = [item.exception() for item in asked]
        else:

            async def ask_all() -> list[Any]:
                asked = (chat.inner.generate(f"p{number}") for number in range(8))
                return await asyncio.gather(*asked, return_exceptions=True)

            outcomes = driver.runner.run(ask_all())  # type: ignore[attr-defined]
        refused = [item for item in outcomes if isinstance(item, UsageError)]
        done = 8 - len(refused)
        assert done >= 1
        assert len(chat.messages) == 2 * done
        assert len(site.app.submissions) == done


@pytest.mark.parametrize("text", ["", "half \ud83d"])
def test_replies_of_images_or_with_half_a_character_can_be_saved(text: str, driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        body = end(text, images=["https://example.com/a.png"])
        connection.send(CHUNKED + chunk(body) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        for _ in range(2):
            chat.generate("Hi")
        saved = chat.to_json()
        assert saved.encode()
        loaded = client.load_conversation(saved)
        assert loaded.messages == chat.messages
        assert loaded.generate("more").images
        assert len(server.prompts[-1].json["messages"]) == 4


def test_a_turn_that_was_read_to_its_end_event_is_over(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        for event in chat.stream("one").events():
            if isinstance(event, EndEvent):
                break
        assert chat.generate("two").text == "3: two"


def test_a_forgotten_stream_is_no_garbage_that_waits(site: LocalSite) -> None:
    """Its connection must be given up at once, not at some later collection."""
    with Client(site.url) as client:
        chat = client.conversation()
        gc.disable()
        try:
            stream = chat.stream("one")
            next(stream)
            forgotten = weakref.ref(stream)
            del stream
            assert forgotten() is None
        finally:
            gc.enable()


def test_what_regenerate_could_not_send_again_is_a_mistake(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        chat.generate("look", files=[b"x"])
        with pytest.raises(UsageError, match="cannot be regenerated"):
            chat.regenerate()
        (shortcut,) = chat.generate("one").shortcuts
        chat.send_shortcut(shortcut)
        with pytest.raises(UsageError, match="cannot be regenerated"):
            chat.regenerate()


def test_a_greeting_that_was_not_sent_is_not_kept(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        stream = chat.stream("one")
        client.discover()
        assert "".join(stream) == "1: one"
        assert contents(chat) == [("user", "one"), ("assistant", "1: one")]


def test_trimming_waits_for_the_reply(driver: Driver) -> None:
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
