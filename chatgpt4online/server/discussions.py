"""The discussions of the local site."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from ..models import ROLES, Message
from ..protocol.jsontext import sendable
from .bodies import read_object
from .responses import error, failure, success
from .storage import Storage

_MOST_IN_MEMORY = 1_000
_TITLE_LENGTH = 64
_COLUMNS = "title, messages, bot_id AS botId, chat_id AS chatId, created, updated"
_MINE = "owner = ? AND chat_id = ?"


class DiscussionStore:
    """Keeps discussions, and handles the routes under `mwai-ui/v1/discussions` for their owners.

    Nobody goes on with somebody else's discussion. Guests share theirs, but cannot list them.

    Args:
        storage: Where they are kept. In memory they are the last 1,000.
        clock: Returns the seconds since 1970.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._clock = clock

    async def messages(self, user: str | None, chat_id: object) -> list[Message] | None:
        """Return the messages of a discussion, or None if there is no such discussion."""
        key = _key(user, chat_id)
        row = await self._storage.run(
            lambda connection: connection.execute(
                f"SELECT messages FROM discussions WHERE {_MINE}", key
            ).fetchone()
        )
        return read_messages(json.loads(row[0])) if row else None

    async def add_turn(
        self, user: str | None, body: Mapping[str, Any], said: Sequence[Message], reply: str
    ) -> None:
        """Add a completed turn. It is not lost from then on.

        Args:
            user: The name of the user, or None for a guest, whose discussion is kept only if it
                has an id.
            body: The request.
            said: What the bot was given: the messages until then, and the prompt.
            reply: The bot's reply.
        """
        chat_id = body.get("chatId") or (user and secrets.token_hex(8))
        if not chat_id:
            return
        key, bot_id = _key(user, chat_id), body.get("botId")
        bot = sendable(str(bot_id)) if bot_id else None
        before = [_record(item) for item in said[:-1]]
        turn = [_record(said[-1]), _record(Message("assistant", reply))]
        title, now = sendable(said[-1].content[:_TITLE_LENGTH]), self._now()

        def job(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                f"SELECT title, created, messages FROM discussions WHERE {_MINE}", key
            ).fetchone()
            # Another turn of the discussion may have ended since this one began: keep both.
            messages = [*(json.loads(row[2]) if row else before), *turn]
            connection.execute(
                "INSERT OR REPLACE INTO discussions"
                " (owner, chat_id, bot_id, title, created, messages, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*key, bot, *(row[:2] if row else (title, now)), json.dumps(messages), now),
            )
            if not self._storage.is_lasting:
                _forget_oldest(connection)

        await self._storage.run(job)

    async def list(self, request: web.Request, user: str | None) -> web.Response:
        """Return one page of a user's discussions, newest first, or of those with a text."""
        if user is None:
            return _not_connected()
        body = await read_object(request)
        search = str(body.get("search") or "").casefold()
        limit, offset = body.get("limit", 10), body.get("offset", 0)

        def job(connection: sqlite3.Connection) -> tuple[int, list[dict[str, Any]]]:
            connection.create_function("is_in", 3, _is_in)
            found = "FROM discussions WHERE owner = ? AND is_in(?, title, messages)"
            (total,) = connection.execute(f"SELECT count(*) {found}", (user, search)).fetchone()
            page = connection.execute(
                f"SELECT {_COLUMNS} {found} ORDER BY rowid DESC LIMIT ? OFFSET ?",
                (user, search, limit, offset),
            )
            return total, _as_dicts(page)

        total, chats = await self._storage.run(job)
        return success(total=str(total), chats=chats)

    async def get(self, request: web.Request, user: str | None) -> web.Response:
        """Return one discussion."""
        if user is None:
            return _not_connected()
        key = _key(user, (await read_object(request)).get("chatId"))
        found = await self._storage.run(
            lambda connection: _as_dicts(
                connection.execute(f"SELECT {_COLUMNS} FROM discussions WHERE {_MINE}", key)
            )
        )
        return success(chat=found[0]) if found else _unknown()

    async def edit(self, request: web.Request, user: str | None) -> web.Response:
        """Rename a discussion."""
        if user is None:
            return _not_connected()
        body = await read_object(request)
        title = sendable(str(body.get("title") or ""))
        found = await self._update(user, body, "title = ?", title)
        return success() if found else failure(404, "No such discussion.")

    async def truncate(self, request: web.Request, user: str | None) -> web.Response:
        """Replace the messages of a discussion. The bot goes on from these."""
        if user is None:
            return _not_connected()
        body = await read_object(request)
        messages = json.dumps([_record(item) for item in read_messages(body.get("messages"))])
        found = await self._update(user, body, "messages = ?, updated = ?", messages, self._now())
        return success() if found else _unknown()

    async def delete(self, request: web.Request, user: str | None) -> web.Response:
        """Delete discussions."""
        if user is None:
            return _not_connected()
        keys = [_key(user, item) for item in (await read_object(request)).get("chatIds", [])]
        await self._storage.run(
            lambda connection: connection.executemany(
                f"DELETE FROM discussions WHERE {_MINE}", keys
            )
        )
        return success()

    async def _update(self, user: str, body: Mapping[str, Any], change: str, *values: str) -> bool:
        """Change a discussion and return whether there is such a discussion."""
        key = _key(user, body.get("chatId"))
        changed = await self._storage.run(
            lambda connection: (
                connection.execute(
                    f"UPDATE discussions SET {change} WHERE {_MINE}", (*values, *key)
                ).rowcount
            )
        )
        return changed > 0

    def _now(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self._clock()))


def read_messages(value: object) -> list[Message]:
    """Return the messages in a decoded JSON value. What is no message is ignored."""
    return [
        Message(item["role"], str(item.get("content", "")))
        for item in (value if isinstance(value, list) else [])
        if isinstance(item, dict) and item.get("role") in ROLES
    ]


def _key(user: str | None, chat_id: object) -> tuple[str, str]:
    return user or "", sendable(str(chat_id))


def _record(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _forget_oldest(connection: sqlite3.Connection) -> None:
    # The number of a row grows with each turn of its discussion.
    connection.execute(
        "DELETE FROM discussions WHERE rowid <= "
        "(SELECT rowid FROM discussions ORDER BY rowid DESC LIMIT 1 OFFSET ?)",
        (_MOST_IN_MEMORY,),
    )


def _is_in(text: str, title: str, messages: str) -> bool:
    contents = (item["content"] for item in json.loads(messages)) if text else ()
    return text in title.casefold() or any(text in content.casefold() for content in contents)


def _as_dicts(rows: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _not_connected() -> web.Response:
    return failure(200, "You need to be connected.")


def _unknown() -> web.Response:
    return error(403, "rest_forbidden", "Sorry, you are not allowed to do that.")
