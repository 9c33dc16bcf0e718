"""What a scripted site replies, and what it says it has received."""

from __future__ import annotations

import json
import unittest
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from chatgpt4online import Client, Message
from chatgpt4online.errors import (
    ApprovalRequired,
    IncompleteReply,
    QueryRejected,
    ReplyError,
    UsageError,
)
from chatgpt4online.models import Action, ActivityEvent, EndEvent, Reply, TextEvent, Usage
from chatgpt4online.testing import ScriptedSite

from ..drivers import Driver

MakeSite = Callable[..., ScriptedSite]


def test_replies_come_in_order_and_then_the_bots(
    ai_engine_site: ScriptedSite, driver: Driver
) -> None:
    ai_engine_site.reply("Hel", "lo")
    ai_engine_site.reply("Bye")
    with driver.client(ai_engine_site.url) as client:
        assert list(client.stream("One")) == ["Hel", "lo"]
        assert client.generate("Two", stream=False).text == "Bye"
        assert client.generate("Three").text == "You said: Three (1 word)"
    assert ai_engine_site.prompts == ["One", "Two", "Three"]


def test_events(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    thinking = ActivityEvent("thinking", "Hm", metadata={"step": 1})
    ai_engine_site.reply(events=[thinking, TextEvent("Hel"), TextEvent("lo")])
    with driver.client(ai_engine_site.url) as client, client.stream("Hi") as stream:
        activity, *texts, end = stream.events()
    assert (activity.kind, activity.text, activity.metadata) == ("thinking", "Hm", {"step": 1})
    assert texts == [TextEvent("Hel"), TextEvent("lo")]
    assert end.reply.text == "Hello"


def test_an_end_event(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    wanted = Reply(
        "Hello",
        images=("https://site.example/a.png",),
        actions=(Action("function", {"name": "go", "args": {"to": "top"}}),),
        usage=Usage(1, 2, 3, {"price": 0.5}),
        response_id="r1",
    )
    ai_engine_site.reply(events=[EndEvent(wanted)])
    with driver.client(ai_engine_site.url) as client:
        reply = client.generate("Hi")
    assert (reply.text, reply.images, reply.actions) == (
        wanted.text, wanted.images, wanted.actions,
    )  # fmt: skip
    assert (reply.usage.total_tokens, reply.usage.raw["price"]) == (3, 0.5)
    assert reply.response_id == "r1"


def test_dicts_are_sent_as_they_are(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    failure = {"type": "error", "data": "No."}
    ai_engine_site.reply(events=[TextEvent("Hel"), failure])
    with driver.client(ai_engine_site.url) as client:
        with pytest.raises(ReplyError, match=r"No\.") as caught:
            client.generate("Hi")
    assert caught.value.partial_text == "Hel"


def test_raw_bytes(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    ai_engine_site.reply(raw=b'{"success": true, "reply": "Hello"}')
    ai_engine_site.reply(raw=b'data: {"type":"live","data":"Hel"}\n\ndata: {"a":' + b"[" * 100_000)
    with driver.client(ai_engine_site.url) as client:
        assert client.generate("Hi").text == "Hello"
        with pytest.raises(IncompleteReply) as caught:
            client.generate("Hi")
    assert caught.value.partial_text == "Hel"


@pytest.mark.parametrize(
    ("pieces", "options", "message"),
    [
        ([], {}, "takes a text, or events, or raw bytes"),
        (["Hi"], {"raw": b""}, "takes a text, or events, or raw bytes"),
        ([5], {}, "takes text, not 5"),
        ([b"Hi"], {}, "takes text, not b'Hi'"),
        ([], {"events": ["Hi"]}, "'Hi' is no event"),
        ([], {"raw": "Hi"}, "raw must be bytes, not 'Hi'"),
    ],
)
def test_a_reply_that_is_none(
    pieces: list[Any], options: dict[str, Any], message: str, ai_engine_site: ScriptedSite
) -> None:
    with pytest.raises(UsageError, match=message):
        ai_engine_site.reply(*pieces, **options)
    ai_engine_site.verify()  # nothing was scripted


def test_requests(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    with driver.client(ai_engine_site.url, "shop", headers={"X-Team": "a"}) as client:
        client.generate("A private prompt", params={"envId": "e1"})
    opening, prompt = ai_engine_site.requests
    assert (opening.method, opening.path) == ("POST", "/wp-json/mwai/v1/start_session")
    assert (opening.prompt, prompt.prompt) == (None, "A private prompt")
    assert (prompt.json["botId"], prompt.json["envId"]) == ("shop", "e1")
    assert prompt.headers["x-team"] == "a"
    assert json.loads(prompt.body) == prompt.json
    assert "private" not in repr(prompt)
    assert prompt.headers["X-WP-Nonce"] not in repr(prompt)


def test_requests_of_another_form(make_ai_engine_site: MakeSite, driver: Driver) -> None:
    site = make_ai_engine_site(token="secret-token")
    site.reply("one")
    site.reply("two")
    with driver.client(site.url + "/?rest_route=/") as client:
        assert client.generate("Hi").text == "one"
    with driver.client(site.url, token="secret-token") as client:
        assert client.generate("Hello").text == "two"
    assert site.prompts == ["Hi", "Hello"]


def test_uploads(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    with driver.client(ai_engine_site.url) as client:
        client.generate("Hi", files=[b"four"])
    (upload,) = ai_engine_site.uploads
    assert upload["size"] == 4
    assert ai_engine_site.prompts == ["Hi"]


def test_what_the_site_refuses_takes_no_reply(
    make_ai_engine_site: MakeSite, driver: Driver
) -> None:
    site = make_ai_engine_site(max_length=5, approval="shell")
    site.reply("Hello")
    with driver.client(site.url) as client:
        with pytest.raises(QueryRejected):
            client.generate("Too long")
        with pytest.raises(ApprovalRequired):
            client.generate("Hi")
        assert client.generate("Hi", params={"wpToolsAllowed": ["shell"]}).text == "Hello"


def test_a_bot_gets_the_messages(make_ai_engine_site: MakeSite, driver: Driver) -> None:
    def bot(messages: Sequence[Message]) -> str:
        return " / ".join(message.content for message in messages)

    site = make_ai_engine_site(bot=bot)
    site.reply("two")
    with driver.client(site.url) as client:
        chat = client.conversation()
        assert list(chat.stream("one")) == ["two"]
        assert list(chat.stream("three")) == ["one / two / three"]


def test_an_async_bot(make_ai_engine_site: MakeSite, driver: Driver) -> None:
    async def bot(messages: Sequence[Message]) -> str:
        return " / ".join(message.content for message in messages)

    site = make_ai_engine_site(bot=bot)
    site.reply("t", "wo")
    with driver.client(site.url) as client:
        chat = client.conversation()
        assert list(chat.stream("one")) == ["t", "wo"]
        assert list(chat.stream("three")) == ["one / two / three"]


def test_replies_to_prompts_sent_together(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    texts = [f"Reply {number}" for number in range(8)]
    for text in texts:
        ai_engine_site.reply(text)
    with driver.client(ai_engine_site.url) as client:
        replies = driver.together(client, len(texts))
    assert sorted(reply.text for reply in replies) == texts


def test_several_sites(make_ai_engine_site: MakeSite, driver: Driver) -> None:
    one, two = make_ai_engine_site(), make_ai_engine_site()
    one.reply("one")
    two.reply("two")
    for site in (two, one):
        with driver.client(site.url) as client:
            client.generate("Hi")
    assert one.url != two.url
    assert one.prompts == two.prompts == ["Hi"]


class TestWithoutFixtures(unittest.TestCase):
    def test_context_manager(self) -> None:
        with ScriptedSite() as site:
            site.reply("Hello!")
            with Client(site.url) as client:
                self.assertEqual(client.generate("Hi").text, "Hello!")
            site.verify()
            site.reply("Never asked for")
            with self.assertRaisesRegex(AssertionError, r"1 prompt, .* reply\('Never asked for'\)"):
                site.verify()
