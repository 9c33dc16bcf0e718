"""Uploading files."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import pytest

from chatgpt4online import (
    AsyncClient,
    ChatError,
    Client,
    NonceRejected,
    QueryRejected,
    StoredFile,
    Timeout,
    TransportError,
    UsageError,
)
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import SESSION, WAIT_LIMIT, Connection, LoopbackServer, Received, ai_site, response


def inputs(picture: Path) -> list[Any]:
    """Return the picture as a path, a string, bytes and an open file."""
    opened = io.BytesIO(b"skipped" + picture.read_bytes())
    opened.seek(7)
    return [picture, str(picture), picture.read_bytes(), opened]


@pytest.mark.parametrize("number", range(4))
def test_upload(number: int, site: LocalSite, picture: Path, driver: Driver) -> None:
    steps: list[tuple[int, int]] = []
    with driver.client(site.url) as client:
        stored = client.upload(
            inputs(picture)[number], purpose="vision", progress=lambda *step: steps.append(step)
        )
    (upload,) = site.app.files.uploads.values()
    assert stored.id == upload["id"]
    assert stored.url == upload["url"]
    assert (upload["size"], upload["purpose"]) == (200_004, "vision")
    assert upload["filename"] == ("dot.png" if number < 2 else "file")
    assert upload["type"] == ("image/png" if number < 2 else "application/octet-stream")
    assert [sent for sent, _ in steps] == [65536, 131072, 196608, 200_004]
    assert {total for _, total in steps} == {200_004}


def test_open_file(site: LocalSite, picture: Path, driver: Driver) -> None:
    with driver.client(site.url) as client, picture.open("rb") as opened:
        client.upload(opened)
        assert not opened.closed
    assert [upload["filename"] for upload in site.app.files.uploads.values()] == ["dot.png"]


def test_upload_is_repeated_after_a_rejected_nonce(picture: Path, driver: Driver) -> None:
    rejected = response({"code": "rest_cookie_invalid_nonce", "message": "m"}, 403)
    stored = response({"success": True, "data": {"id": "f1", "url": "u"}})

    def upload(connection: Connection, request: Received) -> None:
        connection.send(rejected if len(server.requests) < 3 else stored)

    with LoopbackServer(ai_site(upload)) as server, driver.client(server.url) as client:
        opened = io.BytesIO(picture.read_bytes())
        assert client.upload(opened, filename='a"\r\nb').id == "f1"
    first, second = (item for item in server.requests if item.target.endswith("upload"))
    assert first.headers["x-wp-nonce"] == SESSION["restNonce"]
    for request in (first, second):
        boundary = request.headers["content-type"].partition("boundary=")[2].encode()
        assert request.body.count(b"--" + boundary) == 3
        assert b'name="purpose"\r\n\r\nN/A\r\n' in request.body
        assert b'filename="a%22%0D%0Ab"' in request.body
        assert picture.read_bytes() in request.body


@pytest.mark.parametrize(
    "file", ["missing.png", Path("missing.png"), os.curdir, io.StringIO("x"), 5, None]
)
def test_invalid_files(file: Any, driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        with pytest.raises(UsageError):
            client.upload(file)
        with pytest.raises(UsageError):
            client.generate("Hi", files=[file])


def test_unseekable_or_closed_file(picture: Path, driver: Driver) -> None:
    reader, writer = os.pipe()
    with driver.client("http://127.0.0.1:1") as client, os.fdopen(reader, "rb") as pipe:
        os.close(writer)
        with pytest.raises(UsageError, match="seekable"):
            client.upload(pipe)
        opened = picture.open("rb")
        opened.close()
        with pytest.raises(UsageError, match="must be open"):
            client.upload(opened)


def test_file_is_truncated_during_the_upload(
    site: LocalSite, picture: Path, driver: Driver
) -> None:
    def truncate(sent: int, total: int) -> None:
        os.truncate(picture, 70_000)

    with driver.client(site.url) as client:
        with pytest.raises(UsageError, match="shorter"):
            client.upload(picture, progress=truncate)
        assert client.generate("Hi").text


def test_file_is_removed_before_the_upload(site: LocalSite, picture: Path, driver: Driver) -> None:
    with driver.client(site.url) as client:
        client.open_session()
        getsize = os.path.getsize

        def remove(path: Any) -> int:
            size = getsize(path)
            os.unlink(path)
            return size

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.path.getsize", remove)
            with pytest.raises(UsageError, match=r"Cannot read .*: No such file"):
                client.upload(picture)


class CustomError(Exception):
    """Raised by a progress callback."""


@pytest.mark.parametrize("kind", [CustomError, ValueError, OSError])
def test_progress_callback_raises(
    kind: type[Exception], site: LocalSite, picture: Path, driver: Driver
) -> None:
    def progress(sent: int, total: int) -> None:
        raise kind("custom")

    with driver.client(site.url) as client:
        with pytest.raises(kind, match="custom"):
            client.upload(picture, progress=progress)
        assert client.upload(picture).id


def test_upload_the_same_open_file_twice(site: LocalSite, driver: Driver) -> None:
    opened = io.BytesIO(b"skipped" + bytes(5000))
    opened.seek(7)
    with driver.client(site.url) as client:
        for _ in range(2):
            client.upload(opened)
    assert [upload["size"] for upload in site.app.files.uploads.values()] == [5000, 5000]


def test_early_rejection_of_a_slow_upload(driver: Driver) -> None:
    """The first try stops reading the file before the second one starts."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            pause.wait(0.02)
            return super().read(size)

    pause = threading.Event()
    content = bytes(range(256)) * 4096
    rejected = response({"code": "rest_cookie_invalid_nonce", "message": "m"}, 403)
    stored = response({"success": True, "data": {"id": "f1"}})

    def upload(connection: Connection, request: Received) -> None:
        connection.send(rejected if len(server.requests) < 3 else stored)

    with LoopbackServer(ai_site(upload)) as server, driver.client(server.url) as client:
        assert client.upload(Slow(content)).id == "f1"
        assert content in server.requests[-1].body


class EarlySite:
    """A site that begins its response to an upload before it has read the form.

    Attributes:
        forms: What it has read of each form.
    """

    def __init__(self, body: dict[str, Any], status: int, *, read_all: bool) -> None:
        self.forms: list[bytes] = []
        self.url = ""
        self._head, _, self._body = response(body, status).partition(b"\r\n\r\n")
        self._read_all = read_all
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(WAIT_LIMIT)
                with sock, sock.makefile("rb") as file:
                    self._answer(sock, file)

    def _answer(self, sock: socket.socket, file: io.BufferedReader) -> None:
        head = b"".join(iter(file.readline, b"\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        if b"start_session" in head:
            file.read(length)
            sock.sendall(response(SESSION, 200, "Connection: close"))
        elif self._read_all or self.forms:
            sock.sendall(self._head + b"\r\nConnection: close\r\n\r\n")
            self.forms.append(file.read(length))
            sock.sendall(self._body)
        else:
            self.forms.append(file.read(1000))
            refused = {"code": "rest_cookie_invalid_nonce", "message": "m"}
            sock.sendall(response(refused, 403, "Connection: close"))
            while file.read(65536):
                pass


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"success": True, "data": {"id": "f1"}}, 200, None),
        ({"success": False, "message": "too large"}, 413, QueryRejected),
        ({"code": "rest_forbidden", "message": "m"}, 403, NonceRejected),
    ],
)
def test_response_begins_during_the_upload(
    body: dict[str, Any], status: int, error: type[ChatError] | None, driver: Driver
) -> None:
    content = bytes(3_000_000)
    timeout = Timeout(idle=WAIT_LIMIT)
    with (
        EarlySite(body, status, read_all=True) as site,
        driver.client(site.url, timeout=timeout) as client,
    ):
        with pytest.raises(error) if error else contextlib.nullcontext():
            assert client.upload(content).id == "f1"
    assert all(content in form for form in site.forms)


def test_second_try_of_a_slow_file_is_complete(driver: Driver) -> None:
    """The site refuses the nonce while the first try is still reading the file."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            pause.wait(0.05)
            return super().read(size)

    pause = threading.Event()
    content = b"".join(bytes([letter]) * 65536 for letter in b"ABCDEF")
    stored = {"success": True, "data": {"id": "f1"}}
    with EarlySite(stored, 200, read_all=False) as site, driver.client(site.url) as client:
        assert client.upload(Slow(content)).id == "f1"
    assert len(site.forms) == 2
    assert content in site.forms[1]


def test_file_is_closed_before_the_stream_is_used(site: LocalSite, picture: Path) -> None:
    async def main() -> None:
        async with AsyncClient(site.url) as client:
            with picture.open("rb") as opened:
                stream = client.stream("Hi", files=[opened])
            with pytest.raises(UsageError, match=r"Cannot read dot\.png: .* closed file\."):
                await stream.read()

    asyncio.run(main())


def test_an_open_file_that_is_sent_by_several_calls_at_once() -> None:
    content = b"".join(bytes([number]) * 100_000 for number in range(50))
    file, received = io.BytesIO(content), []

    def upload(connection: Connection, request: Received) -> None:
        received.append(content in request.body)
        connection.send(response({"success": True, "data": {"id": "f1"}}))

    with LoopbackServer(ai_site(upload)) as server, Client(server.url) as client:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: client.upload(file), range(8)))
    assert received == [True] * 8


@pytest.mark.parametrize(
    "files", ["dot.png", b"bytes", Path("dot.png"), io.BytesIO(b"x"), StoredFile("f"), None]
)
def test_files_must_be_a_list(files: Any, driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        with pytest.raises(UsageError, match="must be a list"):
            client.generate("Hi", files=files)


def test_site_stops_reading_an_upload(driver: Driver) -> None:
    finished = threading.Event()

    def handle(connection: Connection, request: Received) -> None:
        connection.send(response(SESSION))
        finished.wait(WAIT_LIMIT)
        connection.close()

    timeout = Timeout(connect=0.2, idle=0.2)
    with LoopbackServer(handle) as server, driver.client(server.url, timeout=timeout) as client:
        with pytest.raises(TransportError):
            client.upload(bytes(50_000_000))
        finished.set()
