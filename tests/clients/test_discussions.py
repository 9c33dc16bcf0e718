"""Saved discussions of signed-in users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt4online import AsyncClient
from chatgpt4online.errors import ReplyError
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import SESSION, USER, Connection, LoopbackServer, Received, response

ANN = ("ann", "abcd EFGH 1234")


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(users=dict([ANN])) as running:
        yield running


@pytest.mark.parametrize("era", [Era.NO_NONCE, Era.START_SESSION])
def test_discussion_of_a_conversation(era: Era, driver: Driver) -> None:
    with (
        LocalSite(users=dict([ANN]), era=era) as site,
        driver.client(site.url, auth=ANN) as client,
    ):
        chat = client.conversation()
        chat.generate("one")
        chat.generate("two")
        (discussion,) = client.discussions()
        assert discussion.chat_id == chat.chat_id
        assert discussion.messages == chat.messages
        assert (discussion.title, bool(discussion.created), bool(discussion.updated)) == (
            "one",
            True,
            True,
        )
        assert "two" not in repr(discussion)


def test_discussions(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=ANN) as client:
        for number in range(5):
            client.conversation(f"chat-{number}").generate(f"prompt {number}")
        for size in (1, 2, 5, 10):
            discussions = list(client.discussions(page_size=size))
            assert [item.chat_id for item in discussions] == [f"chat-{n}" for n in (4, 3, 2, 1, 0)]
        client.rename_discussion("chat-4", "New title")
        assert next(iter(client.discussions())).title == "New title"
        with pytest.raises(ReplyError, match="No such discussion"):
            client.rename_discussion("chat-9", "x")
        client.delete_discussions("chat-4", "chat-0")
        assert [item.chat_id for item in client.discussions()] == ["chat-3", "chat-2", "chat-1"]
        first = next(iter(client.discussions()))
        chat = client.conversation(first.chat_id, first.messages)
        assert "message 3" in chat.generate("more").text


def test_discussions_are_fetched_lazily(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(response(SESSION))
        elif "users/me" in request.target:
            connection.send(response(USER))
        else:
            chats = [{"chatId": f"c{request.json['offset'] + n}"} for n in range(2)]
            connection.send(response({"success": True, "total": "6", "chats": chats}))

    async def get_first(client: AsyncClient) -> Any:
        async for item in client.discussions(page_size=2):
            return item

    with LoopbackServer(handle) as server, driver.client(server.url, auth=ANN) as client:
        if driver.name == "sync":
            first = next(client.discussions(page_size=2))
        else:
            first = driver.runner.run(get_first(client.inner))  # type: ignore[attr-defined]
        assert first.chat_id == "c0"
        assert len(server.requests) == 3
        assert len(list(client.discussions(page_size=2))) == 6
        assert [item.json["offset"] for item in server.requests[3:]] == [0, 2, 4]


def test_guests_have_no_discussions(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        for call in (
            lambda: list(client.discussions()),
            lambda: client.rename_discussion("c", "t"),
            lambda: client.delete_discussions("c"),
        ):
            with pytest.raises(ReplyError, match="You need to be connected"):
                call()
