"""Files of a chat: upload, list, delete (`mwai-ui/v1/files`, plugin 1.9.95 and later)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ProtocolError
from ..models import StoredFile
from .call import ACCEPT_JSON, call
from .http import FileSource, Flow, Form
from .jsontext import encode_json
from .site import Site

UPLOAD = "mwai-ui/v1/files/upload"
LIST = "mwai-ui/v1/files/list"
DELETE = "mwai-ui/v1/files/delete"
NO_PURPOSE = "N/A"


@dataclass(slots=True)
class Attachment:
    """A file that goes with a prompt.

    Attributes:
        source: The file to upload; None if it is on the site already.
        stored: The file on the site; None until it is uploaded.
        boundary: A string that the file does not contain.
    """

    source: FileSource | None = None
    stored: StoredFile | None = None
    boundary: str = ""


def stored_files(site: Site, attachments: Sequence[Attachment]) -> Flow[list[StoredFile]]:
    """Return the files of a prompt, uploading those that are not on the site yet.

    An attachment remembers its upload, so that a prompt that is sent again uploads nothing twice.
    """
    files = []
    for item in attachments:
        if item.stored is None:
            assert item.source is not None
            item.stored = yield from upload(site, item.source, NO_PURPOSE, item.boundary)
        files.append(item.stored)
    return files


def upload(site: Site, file: FileSource, purpose: str, boundary: str) -> Flow[StoredFile]:
    """Upload a file.

    Args:
        site: The site.
        file: The file.
        purpose: What it is for, in the site's own words.
        boundary: Separates the fields of the form; the file must not contain it.
    """
    headers = {**ACCEPT_JSON, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = yield from call(site, UPLOAD, _form(file, purpose, boundary), headers=headers)
    stored = _read_file(answer.get("data"))
    if stored is None:
        raise ProtocolError("The site accepted the file but returned no id for it.")
    return stored


def _form(file: FileSource, purpose: str, boundary: str) -> Form:
    for text in (purpose, file.filename):
        encode_json({"text": text}, "The file's name or purpose")
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="'
    before = (
        f'{part}purpose"\r\n\r\n{purpose}\r\n'
        f'{part}file"; filename="{_quoted(file.filename)}"\r\n'
        f"Content-Type: {file.content_type}\r\n\r\n"
    )
    return Form(before.encode(), file, f"\r\n--{boundary}--\r\n".encode())


def _quoted(filename: str) -> str:
    """Escape a filename as browsers do: https://html.spec.whatwg.org/#multipart-form-data."""
    return filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def list_files(
    site: Site, limit: int, page: int, purpose: str | None
) -> Flow[tuple[StoredFile, ...]]:
    """List the user's files, newest first."""
    body: dict[str, Any] = {"limit": limit, "page": page}
    if purpose is not None:
        body["purpose"] = purpose
    answer = yield from call(site, LIST, body, repeatable=True)
    data = answer.get("data")
    records = data.get("files") if isinstance(data, dict) else None
    if not isinstance(records, list):
        raise ProtocolError("The site's answer has no list of files.")
    return tuple(filter(None, map(_read_file, records)))


def delete_files(site: Site, ids: Sequence[str]) -> Flow[int]:
    """Delete files and return how many were deleted."""
    answer = yield from call(site, DELETE, {"files": list(ids)})
    deleted = answer.get("deleted")
    return deleted if isinstance(deleted, int) and not isinstance(deleted, bool) else 0


def _read_file(record: object) -> StoredFile | None:
    if not isinstance(record, dict):
        return None
    url = record.get("url")
    for file_id in (record.get("refId"), record.get("id")):
        if file_id and isinstance(file_id, str | int) and file_id is not True:
            return StoredFile(str(file_id), url if isinstance(url, str) else "", record)
    return None
