"""What the model of a site that keeps conversations sees after a conversation has branched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from chatgpt4online import Message
from chatgpt4online.server import LocalSite

from ..drivers import Driver


class Watcher:
    """A bot that keeps what it was asked. It replies with the number of the call.

    Its reply to "abandoned" does not end.
    """

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    async def __call__(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        self.seen.append([message.content for message in messages])
        yield f"reply {len(self.seen)}"
        if messages[-1].content == "abandoned":
            await asyncio.Event().wait()


def regenerate(client: Any, chat: Any) -> Any:
    chat.regenerate()
    return chat


def trim(client: Any, chat: Any) -> Any:
    chat.trim(messages=2)
    chat.generate("next")
    return chat


def fork(client: Any, chat: Any) -> Any:
    other = chat.fork()
    chat.generate("not in the fork")
    other.generate("next")
    return other


def load_an_older_save(client: Any, chat: Any) -> Any:
    saved = chat.to_json()
    chat.generate("not in the save")
    loaded = client.load_conversation(saved)
    loaded.generate("next")
    return loaded


def abandon_a_turn(client: Any, chat: Any) -> Any:
    chat.stream("abandoned").close()
    chat.generate("next")
    return chat


@pytest.mark.parametrize("branch", [regenerate, trim, fork, load_an_older_save, abandon_a_turn])
def test_the_model_sees_the_history_of_the_branch_only(branch: Any, driver: Driver) -> None:
    bot = Watcher()
    with LocalSite(bot=bot) as site, driver.client(site.url) as client:
        chat = client.conversation()
        chat.generate("one")
        chat.generate("two")
        chat = branch(client, chat)
        assert bot.seen[-1] == [message.content for message in chat.messages[:-1]]
        assert "previousResponseId" not in site.app.submissions[-1]
        assert site.app.submissions[-1]["chatId"] == chat.chat_id


def test_a_conversation_without_a_branch_keeps_its_id(driver: Driver) -> None:
    bot = Watcher()
    with LocalSite(bot=bot) as site, driver.client(site.url) as client:
        chat = client.conversation()
        for text in ("one", "two", "three"):
            chat.generate(text)
        assert len({submission["chatId"] for submission in site.app.submissions}) == 1
        assert bot.seen[-1] == ["one", "reply 1", "two", "reply 2", "three"]
