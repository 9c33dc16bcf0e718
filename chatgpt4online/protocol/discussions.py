"""Discussions that a site keeps for signed-in users (`mwai-ui/v1/discussions`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..messages import Message
from .call import JsonCall
from .jsontext import parse_json
from .limits import Limits
from .prompt import ROLES
from .site import Site
from .turn import DEFAULT_BOT, Bot

LIST = "mwai-ui/v1/discussions/list"
EDIT = "mwai-ui/v1/discussions/edit"
DELETE = "mwai-ui/v1/discussions/delete"


@dataclass(frozen=True, slots=True)
class Discussion:
    """A conversation that the site keeps.

    Attributes:
        chat_id: its id; ``client.conversation(chat_id, messages)`` goes on with it.
        title: its title; '' where it has none.
        messages: what was said, oldest first.
        created: when it began, by the site's clock and in its own words.
        updated: when it last went on, likewise.
        raw: all that the site told, under its own names.
    """

    chat_id: str
    title: str
    messages: tuple[Message, ...] = field(repr=False)
    created: str
    updated: str
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DiscussionPage:
    """Some of the discussions.

    Attributes:
        discussions: those of the page.
        total: how many there are in all; None where the site does not tell.
        length: how many records the page had, odd ones included.
    """

    discussions: tuple[Discussion, ...]
    total: int | None
    length: int


class Paging:
    """Which page to ask for next. It ends on a site that gives the same page again, too.

    Args:
        size: how many discussions to ask for at once.

    Attributes:
        offset: where the next page begins.
        done: whether there is no next page.
    """

    def __init__(self, size: int) -> None:
        self.offset = 0
        self.done = False
        self._size = size
        self._seen: set[str] = set()

    def take(self, page: DiscussionPage) -> list[Discussion]:
        """Take a page, and return what no page before it had."""
        new = [item for item in page.discussions if item.chat_id not in self._seen]
        self._seen.update(item.chat_id for item in new)
        self.offset += page.length
        more = page.length >= self._size if page.total is None else self.offset < page.total
        self.done = not (new and more)
        return new


def list_discussions(
    site: Site, bot: Bot, offset: int, limit: int, limits: Limits
) -> JsonCall[DiscussionPage]:
    """Return the call that lists a page of a chatbot's discussions, newest first."""
    body: dict[str, Any] = {"offset": offset, "limit": limit}
    if bot.custom_id is not None:
        body["customId"] = bot.custom_id
    else:
        body["botId"] = bot.bot_id or DEFAULT_BOT
    return JsonCall(site, LIST, body, _read_page, limits)


def rename_discussion(site: Site, chat_id: str, title: str, limits: Limits) -> JsonCall[bool]:
    """Return the call that gives a discussion another title."""
    return JsonCall(site, EDIT, {"chatId": chat_id, "title": title}, _read_done, limits)


def delete_discussions(site: Site, chat_ids: Sequence[str], limits: Limits) -> JsonCall[bool]:
    """Return the call that deletes discussions."""
    return JsonCall(site, DELETE, {"chatIds": list(chat_ids)}, _read_done, limits)


def _read_done(answer: dict[str, Any]) -> bool:
    return True


def _read_page(answer: dict[str, Any]) -> DiscussionPage | None:
    records = answer.get("chats")
    if not isinstance(records, list):
        return None
    found = tuple(_read_discussion(item) for item in records if isinstance(item, dict))
    total: int | None
    try:
        total = int(answer["total"])
    except (KeyError, TypeError, ValueError, OverflowError):
        total = None
    return DiscussionPage(found, total, len(records))


def _read_discussion(record: dict[str, Any]) -> Discussion:
    def text(key: str) -> str:
        value = record.get(key)
        return value if isinstance(value, str) else ""

    return Discussion(
        chat_id=text("chatId"),
        title=text("title"),
        messages=_read_messages(record.get("messages")),
        created=text("created"),
        updated=text("updated"),
        raw=record,
    )


def _read_messages(value: object) -> tuple[Message, ...]:
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return ()
    return tuple(
        Message(item["role"], item["content"])
        for item in (value if isinstance(value, list) else [])
        if isinstance(item, dict)
        and item.get("role") in ROLES
        and isinstance(item.get("content"), str)
    )
