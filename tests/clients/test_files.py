"""Files with prompts, stored files, and sites that do not accept files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatgpt4online import (
    ChatTimeout,
    PromptTooLong,
    QueryRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
    StoredFile,
    Timeout,
    UsageError,
)
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import SESSION, Connection, LoopbackServer, Received, ai_site, response, send
from ..recordings import Recording


def test_prompt_with_files(site: LocalSite, picture: Path, driver: Driver) -> None:
    with driver.client(site.url) as client:
        stored = client.upload(b"x", filename="x.txt")
        client.generate("Hi", files=[stored])
        client.generate("Hi", files=[stored, picture])
        list(client.stream("Hi", files=[picture]))
        client.generate("", files=[picture])
        chat = client.conversation()
        chat.generate("", files=[stored])
        chat.generate("Hi", files=[stored])
    one, two, three, four, five, six = site.app.submissions
    ids = list(site.app.files.uploads)
    assert (one["newFileId"], "newFileIds" in one) == (stored.id, False)
    assert (two["newFileIds"], "newFileId" in two) == (ids[:2], False)
    assert three["newFileId"] == ids[2]
    assert (four["newFileId"], four["newMessage"]) == (ids[3], "")
    assert five["newFileId"] == six["newFileId"] == stored.id
    assert [item["role"] for item in six["messages"]] == [
        "assistant"
    ] * 2  # with the start sentence
    assert "newImageId" not in one


@pytest.mark.parametrize("era", [Era.NO_NONCE, Era.PAGE_NONCE])
def test_old_plugins_accept_one_image(era: Era, driver: Driver) -> None:
    file = StoredFile("f1")
    with LocalSite(era=era) as site, driver.client(site.url) as client:
        client.generate("Hi", files=[file])
        assert site.app.submissions[0]["newImageId"] == "f1"
        assert site.app.submissions[0]["newFileId"] == "f1"
        with pytest.raises(UsageError, match="accepts one file per message"):
            client.generate("Hi", files=[file, file])
        assert len(site.app.submissions) == 1


def test_list_and_delete(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        files = [client.upload(b"x", purpose=f"p{number % 2}") for number in range(5)]
        ids = [file.id for file in files]
        assert [file.id for file in client.list_files()] == ids[::-1]
        assert [file.id for file in client.list_files(limit=2, page=2)] == [ids[2], ids[1]]
        assert [file.id for file in client.list_files(purpose="p1")] == [ids[3], ids[1]]
        assert client.delete_files(files[0], ids[1]) == 2
        assert client.delete_files(files[0]) == 0
        assert len(client.list_files()) == 3


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("list", 500, {"code": "internal_server_error", "message": "No user"}),
        ("delete", 400, {"code": "rest_invalid_param", "message": "No user"}),
        ("delete", 400, {"success": False, "message": "No user"}),
    ],
)
def test_files_of_a_guest(name: str, status: int, body: dict[str, Any], driver: Driver) -> None:
    """Some sites have them, but can neither list nor delete them."""
    submit = send(response(body, status))
    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        hint = rf": No user\. Some sites {name} files for signed-in users only: pass auth\.$"
        with pytest.raises((StatusError, ReplyError), match=hint):
            client.list_files() if name == "list" else client.delete_files("f1")
        with driver.client(server.url, auth=("ann", "p")) as signed_in:
            with pytest.raises((StatusError, ReplyError), match=r": No user$"):
                signed_in.list_files() if name == "list" else signed_in.delete_files("f1")


def test_rejected_file_type(site: LocalSite, tmp_path: Path, driver: Driver) -> None:
    program = tmp_path / "x.exe"
    program.write_bytes(b"MZ")
    with driver.client(site.url) as client:
        with pytest.raises(QueryRejected, match="Invalid file type"):
            client.upload(program)
        with pytest.raises(QueryRejected, match="Invalid file type"):
            client.generate("Hi", files=[program])
    assert not site.app.submissions


@pytest.mark.parametrize("address", ["", "/chat/"])
def test_site_without_uploads(address: str, picture: Path, driver: Driver) -> None:
    with LocalSite(uploads=False) as site, driver.client(site.url + address) as client:
        with pytest.raises(RouteNotFound):
            client.upload(picture)
        with pytest.raises((RouteNotFound, UsageError)):
            client.generate("Hi", files=[picture])
        if address:
            with pytest.raises(UsageError, match="does not accept files"):
                client.generate("Hi", files=[StoredFile("f1")])
        assert not site.app.submissions


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (Recording("2.6.5/close-delimited/page"), "accepts one file per message"),
        (None, "does not show this chatbot"),
    ],
    ids=["one-file", "unknown"],
)
def test_several_files_on_a_site_that_may_lose_them(
    page: Recording | None, text: str, picture: Path, driver: Driver
) -> None:
    def handle(connection: Connection, request: Received) -> None:
        opened = response(SESSION) if request.method == "POST" else response("<html>")
        connection.send(page.response if page and request.method == "GET" else opened)
        connection.close()

    with LoopbackServer(handle) as server, driver.client(server.url) as client:
        with pytest.raises(UsageError, match=text):
            client.generate("Hi", files=[StoredFile("f1"), picture])
        with pytest.raises(UsageError, match=text):
            client.stream("Hi", files=[picture, picture])
    assert not [item for item in server.requests if "mwai-ui" in item.target]


def test_too_many_files(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url + "/chat/") as client:
        with pytest.raises(UsageError, match="4 files are too many; the chatbot accepts 3"):
            client.generate("Hi", files=[StoredFile("f1")] * 4)
    assert not site.app.submissions


def test_nothing_is_uploaded_for_an_invalid_prompt(
    site: LocalSite, picture: Path, driver: Driver
) -> None:
    with driver.client(site.url) as client:
        with pytest.raises(UsageError):
            client.generate("Hi", files=[picture], model=object())
        with pytest.raises(UsageError):
            client.generate([], files=[picture])
        with pytest.raises(UsageError):
            client.generate("Hi", files=[picture, "missing.png"])
    assert not site.app.files.uploads


def test_total_timeout_includes_the_uploads(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(response(SESSION))
        elif request.method == "GET":
            connection.send(Recording("3.6.2/chunked/page-chat").response)
        elif len(server.requests) == 3:
            connection.send(response({"success": True, "data": {"id": "f1"}}))
        else:
            connection.wait_closed()
            connection.close()

    with (
        LoopbackServer(handle) as server,
        driver.client(server.url, timeout=Timeout(total=0.3)) as client,
    ):
        with pytest.raises(ChatTimeout, match=r"longer than 0\.3 seconds"):
            client.generate("Hi", files=[b"x", b"y"])
        assert server.prompts == []


def test_nothing_is_uploaded_over_the_discovered_limits(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        client.discover()
        with pytest.raises(PromptTooLong, match="the site accepts 512"):
            client.generate("x" * 600, files=[b"x"])
        with pytest.raises(UsageError, match="4 files are too many"):
            client.generate("Hi", files=[b"x"] * 4)
    assert not site.app.files.uploads
