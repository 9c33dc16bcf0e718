"""A chatbot that waits for the approval of a tool."""

from __future__ import annotations

import pytest

from chatgpt4online import ActivityEvent
from chatgpt4online.errors import ApprovalRequired
from chatgpt4online.server import LocalSite

from ..drivers import Driver


def test_an_approval_is_not_a_reply(driver: Driver) -> None:
    with LocalSite(approval="shell") as site, driver.client(site.url) as client:
        chat = client.conversation()
        events = []
        with pytest.raises(ApprovalRequired) as caught:
            for event in chat.stream("Hi").events():
                events.append(event)
        assert [item.kind for item in events if isinstance(item, ActivityEvent)][-1] == (
            "approval_request"
        )
        assert caught.value.tool == "shell"
        assert chat.messages == ()
        reply = chat.generate("Hi", params={"wpToolsAllowed": [caught.value.tool]})
        assert reply.text.startswith("You said: Hi")
        assert [message.content for message in chat.messages][-2] == "Hi"


def test_an_approval_in_one_json_answer(driver: Driver) -> None:
    with LocalSite(approval="shell") as site, driver.client(site.url) as client:
        with pytest.raises(ApprovalRequired, match="shell"):
            client.generate("Hi", stream=False)
