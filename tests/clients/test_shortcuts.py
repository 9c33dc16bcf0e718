"""Shortcuts: the buttons under a reply."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chatgpt4online import QueryRejected, Shortcut, UsageError
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import (
    CHUNKED,
    HELLO_SITE,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
)
from .conversations import contents, echo_bot


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(bot=echo_bot) as running:
        yield running


def test_shortcuts(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        chat = client.conversation()
        (shortcut,) = chat.generate("one").shortcuts
        assert (shortcut.label, shortcut.shortcut_id) == ("Tell me more", "tell-me-more")
        assert chat.send_shortcut(shortcut).text == "3: Tell me more"
        assert contents(chat)[2:] == [("user", "Tell me more"), ("assistant", "3: Tell me more")]
        assert client.send_shortcut(shortcut).text == "1: Tell me more"
        with_message = Shortcut("message", {"label": "L", "message": "M"})
        assert client.send_shortcut(with_message).text == "1: M"
        with pytest.raises(QueryRejected, match="expired"):
            client.send_shortcut(Shortcut("message", {"shortcutId": "old"}))
        with pytest.raises(UsageError, match="neither"):
            client.send_shortcut(Shortcut("message", {}))


def test_shortcut_without_label_adds_no_user_message(driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(end("Hello")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        chat.send_shortcut(Shortcut("message", {"shortcutId": "s1"}))
        assert contents(chat) == [("assistant", "Hello")]
        assert server.prompts[0].json["newMessage"] == ""
        assert server.prompts[0].json["shortcutId"] == "s1"


def test_id_of_a_shortcut_wins_over_the_parameters(driver: Driver) -> None:
    shortcut, params = Shortcut("message", {"shortcutId": "s1"}), {"shortcutId": "p", "envId": "e"}
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url) as client:
        client.send_shortcut(shortcut, params=params)
        client.conversation().send_shortcut(shortcut, params=params)
        sent = [(prompt.json["shortcutId"], prompt.json["envId"]) for prompt in server.prompts]
    assert sent == [("s1", "e")] * 2
