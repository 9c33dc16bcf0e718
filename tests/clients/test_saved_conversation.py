"""Saving conversations as JSON and loading them again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chatgpt4online import (
    UsageError,
)
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import (
    CHUNKED,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
)
from .conversations import contents, echo_bot

SAVED = {"format": "chatgpt4online.conversation", "version": 1, "chat_id": "c", "messages": []}


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(bot=echo_bot) as running:
        yield running


CONTINUE = """
import sys, chatgpt4online as c
with c.Client(sys.argv[1]) as client:
    chat = client.load_conversation(sys.stdin.read())
    chat.generate("turn 30")
    print(chat.to_json())
"""


def test_continue_in_another_process(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        for number in range(30):
            chat.generate(f"turn {number}")
        saved = chat.to_json()
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-c", CONTINUE, site.url],
        input=saved, capture_output=True, encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    before, after = json.loads(saved), json.loads(result.stdout)
    assert (after["format"], after["version"]) == ("chatgpt4online.conversation", 1)
    assert after["messages"][:60] == before["messages"]
    assert [item["content"] for item in after["messages"][60:]] == ["turn 30", "61: turn 30"]
    last = site.app.submissions[-1]
    assert len(last["messages"]) == 60
    assert last["chatId"] == after["chat_id"] != before["chat_id"]
    assert "previousResponseId" not in last


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
def test_invalid_saved_conversation(text: str, match: str, driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        with pytest.raises(UsageError, match=match):
            client.load_conversation(text)


def test_save_empty_conversation(driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        chat = client.conversation("c")
        assert contents(client.load_conversation(chat.to_json())) == []


@pytest.mark.parametrize("text", ["", "half \ud83d"])
def test_save_reply_with_images_or_unpaired_surrogate(text: str, driver: Driver) -> None:
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


def test_a_message_with_files_is_not_regenerated_after_loading(
    site: LocalSite, driver: Driver
) -> None:
    """The saved conversation has no files, so its message would be sent without them."""
    with driver.client(site.url) as client:
        chat = client.conversation()
        chat.generate("Look", files=[b"x"])
        saved = chat.to_json()
        assert json.loads(saved)["messages"][0]["plain"] is False
        with pytest.raises(UsageError, match="files or shortcuts"):
            client.load_conversation(saved).regenerate()
        chat.generate("And now?")
        client.load_conversation(chat.to_json()).regenerate()
