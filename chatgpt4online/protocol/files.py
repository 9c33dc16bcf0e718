"""Files on the site: upload, list, delete (`mwai-ui/v1/files`, plugin 1.9.95 and later)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ProtocolError, ReplyError, StatusError
from ..models import StoredFile
from .answers import add_hint
from .call import call
from .http import ACCEPT_JSON, FileSource, Flow, Form
from .jsontext import encode_json, read_count, read_field, sendable
from .site import Site, User

UPLOAD = "mwai-ui/v1/files/upload"
LIST = "mwai-ui/v1/files/list"
DELETE = "mwai-ui/v1/files/delete"
NO_PURPOSE = "N/A"


@dataclass(slots=True)
class Attachment:
    """A file that goes with a prompt: one to upload, or one that is on the site already.

    `boundary` is a string that the file does not contain.
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
    """Upload a file, for a purpose in the site's own words. It must not contain the boundary."""
    encode_json({"": [purpose, file.filename]}, "The file's name or purpose")
    # As browsers do: https://html.spec.whatwg.org/#multipart-form-data
    name = file.filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="'
    before = (
        f'{part}purpose"\r\n\r\n{purpose}\r\n'
        f'{part}file"; filename="{name}"\r\nContent-Type: {file.content_type}\r\n\r\n'
    )
    form = Form(before.encode(), file, f"\r\n--{boundary}--\r\n".encode())
    headers = {**ACCEPT_JSON, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = yield from call(site, UPLOAD, form, headers=headers)
    stored = _read_file(answer.get("data"))
    if stored is None:
        raise ProtocolError("The site accepted the file but returned no id for it.")
    return stored


def list_files(
    site: Site, limit: int, page: int, purpose: str | None
) -> Flow[tuple[StoredFile, ...]]:
    """List the user's files, newest first."""
    body: dict[str, Any] = {"limit": limit, "page": page}
    if purpose is not None:
        body["purpose"] = purpose
    try:
        answer = yield from call(site, LIST, body, repeatable=True)
    except (StatusError, ReplyError) as error:
        if site.user is User.GUEST and error.status == 500:  # a fault of plugin 3.6 and others
            add_hint(error, "Some sites list files for signed-in users only: pass auth.")
        raise
    records = read_field(read_field(answer, "data", dict, {}), "files", list, None)
    if records is None:
        raise ProtocolError("The site's answer has no list of files.")
    return tuple(filter(None, map(_read_file, records)))


def delete_files(site: Site, ids: Sequence[str]) -> Flow[int]:
    """Delete files and return how many were deleted."""
    try:
        answer = yield from call(site, DELETE, {"files": list(ids)})
    except (StatusError, ReplyError) as error:
        if site.user is User.GUEST and error.status == 400:  # a fault of plugin 3.6 and others
            add_hint(error, "Some sites delete files for signed-in users only: pass auth.")
        raise
    return read_count(answer, "deleted") or 0


def _read_file(record: object) -> StoredFile | None:
    if not isinstance(record, dict):
        return None
    for file_id in (record.get("refId"), record.get("id")):
        if file_id and type(file_id) in (str, int):
            return StoredFile(sendable(str(file_id)), read_field(record, "url", str, ""), record)
    return None
