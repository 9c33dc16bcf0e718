"""Discussions, and paging through them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatgpt4online.errors import ProtocolError, ReplyError, StatusError
from chatgpt4online.models import Message
from chatgpt4online.protocol.discussions import (
    Discussion,
    DiscussionPage,
    Paging,
    delete_discussions,
    get_discussion,
    list_discussions,
    rename_discussion,
    truncate_discussion,
)
from chatgpt4online.protocol.http import Flow, Response
from chatgpt4online.protocol.site import Bot

from .flows import BAD_NONCE, OPENED, ROOT, Script, answer, json_of, opened_site, recorded

SIGNED_IN = [
    "3.6.2/application-password/discussions-",
    "3.8.1-hybrid/application-password/discussions-",
]


def list_page(response: Response, bot: Bot = Bot()) -> tuple[DiscussionPage, Script]:
    script = Script(opened_site(), response)
    return script.run(list_discussions(script.site, bot, 3, 9)), script


def listed(**record: Any) -> Discussion:
    page, _ = list_page(answer(success=True, total="1", chats=[record, 5]))
    (found,) = page.discussions
    return found


@pytest.mark.parametrize(
    ("bot", "fields"),
    [
        (Bot(), {"botId": "default"}),
        (Bot("b1"), {"botId": "b1"}),
        (Bot(None, "c1"), {"customId": "c1"}),
    ],
)
def test_list_discussions(bot: Bot, fields: dict[str, str]) -> None:
    page, script = list_page(answer(success=True, total="0", chats=[]), bot)
    assert page == DiscussionPage((), 0)
    assert script.sent == [f"POST {ROOT}mwai-ui/v1/discussions/list"]
    assert json_of(script.requests[0]) == {**fields, "offset": 3, "limit": 9}
    assert script.requests[0].repeatable


def test_discussion() -> None:
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "extra": {}}]
    found = listed(chatId="c", title="t", messages=json.dumps(said), created="x", updated="y")
    assert (found.chat_id, found.title, found.created, found.updated) == ("c", "t", "x", "y")
    assert found.messages == (Message("user", "a"), Message("assistant", "b"))
    assert listed(messages=said).messages == found.messages
    assert found.raw["chatId"] == "c"


@pytest.mark.parametrize(
    "messages", ["{cut", "5", None, [5, {}, {"role": "bot"}, {"role": "user"}]]
)
def test_malformed_discussion(messages: Any) -> None:
    found = listed(chatId=5, title=None, messages=messages)
    assert (found.chat_id, found.title, found.messages) == ("", "", ())


@pytest.mark.parametrize(
    ("total", "count"), [("3", 3), (3, 3), (None, None), ("x", None), (1e999, None)]
)
def test_total(total: Any, count: int | None) -> None:
    page, _ = list_page(answer(success=True, total=total, chats=[]))
    assert page.total == count


@pytest.mark.parametrize("fields", [{}, {"chats": None}, {"chats": {}}])
def test_answer_without_a_list_of_discussions(fields: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="no list of discussions"):
        list_page(answer(success=True, **fields))


@pytest.mark.parametrize("prefix", SIGNED_IN)
def test_recorded_discussions(prefix: str) -> None:
    page, _ = list_page(recorded(f"{prefix}list"))
    assert page.total is not None
    assert page.total >= len(page.discussions) > 1
    for found in page.discussions:
        assert found.chat_id
        assert found.created <= found.updated
        assert found.messages[-1].role == "assistant"


def test_recorded_discussions_of_a_guest() -> None:
    with pytest.raises(ReplyError, match="You need to be connected"):
        list_page(recorded("3.8.1-hybrid/chunked/discussions-list"))


@pytest.mark.parametrize("prefix", SIGNED_IN)
def test_rename_discussion(prefix: str) -> None:
    script = Script(opened_site(), recorded(f"{prefix}edit"))
    script.run(rename_discussion(script.site, "c", "New title"))
    assert script.sent == [f"POST {ROOT}mwai-ui/v1/discussions/edit"]
    assert json_of(script.requests[0]) == {"chatId": "c", "title": "New title"}


@pytest.mark.parametrize("prefix", SIGNED_IN)
def test_delete_discussions(prefix: str) -> None:
    script = Script(opened_site(), recorded(f"{prefix}delete"))
    script.run(delete_discussions(script.site, ("c", "d")))
    assert script.sent == [f"POST {ROOT}mwai-ui/v1/discussions/delete"]
    assert json_of(script.requests[0]) == {"chatIds": ["c", "d"]}


def test_delete_unknown_discussion() -> None:
    """The plugin refuses it in the same words as a missing nonce."""
    refused = recorded("3.6.2/close-delimited/discussions-delete-unknown")
    script = Script(opened_site(), refused)
    with pytest.raises(StatusError, match="does not let this user do that") as caught:
        script.run(delete_discussions(script.site, ("c",)))
    assert (type(caught.value), caught.value.code) == (StatusError, "rest_forbidden")
    assert script.site.session is not None


def test_rename_unknown_discussion() -> None:
    script = Script(opened_site(), recorded("3.6.2/close-delimited/discussions-delete-unknown"))
    with pytest.raises(StatusError, match="does not let this user do that"):
        script.run(rename_discussion(script.site, "c", "t"))


def test_delete_with_a_refused_nonce() -> None:
    script = Script(opened_site(), BAD_NONCE, OPENED, answer(success=True))
    script.run(delete_discussions(script.site, ("c",)))
    assert len(script.requests) == 3


def test_get_and_truncate() -> None:
    folder = "3.8.1-hybrid/application-password"
    script = Script(
        opened_site(),
        recorded(f"{folder}/discussions-get"),
        recorded(f"{folder}/discussions-truncate"),
        recorded(f"{folder}/discussions-get-after-truncate"),
    )
    bot, kept = Bot("default"), (Message("user", "Hello"),)

    def steps() -> Flow[tuple[Discussion, Discussion]]:
        before = yield from get_discussion(script.site, bot, "annchat8803")
        yield from truncate_discussion(script.site, bot, "annchat8803", kept)
        return before, (yield from get_discussion(script.site, bot, "annchat8803"))

    before, after = script.run(steps())
    assert (before.chat_id, len(before.messages), after.messages) == ("annchat8803", 3, kept)
    assert [json_of(request) for request in script.requests] == [
        {"botId": "default", "chatId": "annchat8803"},
        {
            "botId": "default",
            "chatId": "annchat8803",
            "messages": [{"role": "user", "content": "Hello"}],
        },
        {"botId": "default", "chatId": "annchat8803"},
    ]


def test_search() -> None:
    found = recorded("3.8.1-hybrid/application-password/discussions-list-search")
    script = Script(opened_site(), found)
    page = script.run(list_discussions(script.site, Bot(), 0, 10, "Hello"))
    assert all("Hello" in str(item.messages[1].content) for item in page.discussions)
    assert json_of(script.requests[0])["search"] == "Hello"


def test_an_answer_without_a_discussion() -> None:
    script = Script(opened_site(), answer(success=True))
    with pytest.raises(ProtocolError, match="has no discussion"):
        script.run(get_discussion(script.site, Bot(), "c"))


def page_of(*ids: str, total: int | None = None) -> DiscussionPage:
    return DiscussionPage(tuple(Discussion(item, "", (), "", "", {}) for item in ids), total)


def test_paging_with_a_total() -> None:
    paging = Paging(2)
    assert [item.chat_id for item in paging.add(page_of("a", "b", total=3))] == ["a", "b"]
    assert (paging.offset, paging.done) == (2, False)
    assert [item.chat_id for item in paging.add(page_of("c", total=3))] == ["c"]
    assert (paging.offset, paging.done) == (3, True)


def test_paging_without_a_total_continues_while_pages_are_full() -> None:
    paging = Paging(2)
    paging.add(page_of("a", "b"))
    assert not paging.done
    paging.add(page_of("c"))
    assert paging.done


def test_paging_ends_if_a_page_is_repeated() -> None:
    paging = Paging(1)
    paging.add(page_of("a", total=10**9))
    assert not paging.done
    assert paging.add(page_of("a", total=10**9)) == []
    assert paging.done
