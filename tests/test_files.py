"""Files: read while they are sent, uploaded before a prompt, listed and deleted."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatgpt4online import (
    ChatTimeout,
    QueryRejected,
    RouteNotFound,
    StoredFile,
    Timeout,
    TransportError,
    UsageError,
)
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite

from .drivers import Driver
from .loopback import WAIT_LIMIT, SESSION, Connection, LoopbackServer, Received, ai_site, response


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite() as running:
        yield running


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "dot.png"
    path.write_bytes(b"\x89PNG" + bytes(200_000))
    return path


def inputs(picture: Path) -> list[Any]:
    opened = io.BytesIO(b"skipped" + picture.read_bytes())
    opened.seek(7)
    return [picture, str(picture), picture.read_bytes(), opened]


@pytest.mark.parametrize("number", range(4))
def test_what_can_be_uploaded(number: int, site: LocalSite, picture: Path, driver: Driver) -> None:
    seen: list[tuple[int, int]] = []
    with driver.client(site.url) as client:
        stored = client.upload(
            inputs(picture)[number], purpose="vision", progress=lambda *step: seen.append(step)
        )
    (kept,) = site.app.files.uploads.values()
    assert stored.id == kept["id"]
    assert stored.url == kept["url"]
    assert (kept["size"], kept["purpose"]) == (200_004, "vision")
    assert kept["filename"] == ("dot.png" if number < 2 else "file")
    assert kept["type"] == ("image/png" if number < 2 else "application/octet-stream")
    assert [sent for sent, _ in seen] == [65536, 131072, 196608, 200_004]
    assert {total for _, total in seen} == {200_004}


def test_an_open_file_keeps_its_name_and_stays_open(
    site: LocalSite, picture: Path, driver: Driver
) -> None:
    with driver.client(site.url) as client, picture.open("rb") as opened:
        client.upload(opened)
        assert not opened.closed
    assert [kept["filename"] for kept in site.app.files.uploads.values()] == ["dot.png"]


def test_a_file_is_sent_whole_again_after_a_refused_nonce(picture: Path, driver: Driver) -> None:
    refused = response({"code": "rest_cookie_invalid_nonce", "message": "m"}, 403)
    good = response({"success": True, "data": {"id": "f1", "url": "u"}})

    def upload(connection: Connection, request: Received) -> None:
        connection.send(refused if len(server.requests) < 3 else good)

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
    "wrong", ["nothing.png", Path("nothing.png"), os.curdir, io.StringIO("x"), 5, None]
)
def test_what_cannot_be_uploaded(wrong: Any, driver: Driver) -> None:
    with driver.client("http://127.0.0.1:1") as client:
        with pytest.raises(UsageError):
            client.upload(wrong)
        with pytest.raises(UsageError):
            client.generate("Hi", files=[wrong])


def test_a_file_that_cannot_be_sought_or_is_closed(picture: Path, driver: Driver) -> None:
    reader, writer = os.pipe()
    with driver.client("http://127.0.0.1:1") as client, os.fdopen(reader, "rb") as pipe:
        os.close(writer)
        with pytest.raises(UsageError, match="seekable"):
            client.upload(pipe)
        opened = picture.open("rb")
        opened.close()
        with pytest.raises(UsageError, match="must be open"):
            client.upload(opened)


def test_a_file_that_becomes_shorter(site: LocalSite, picture: Path, driver: Driver) -> None:
    def shorten(sent: int, total: int) -> None:
        os.truncate(picture, 70_000)

    with driver.client(site.url) as client:
        with pytest.raises(UsageError, match="shorter"):
            client.upload(picture, progress=shorten)
        assert client.generate("Hi").text


def test_a_file_that_goes_away(site: LocalSite, picture: Path, driver: Driver) -> None:
    with driver.client(site.url) as client:
        client.open_session()
        real = os.path.getsize

        def remove(path: Any) -> int:
            size = real(path)
            os.unlink(path)
            return size

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.path.getsize", remove)
            with pytest.raises(UsageError, match=r"Cannot read .*: No such file"):
                client.upload(picture)


def test_files_go_with_a_prompt(site: LocalSite, picture: Path, driver: Driver) -> None:
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
    assert [item["role"] for item in six["messages"]] == ["assistant"]
    assert "newImageId" not in one


@pytest.mark.parametrize("era", [Era.NO_NONCE, Era.PAGE_NONCE])
def test_old_plugins_take_one_file_under_an_old_name(era: Era, driver: Driver) -> None:
    file = StoredFile("f1")
    with LocalSite(era=era) as site, driver.client(site.url) as client:
        client.generate("Hi", files=[file])
        assert site.app.submissions[0]["newImageId"] == "f1"
        assert site.app.submissions[0]["newFileId"] == "f1"
        with pytest.raises(UsageError, match="does not accept more than one file"):
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


def test_a_type_that_the_site_refuses(site: LocalSite, tmp_path: Path, driver: Driver) -> None:
    program = tmp_path / "x.exe"
    program.write_bytes(b"MZ")
    with driver.client(site.url) as client:
        with pytest.raises(QueryRejected, match="Invalid file type"):
            client.upload(program)
        with pytest.raises(QueryRejected, match="Invalid file type"):
            client.generate("Hi", files=[program])
    assert not site.app.submissions


@pytest.mark.parametrize("address", ["", "/chat/"])
def test_a_site_without_uploads(address: str, picture: Path, driver: Driver) -> None:
    with LocalSite(uploads=False) as site, driver.client(site.url + address) as client:
        with pytest.raises(RouteNotFound):
            client.upload(picture)
        with pytest.raises((RouteNotFound, UsageError)):
            client.generate("Hi", files=[picture])
        if address:
            with pytest.raises(UsageError, match="does not accept files"):
                client.generate("Hi", files=[StoredFile("f1")])
        assert not site.app.submissions


def test_more_files_than_the_chatbot_takes(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url + "/chat/") as client:
        with pytest.raises(UsageError, match="4 files are too many; the chatbot accepts 3"):
            client.generate("Hi", files=[StoredFile("f1")] * 4)
    assert not site.app.submissions


def test_a_mistake_is_found_before_anything_is_uploaded(
    site: LocalSite, picture: Path, driver: Driver
) -> None:
    with driver.client(site.url) as client:
        with pytest.raises(UsageError):
            client.generate("Hi", files=[picture], model=object())
        with pytest.raises(UsageError):
            client.generate([], files=[picture])
        with pytest.raises(UsageError):
            client.generate("Hi", files=[picture, "nothing.png"])
    assert not site.app.files.uploads


class Stop(Exception):
    """Raised by a caller's own function."""


@pytest.mark.parametrize("kind", [Stop, ValueError, OSError])
def test_what_the_callers_progress_raises_is_raised(
    kind: type[Exception], site: LocalSite, picture: Path, driver: Driver
) -> None:
    def stop(sent: int, total: int) -> None:
        raise kind("mine")

    with driver.client(site.url) as client:
        with pytest.raises(kind, match="mine"):
            client.upload(picture, progress=stop)
        assert client.upload(picture).id


def test_an_open_file_can_be_sent_again(site: LocalSite, driver: Driver) -> None:
    opened = io.BytesIO(b"skipped" + bytes(5000))
    opened.seek(7)
    with driver.client(site.url) as client:
        for _ in range(2):
            client.upload(opened)
    assert [kept["size"] for kept in site.app.files.uploads.values()] == [5000, 5000]


def test_an_early_refusal_and_the_second_try_do_not_mix(driver: Driver) -> None:
    """The first try must have done with the file before the second reads it."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            pause.wait(0.02)
            return super().read(size)

    pause = threading.Event()
    content = bytes(range(256)) * 4096
    refused = response({"code": "rest_cookie_invalid_nonce", "message": "m"}, 403)
    good = response({"success": True, "data": {"id": "f1"}})

    def upload(connection: Connection, request: Received) -> None:
        connection.send(refused if len(server.requests) < 3 else good)

    with LoopbackServer(ai_site(upload)) as server, driver.client(server.url) as client:
        assert client.upload(Slow(content)).id == "f1"
        assert content in server.requests[-1].body


def test_an_upload_that_the_site_stops_reading_is_given_up(driver: Driver) -> None:
    given_up = threading.Event()

    def handle(connection: Connection, request: Received) -> None:
        connection.send(response(SESSION))
        given_up.wait(WAIT_LIMIT)
        connection.close()

    timeout = Timeout(connect=0.2, idle=0.2)
    with LoopbackServer(handle) as server, driver.client(server.url, timeout=timeout) as client:
        with pytest.raises(TransportError):
            client.upload(bytes(50_000_000))
        given_up.set()


def test_the_total_time_is_that_of_prompt_and_files_together(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(response(SESSION))
        elif len(server.requests) == 2:
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


def test_a_page_is_kept_to_before_a_file_is_uploaded(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        client.discover()
        with pytest.raises(UsageError, match="the site accepts 512"):
            client.generate("x" * 600, files=[b"x"])
        with pytest.raises(UsageError, match="4 files are too many"):
            client.generate("Hi", files=[b"x"] * 4)
    assert not site.app.files.uploads


MEMORY = """
import asyncio, re, sys
from chatgpt4online import AsyncClient, Client

def status(name):
    with open("/proc/self/status") as file:
        return int(re.search(name + r":\\s+(\\d+) kB", file.read())[1]) * 1024

def now():
    return status("VmRSS")

def grown(idle):
    return status("VmHWM") - idle

async def run():
    async with AsyncClient(sys.argv[1]) as client:
        await client.upload(b"x")
        idle = now()
        await client.upload(sys.argv[2])
        print(grown(idle))

if sys.argv[3] == "async":
    asyncio.run(run())
else:
    with Client(sys.argv[1]) as client:
        client.upload(b"x")
        idle = now()
        client.upload(sys.argv[2])
        print(grown(idle))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system tells no memory")
def test_an_upload_of_200_mb_costs_less_than_20_mb_of_memory(
    site: LocalSite, tmp_path: Path, driver: Driver
) -> None:
    big = tmp_path / "big.bin"
    with big.open("wb") as file:
        file.truncate(200_000_000)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, site.url, str(big), driver.name],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert int(done.stdout) < 20_000_000
    assert [kept["size"] for kept in site.app.files.uploads.values()] == [1, 200_000_000]
