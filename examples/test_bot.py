"""Tests of a bot and of code that calls one, with the fixtures that pytest finds by itself.

They need no site: each test has its own. ::

    pip install pytest
    pytest examples/test_bot.py
"""

from collections.abc import Callable, Iterator, Sequence

from chatgpt4online import ChatError, Client, Message
from chatgpt4online.testing import ScriptedSite


def polite_bot(messages: Sequence[Message]) -> Iterator[str]:
    yield "Welcome! " if len(messages) == 1 else "Welcome back! "
    yield f"You asked: {messages[-1].content}"


def headline(site: str, text: str) -> str:
    with Client(site) as client:
        try:
            return client.generate(f"Write a headline: {text}").text
        except ChatError:
            return text[:20] + "..."


def test_the_bot_greets_once(make_ai_engine_site: Callable[..., ScriptedSite]) -> None:
    site = make_ai_engine_site(bot=polite_bot)
    with Client(site.url) as client:
        chat = client.conversation()
        assert chat.generate("Hi").text == "Welcome! You asked: Hi"
        assert chat.generate("And?").text == "Welcome back! You asked: And?"


def test_a_headline_is_the_reply(ai_engine_site: ScriptedSite) -> None:
    ai_engine_site.reply("Cat Naps")
    assert headline(ai_engine_site.url, "A cat slept all day.") == "Cat Naps"
    assert ai_engine_site.prompts == ["Write a headline: A cat slept all day."]


def test_without_a_reply_the_text_is_cut(ai_engine_site: ScriptedSite) -> None:
    ai_engine_site.fail("cut", after="Cat")
    assert headline(ai_engine_site.url, "A cat slept all day long.") == "A cat slept all day ..."
