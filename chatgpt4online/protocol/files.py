"""Files of a chat: upload, list, delete (`mwai-ui/v1/files`, plugin 1.9.95 and later)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..messages import StoredFile
from .call import JsonCall, encode_json
from .exchanges import Body, FileBody, FileSource
from .limits import Limits
from .nonce import Session
from .site import Site

UPLOAD = "mwai-ui/v1/files/upload"
LIST = "mwai-ui/v1/files/list"
DELETE = "mwai-ui/v1/files/delete"
NO_PURPOSE = "N/A"


class Upload(JsonCall[StoredFile]):
    """Upload one file.

    Args:
        site: what is known of the site.
        source: the file.
        purpose: what it is for, a word of the site's own; `NO_PURPOSE` for none.
        boundary: what parts the fields of the form; it must not be in the file.
        limits: how long an answer may be.
    """

    def __init__(
        self, site: Site, source: FileSource, purpose: str, boundary: str, limits: Limits
    ) -> None:
        super().__init__(site, UPLOAD, {}, _read_upload, limits)
        self._source = source
        self._boundary = boundary
        self._purpose = purpose
        for text in (purpose, source.filename):
            encode_json({"text": text}, "The file's name or purpose")

    def _request_headers(self) -> Mapping[str, str]:
        return {
            "Accept": "application/json",
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
        }

    def _request_body(self, session: Session) -> Body:
        part = f'--{self._boundary}\r\nContent-Disposition: form-data; name="'
        before = (
            f'{part}purpose"\r\n\r\n{self._purpose}\r\n'
            f'{part}file"; filename="{_quoted(self._source.filename)}"\r\n'
            f"Content-Type: {self._source.content_type}\r\n\r\n"
        )
        after = f"\r\n--{self._boundary}--\r\n"
        return FileBody(before.encode(), self._source, after.encode())


def _quoted(filename: str) -> str:
    """As browsers do: https://html.spec.whatwg.org/#multipart-form-data."""
    return filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def list_files(
    site: Site, limit: int, page: int, purpose: str | None, limits: Limits
) -> JsonCall[tuple[StoredFile, ...]]:
    """Return the call that lists the files of the user, newest first."""
    body: dict[str, Any] = {"limit": limit, "page": page}
    if purpose is not None:
        body["purpose"] = purpose
    return JsonCall(site, LIST, body, _read_list, limits)


def delete_files(site: Site, ids: Sequence[str], limits: Limits) -> JsonCall[int]:
    """Return the call that deletes files; its result is how many it deleted."""
    return JsonCall(site, DELETE, {"files": list(ids)}, _read_deleted, limits)


def _read_file(record: object) -> StoredFile | None:
    if not isinstance(record, dict):
        return None
    url = record.get("url")
    for file_id in (record.get("refId"), record.get("id")):
        if file_id and isinstance(file_id, str | int) and file_id is not True:
            return StoredFile(str(file_id), url if isinstance(url, str) else "", record)
    return None


def _read_upload(answer: dict[str, Any]) -> StoredFile | None:
    return _read_file(answer.get("data"))


def _read_list(answer: dict[str, Any]) -> tuple[StoredFile, ...] | None:
    data = answer.get("data")
    records = data.get("files") if isinstance(data, dict) else None
    if not isinstance(records, list):
        return None
    return tuple(filter(None, map(_read_file, records)))


def _read_deleted(answer: dict[str, Any]) -> int | None:
    deleted = answer.get("deleted")
    return deleted if isinstance(deleted, int) and not isinstance(deleted, bool) else 0
