"""Discussions that a site keeps for signed-in users (`mwai-ui/v1/discussions`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProtocolError
from ..models import ROLES, Message
from .call import call
from .http import Flow
from .jsontext import parse_json, read_count, read_field, sendable
from .site import DEFAULT_BOT, Bot, Site

LIST = "mwai-ui/v1/discussions/list"
GET = "mwai-ui/v1/discussions/get"
EDIT = "mwai-ui/v1/discussions/edit"
DELETE = "mwai-ui/v1/discussions/delete"
TRUNCATE = "mwai-ui/v1/discussions/truncate"


@dataclass(frozen=True, slots=True)
class Discussion:
    """A conversation that is stored on the site.

    Attributes:
        chat_id: Its id. ``client.conversation(chat_id, messages)`` continues it.
        title: Its title, or an empty string.
        messages: Its messages, oldest first.
        created: When it began, as written by the site.
        updated: When it was last continued, as written by the site.
        raw: The site's own record.
    """

    chat_id: str
    title: str
    messages: tuple[Message, ...] = field(repr=False)
    created: str
    updated: str
    raw: Mapping[str, Any] = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class DiscussionPage:
    """One page of the list of discussions, and how many there are in all, if given."""

    discussions: tuple[Discussion, ...]
    total: int | None


class Paging:
    """Which page of the list to read next: `offset`, until `done`.

    It ends even if a site repeats the same page.
    """

    def __init__(self, size: int) -> None:
        self.offset = 0
        self.done = False
        self._size = size
        self._seen: set[str] = set()

    def add(self, page: DiscussionPage) -> list[Discussion]:
        """Return what is new on a page, and move on to the next one."""
        new = [item for item in page.discussions if item.chat_id not in self._seen]
        self._seen.update(item.chat_id for item in new)
        length = len(page.discussions)
        self.offset += length
        more = length >= self._size if page.total is None else self.offset < page.total
        self.done = not (new and more)
        return new


def list_discussions(
    site: Site, bot: Bot, offset: int, limit: int, search: str | None = None
) -> Flow[DiscussionPage]:
    """List a page of a chatbot's discussions, newest first, or of those that contain a text."""
    body: dict[str, Any] = {**_bot_field(bot), "offset": offset, "limit": limit}
    if search is not None:
        body["search"] = search
    answer = yield from call(site, LIST, body, repeatable=True)
    records = read_field(answer, "chats", list, None)
    if records is None:
        raise ProtocolError("The site's answer has no list of discussions.")
    found = tuple(_read_discussion(item) for item in records if isinstance(item, dict))
    return DiscussionPage(found, read_count(answer, "total"))


def get_discussion(site: Site, bot: Bot, chat_id: str) -> Flow[Discussion]:
    """Return one discussion."""
    body = {**_bot_field(bot), "chatId": chat_id}
    answer = yield from call(site, GET, body, repeatable=True, may_be_forbidden=True)
    record = read_field(answer, "chat", dict, None)
    if record is None:
        raise ProtocolError("The site's answer has no discussion.")
    return _read_discussion(record)


def truncate_discussion(
    site: Site, bot: Bot, chat_id: str, messages: Sequence[Message]
) -> Flow[None]:
    """Replace the messages of a discussion."""
    kept = [{"role": item.role, "content": item.content} for item in messages]
    body = {**_bot_field(bot), "chatId": chat_id, "messages": kept}
    yield from call(site, TRUNCATE, body, may_be_forbidden=True)


def rename_discussion(site: Site, chat_id: str, title: str) -> Flow[None]:
    """Change the title of a discussion."""
    yield from call(site, EDIT, {"chatId": chat_id, "title": title}, may_be_forbidden=True)


def delete_discussions(site: Site, chat_ids: Sequence[str]) -> Flow[None]:
    """Delete discussions."""
    yield from call(site, DELETE, {"chatIds": list(chat_ids)}, may_be_forbidden=True)


def _bot_field(bot: Bot) -> dict[str, str]:
    return {"customId": bot.custom_id} if bot.custom_id else {"botId": bot.bot_id or DEFAULT_BOT}


def _read_discussion(record: dict[str, Any]) -> Discussion:
    return Discussion(
        chat_id=sendable(read_field(record, "chatId", str, "")),
        title=read_field(record, "title", str, ""),
        messages=_read_messages(record.get("messages")),
        created=read_field(record, "created", str, ""),
        updated=read_field(record, "updated", str, ""),
        raw=record,
    )


def _read_messages(value: object) -> tuple[Message, ...]:
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return ()
    found = []
    for item in value if isinstance(value, list) else []:
        match item:
            case {"role": str(role), "content": str(content)} if role in ROLES:
                found.append(Message(role, sendable(content)))
    return tuple(found)
