"""The uploaded files and the discussions of the local site."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import BodyPartReader, web

from .responses import failure, success

_REJECTED_TYPES = (
    "application/x-msdos-program",
    "application/x-msdownload",
    "application/x-dosexec",
)


class FileStore:
    """Handles the routes under `mwai-ui/v1/files`.

    Attributes:
        uploads: The metadata of each file by id: filename, type, size in bytes, purpose, URL.
    """

    def __init__(self) -> None:
        self.uploads: dict[str, dict[str, Any]] = {}

    async def upload(self, request: web.Request) -> web.Response:
        """Store the metadata of a file. Its contents are discarded."""
        fields: dict[str, Any] = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name == "file":
                size = 0
                while chunk := await part.read_chunk(65536):
                    size += len(chunk)
                fields["filename"], fields["size"] = part.filename, size
                fields["type"] = part.headers.get("Content-Type")
            elif part.name:
                fields[part.name] = await part.text()
        if "filename" not in fields or "purpose" not in fields:
            return failure(400, "The file or its purpose is missing.")
        if fields["type"] in _REJECTED_TYPES:
            return failure(400, "Invalid file type.")
        file_id = secrets.token_hex(16)
        url = f"http://{request.host}/wp-content/uploads/{file_id}"
        self.uploads[file_id] = {"id": file_id, "url": url, **fields}
        return success(data={"id": file_id, "url": url})

    async def list(self, request: web.Request) -> web.Response:
        """Return one page of the stored files, newest first."""
        body = await request.json()
        purpose = body.get("purpose")
        found = [item for item in self.uploads.values() if purpose in (None, item["purpose"])]
        found.reverse()
        limit, page = body.get("limit", 10), body.get("page", 1)
        files = [
            {"refId": item["id"], "url": item["url"], "purpose": item["purpose"]}
            for item in found[(page - 1) * limit : page * limit]
        ]
        return success(data={"files": files, "total": str(len(found))})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete files."""
        ids = (await request.json()).get("files", [])
        return success(deleted=sum(self.uploads.pop(item, None) is not None for item in ids))


class DiscussionStore:
    """Handles the routes under `mwai-ui/v1/discussions`, for signed-in users."""

    def __init__(self) -> None:
        self._chats: dict[str, dict[str, dict[str, Any]]] = {}

    def save(self, user: str, body: Mapping[str, Any], messages: list[dict[str, str]]) -> None:
        """Save the messages of a discussion after a turn."""
        chat_id = str(body.get("chatId") or secrets.token_hex(8))
        chats = self._chats.setdefault(user, {})
        discussion = chats.pop(
            chat_id, {"title": messages[-2]["content"][:64], "created": "2026-01-01 00:00:00"}
        )
        chats[chat_id] = {
            **discussion,
            "chatId": chat_id,
            "botId": body.get("botId"),
            "messages": json.dumps(messages),
            "updated": "2026-01-01 00:00:00",
        }

    async def list(self, request: web.Request, user: str | None) -> web.Response:
        """Return one page of a user's discussions, newest first."""
        if user is None:
            return _not_connected()
        body = await request.json()
        found = list(reversed(self._chats.get(user, {}).values()))
        start = body.get("offset", 0)
        return success(total=str(len(found)), chats=found[start : start + body.get("limit", 10)])

    async def edit(self, request: web.Request, user: str | None) -> web.Response:
        """Rename a discussion."""
        if user is None:
            return _not_connected()
        body = await request.json()
        chat = self._chats.get(user, {}).get(body.get("chatId"))
        if chat is None:
            return failure(404, "No such discussion.")
        chat["title"] = body.get("title")
        return success()

    async def delete(self, request: web.Request, user: str | None) -> web.Response:
        """Delete discussions."""
        if user is None:
            return _not_connected()
        for chat_id in (await request.json()).get("chatIds", []):
            self._chats.get(user, {}).pop(chat_id, None)
        return success()


def _not_connected() -> web.Response:
    return failure(200, "You need to be connected.")
