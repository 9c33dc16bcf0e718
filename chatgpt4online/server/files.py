"""The uploaded files of the local site."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from aiohttp import BodyPartReader, web

from .bodies import read_object
from .responses import failure, success
from .storage import Storage

_REJECTED_TYPES = (
    "application/x-msdos-program",
    "application/x-msdownload",
    "application/x-dosexec",
)
# A page among the files may not act in the name of who opens it.
_AS_A_FILE = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}


class FileStore:
    """Keeps files, and handles the routes under `mwai-ui/v1/files`.

    Args:
        storage: Where they are kept. In memory their contents are discarded.

    Attributes:
        uploads: The metadata of each file by id: filename, type, size in bytes, purpose, URL.
    """

    def __init__(self, storage: Storage) -> None:
        self.uploads: dict[str, dict[str, Any]] = {}
        self._storage = storage

    async def load(self) -> None:
        """Read what is stored, and remove what was being written or deleted at the end."""
        rows = await self._storage.run(
            lambda connection: connection.execute(
                "SELECT id, record FROM files ORDER BY rowid"
            ).fetchall()
        )
        self.uploads.clear()
        self.uploads.update({file_id: json.loads(record) for file_id, record in rows if record})
        await self._remove([file_id for file_id, record in rows if not record])

    async def upload(self, request: web.Request) -> web.Response:
        """Store a file."""
        file_id = secrets.token_hex(16)
        path = self._storage.path(file_id)
        # A file without a record is incomplete.
        await self._storage.run(
            lambda connection: connection.execute("INSERT INTO files (id) VALUES (?)", (file_id,))
        )
        try:
            try:
                fields = await _receive(request, path)
            except (ValueError, AssertionError):  # no form, or one that breaks off
                fields = {}
            refusal = _refusal_of(fields)
            if refusal is not None:
                return failure(400, refusal)
            record = {"id": file_id, "url": _address(request) + file_id, **fields}
            await self._complete(record, path)
        finally:
            if file_id not in self.uploads:
                await self._remove([file_id])
        return success(data={"id": file_id, "url": record["url"]})

    async def _complete(self, record: dict[str, Any], path: Path | None) -> None:
        """Add a file whose contents are written."""

        def job(connection: sqlite3.Connection) -> None:
            if path is not None:
                _sync(path)
            connection.execute(
                "UPDATE files SET record = ? WHERE id = ?", (json.dumps(record), record["id"])
            )

        await self._storage.run(job)
        self.uploads[record["id"]] = record

    async def list(self, request: web.Request) -> web.Response:
        """Return one page of the stored files, newest first."""
        body = await read_object(request)
        purpose = body.get("purpose")
        found = [item for item in self.uploads.values() if purpose in (None, item["purpose"])]
        found.reverse()
        limit, page = body.get("limit", 10), body.get("page", 1)
        # The port can have changed since the upload.
        files = [
            {"refId": item["id"], "url": _address(request) + item["id"], "purpose": item["purpose"]}
            for item in found[(page - 1) * limit : page * limit]
        ]
        return success(data={"files": files, "total": str(len(found))})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete files."""
        ids = (await read_object(request)).get("files", [])
        deleted = [item for item in ids if self.uploads.pop(item, None) is not None]
        await self._remove(deleted)
        return success(deleted=len(deleted))

    def contents(self, file_id: str) -> web.FileResponse | None:
        """Return a response with the contents of a file, or None if they are not there."""
        record, path = self.uploads.get(file_id), self._storage.path(file_id)
        if record is None or path is None:
            return None
        kind = record["type"] or "application/octet-stream"
        return web.FileResponse(path, headers={**_AS_A_FILE, "Content-Type": kind})

    async def _remove(self, ids: Sequence[str]) -> None:
        """Remove files. If this is interrupted, the next start does it."""
        keys = [(file_id,) for file_id in ids]
        await self._storage.run(
            lambda connection: connection.executemany(
                "UPDATE files SET record = NULL WHERE id = ?", keys
            )
        )

        def job(connection: sqlite3.Connection) -> None:
            for path in filter(None, map(self._storage.path, ids)):
                path.unlink(missing_ok=True)
            connection.executemany("DELETE FROM files WHERE id = ?", keys)

        await self._storage.run(job)


async def _receive(request: web.Request, path: Path | None) -> dict[str, Any]:
    """Return what a form says of its file, whose contents are written if there is a path."""
    fields: dict[str, Any] = {}
    if request.content_type != "multipart/form-data":
        raise ValueError
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == "file":
            fields["size"] = await _copy(part, path)
            fields["filename"] = part.filename
            fields["type"] = part.headers.get("Content-Type")
        elif part.name == "purpose":
            fields["purpose"] = await part.text()
    return fields


async def _copy(part: BodyPartReader, path: Path | None) -> int:
    """Write the contents of a part, or discard them, and return their size."""
    size = 0
    with _create(path) as file:
        while chunk := await part.read_chunk(65536):
            file.write(chunk)
            size += len(chunk)
    return size


def _refusal_of(fields: dict[str, Any]) -> str | None:
    if "filename" not in fields or "purpose" not in fields:
        return "The file or its purpose is missing."
    return "Invalid file type." if fields["type"] in _REJECTED_TYPES else None


def _create(path: Path | None) -> BinaryIO:
    return open(path or os.devnull, "wb")


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file)


def _address(request: web.Request) -> str:
    return f"http://{request.host}/wp-content/uploads/"
