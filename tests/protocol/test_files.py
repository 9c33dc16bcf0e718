"""Uploading, listing and deleting files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chatgpt4online.errors import (
    ProtocolError,
    QueryRejected,
    ReplyError,
    StatusError,
    UsageError,
)
from chatgpt4online.models import StoredFile
from chatgpt4online.protocol.files import (
    Attachment,
    delete_files,
    list_files,
    stored_files,
    upload,
)
from chatgpt4online.protocol.http import Form, Response
from chatgpt4online.protocol.site import User

from .flows import BAD_NONCE, OPENED, ROOT, Script, Source, answer, json_of, opened_site, recorded

UPLOAD = f"POST {ROOT}mwai-ui/v1/files/upload"
FILE = {"id": 1, "refId": "f1", "url": "u"}
STORED = StoredFile("f1", "u", FILE)


def script_for(response: Response) -> Script:
    return Script(opened_site(), response)


def test_upload() -> None:
    script = script_for(answer(success=True, data=FILE))
    assert script.run(upload(script.site, Source(), "vision", "b0undary")) == STORED
    assert script.sent == [UPLOAD]
    (request,) = script.requests
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "multipart/form-data; boundary=b0undary",
        "X-WP-Nonce": "n1",
    }
    assert isinstance(request.body, Form)
    body = b"".join(request.body)
    assert body == (
        b'--b0undary\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n'
        b'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="dot.png"\r\n'
        b"Content-Type: image/png\r\n\r\nimage\r\n--b0undary--\r\n"
    )
    assert len(request.body) == len(body)
    assert not request.repeatable
    assert "vision" not in repr(request)


def test_upload_is_sent_again_after_a_refused_nonce() -> None:
    script = Script(opened_site(), BAD_NONCE, OPENED, answer(success=True, data=FILE))
    assert script.run(upload(script.site, Source(), "vision", "b0undary")) == STORED
    first, _, second = script.requests
    assert isinstance(first.body, Form)
    assert isinstance(second.body, Form)
    assert [*first.body] == [*second.body]


def test_filename_is_escaped() -> None:
    script = script_for(answer(success=True, data=FILE))
    script.run(upload(script.site, Source('a"b\r\nc;п.png'), "x", "b"))
    body = script.requests[0].body
    assert isinstance(body, Form)
    assert 'filename="a%22b%0D%0Ac;п.png"\r\n'.encode() in body.before


@pytest.mark.parametrize(
    ("filename", "purpose"), [("a\ud83d.png", "vision"), ("dot.png", "p\ud83d")]
)
def test_filename_or_purpose_that_cannot_be_encoded(filename: str, purpose: str) -> None:
    script = Script(opened_site())
    with pytest.raises(UsageError, match="The file's name or purpose cannot be sent"):
        script.run(upload(script.site, Source(filename), purpose, "b"))


@pytest.mark.parametrize(
    ("data", "stored"),
    [
        (FILE, STORED),
        ({"refId": [], "id": 7}, StoredFile("7", "", {"refId": [], "id": 7})),
        ({"id": "f2", "url": 5}, StoredFile("f2", "", {"id": "f2", "url": 5})),
    ],
)
def test_uploaded_file(data: dict[str, Any], stored: StoredFile) -> None:
    script = script_for(answer(success=True, data=data))
    assert script.run(upload(script.site, Source(), "x", "b")) == stored


@pytest.mark.parametrize("data", [None, [], "f1", {}, {"id": None}, {"id": True}, {"id": ""}])
def test_upload_without_an_id(data: Any) -> None:
    script = script_for(answer(success=True, data=data))
    with pytest.raises(ProtocolError, match="returned no id"):
        script.run(upload(script.site, Source(), "x", "b"))


@pytest.mark.parametrize("front", ["chunked", "close-delimited"])
@pytest.mark.parametrize("version", ["3.6.2", "3.8.1-hybrid"])
def test_recorded_upload(version: str, front: str) -> None:
    script = script_for(recorded(f"{version}/{front}/upload-png"))
    stored = script.run(upload(script.site, Source(), "x", "b"))
    assert len(stored.id) == 32
    assert stored.id in stored.url
    script = script_for(recorded(f"{version}/{front}/upload-exe"))
    with pytest.raises(QueryRejected, match=r"Invalid file type\."):
        script.run(upload(script.site, Source(), "x", "b"))


def test_attachment_is_uploaded_once() -> None:
    attachments = [
        Attachment(stored=StoredFile("f0")),
        Attachment(source=Source(), boundary="b"),
    ]
    script = script_for(answer(success=True, data=FILE))
    for _ in range(2):
        assert script.run(stored_files(script.site, attachments)) == [StoredFile("f0"), STORED]
    assert script.sent == [UPLOAD]
    assert isinstance(script.requests[0].body, Form)
    assert b"N/A" in script.requests[0].body.before


@pytest.mark.parametrize(
    ("purpose", "body"),
    [
        (None, {"limit": 5, "page": 2}),
        ("vision", {"limit": 5, "page": 2, "purpose": "vision"}),
    ],
)
def test_list_files(purpose: str | None, body: dict[str, Any]) -> None:
    records = [FILE, 5, {}, {"id": True}]
    script = script_for(answer(success=True, data={"files": records, "total": "4"}))
    assert script.run(list_files(script.site, 5, 2, purpose)) == (STORED,)
    assert script.sent == [f"POST {ROOT}mwai-ui/v1/files/list"]
    assert json_of(script.requests[0]) == body
    assert script.requests[0].repeatable


@pytest.mark.parametrize("data", [None, [], {}, {"files": 5}])
def test_answer_without_a_list_of_files(data: Any) -> None:
    script = script_for(answer(success=True, data=data))
    with pytest.raises(ProtocolError, match="no list of files"):
        script.run(list_files(script.site, 5, 1, None))


def test_recorded_lists_of_files() -> None:
    script = script_for(recorded("3.6.2/application-password/files-list"))
    assert script.run(list_files(script.site, 5, 1, None)) == ()
    script = script_for(recorded("3.8.1-hybrid/application-password/files-list"))
    (stored,) = script.run(list_files(script.site, 5, 1, None))
    assert stored.id == "9476802dbd37c59e7b2786442c788aae"
    assert stored.url.endswith(f"{stored.id}.png")
    script = script_for(recorded("3.6.2/chunked/files-list"))
    with pytest.raises(StatusError, match=r"critical error.* pass auth\.$"):
        script.run(list_files(script.site, 5, 1, None))
    script = script_for(recorded("3.6.2/chunked/files-list"))
    script.site.user = User.VERIFIED
    with pytest.raises(StatusError, match=r"critical error[^:]*$"):
        script.run(list_files(script.site, 5, 1, None))


@pytest.mark.parametrize(
    ("fields", "count"),
    [({"deleted": 2}, 2), ({}, 0), ({"deleted": True}, 0), ({"deleted": "x"}, 0)],
)
def test_delete_files(fields: dict[str, Any], count: int) -> None:
    script = script_for(answer(success=True, **fields))
    assert script.run(delete_files(script.site, ("f1", "f2"))) == count
    assert script.sent == [f"POST {ROOT}mwai-ui/v1/files/delete"]
    assert json_of(script.requests[0]) == {"files": ["f1", "f2"]}


FAULT = answer(success=False, message="User not found")


@pytest.mark.parametrize(
    ("user", "status", "hinted"),
    [(User.GUEST, 400, True), (User.GUEST, 500, False), (User.VERIFIED, 400, False)],
)
def test_delete_files_by_a_guest(user: User, status: int, hinted: bool) -> None:
    script = script_for(replace(FAULT, status=status))
    script.site.user = user
    with pytest.raises(ReplyError) as caught:
        script.run(delete_files(script.site, ("f1",)))
    hint = ": User not found. Some sites delete files for signed-in users only: pass auth."
    assert str(caught.value).endswith(hint if hinted else ": User not found")


@pytest.mark.parametrize(
    ("said", "text"),
    [("Fault", ": Fault."), ("Fault.", ": Fault."), ("Why?", ": Why?"), ("", " an error.")],
)
def test_hint_after_what_the_site_has_said(said: str, text: str) -> None:
    script = script_for(replace(answer(success=False, message=said), status=500))
    with pytest.raises(ReplyError) as caught:
        script.run(list_files(script.site, 5, 1, None))
    assert f"{text} Some sites list files" in str(caught.value)
