"""What goes on by the id of a conversation, on sites that keep conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chatgpt4online import Message, ReplyError
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import CHUNKED, Connection, LoopbackServer, Received, ai_site, chunk, end
from ..recordings import Recording


def transcript_bot(messages: Sequence[Message]) -> Iterator[str]:
    """Reply with what the model sees."""
    yield "|".join(message.content.partition("|")[0] for message in messages)


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(bot=transcript_bot) as running:
        yield running


def seen(conversation: Any) -> list[str]:
    """Return what the model saw with the last turn."""
    texts: list[str] = conversation.messages[-1].content.split("|")
    return texts


def test_site_goes_on_by_id_while_nothing_is_changed(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        chat.generate("one")
        chat.trim(messages=2)  # nothing is forgotten
        chat.generate("two")
        first, second = site.app.submissions
        assert first["chatId"] == second["chatId"] == chat.chat_id
        assert "previousResponseId" in second
        continued = client.conversation(chat.chat_id, [Message("user", "unknown to the site")])
        continued.generate("three")
        assert seen(continued) == ["one", "one", "two", "one", "three"]


REJECTED = Recording("3.6.2/close-delimited/stream-banned").body
OVER_LIMIT = Recording("3.8.1-hybrid/close-delimited/stream-limit").body
FAILED = Recording("3.6.2/close-delimited/stream-upstream-429").body


@pytest.mark.parametrize(
    ("failure", "kept"),
    [(REJECTED, True), (OVER_LIMIT, True), (FAILED, False)],
    ids=["rejected", "over the limit", "failed"],
)
def test_refused_turn_is_no_branch(failure: bytes, kept: bool, driver: Driver) -> None:
    """The site has not run it, so it has exactly the history. Other errors can come later."""

    def submit(connection: Connection, request: Received) -> None:
        body = failure if len(server.prompts) == 2 else end("Hello", responseId="r1")
        connection.send(CHUNKED + chunk(body) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        chat.generate("one")
        with pytest.raises(ReplyError):
            chat.generate("two")
        chat.generate("three")
        first, _, last = (prompt.json for prompt in server.prompts)
        assert (first["chatId"] == last["chatId"] == chat.chat_id) is kept
        assert ("previousResponseId" in last) is kept


def test_reset_of_the_response_id(driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        body = end("Hello", responseId="r1", resetResponseId=len(server.prompts) == 2)
        connection.send(CHUNKED + chunk(body) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        for _ in range(3):
            chat.generate("Hi")
        sent = [prompt.json.get("previousResponseId") for prompt in server.prompts]
        assert sent == [None, "r1", None]
        assert len({prompt.json["chatId"] for prompt in server.prompts}) == 1


def test_saved_conversation_has_no_response_ids(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        chat.generate("one")
        saved = json.loads(chat.to_json())
        assert [set(item) for item in saved["messages"]] == [{"role", "content"}] * 2
        saved["messages"][1]["response_id"] = "r1"  # as older versions wrote it
        client.load_conversation(json.dumps(saved)).generate("two")
        assert "previousResponseId" not in site.app.submissions[-1]
