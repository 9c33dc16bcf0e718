"""Discussions, and paging through them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatgpt4online.messages import Message
from chatgpt4online.protocol import discussions

from .test_json_calls import answer, run


def listed(**record: Any) -> discussions.Discussion:
    call, _ = run("list discussions", answer(success=True, total="1", chats=[record, 5]))
    (found,) = call.result().discussions
    assert isinstance(found, discussions.Discussion)
    return found


def test_discussions() -> None:
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "extra": {}}]
    found = listed(chatId="c", title="t", messages=json.dumps(said), created="x", updated="y")
    assert (found.chat_id, found.title, found.created, found.updated) == ("c", "t", "x", "y")
    assert found.messages == (Message("user", "a"), Message("assistant", "b"))
    assert listed(messages=said).messages == found.messages
    assert found.raw["chatId"] == "c"


@pytest.mark.parametrize(
    "messages", ["{cut", "5", None, [5, {}, {"role": "bot"}, {"role": "user"}]]
)
def test_odd_discussions(messages: Any) -> None:
    found = listed(chatId=5, title=None, messages=messages)
    assert (found.chat_id, found.title, found.messages) == ("", "", ())


@pytest.mark.parametrize(
    ("total", "count"), [("3", 3), (3, 3), (None, None), ("x", None), (1e999, None)]
)
def test_the_number_of_all_discussions(total: Any, count: int | None) -> None:
    call, _ = run("list discussions", answer(success=True, total=total, chats=[]))
    assert call.result().total == count


def page_of(*ids: str, total: int | None = None, length: int | None = None) -> Any:
    call, _ = run(
        "list discussions", answer(success=True, chats=[{"chatId": item} for item in ids])
    )
    page = call.result()
    length = page.length if length is None else length
    return discussions.DiscussionPage(page.discussions, total, length)


def test_paging_goes_on_while_there_is_more() -> None:
    paging = discussions.Paging(2)
    assert [item.chat_id for item in paging.take(page_of("a", "b", total=3))] == ["a", "b"]
    assert (paging.offset, paging.done) == (2, False)
    assert [item.chat_id for item in paging.take(page_of("c", total=3))] == ["c"]
    assert (paging.offset, paging.done) == (3, True)


def test_paging_without_a_total_goes_on_while_pages_are_full() -> None:
    paging = discussions.Paging(2)
    paging.take(page_of("a", length=2))
    assert not paging.done
    paging.take(page_of("b"))
    assert paging.done


def test_paging_ends_where_a_site_repeats_itself() -> None:
    paging = discussions.Paging(1)
    paging.take(page_of("a", total=10**9))
    assert not paging.done
    assert paging.take(page_of("a", total=10**9)) == []
    assert paging.done
