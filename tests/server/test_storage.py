"""What a local site keeps: in a folder for the next start, or in memory."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from chatgpt4online import (
    Client,
    IncompleteReply,
    Message,
    ReplyError,
    StatusError,
    UsageError,
)
from chatgpt4online.server import LocalSite
from chatgpt4online.server.discussions import DiscussionStore
from chatgpt4online.server.storage import Storage

from ..drivers import Driver

ANN = ("ann", "abcd EFGH 1234")
BEN = ("ben", "efgh IJKL 5678")
USERS = dict([ANN, BEN])


@pytest.fixture(params=["memory", "folder"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "data" if request.param == "folder" else None


@pytest.fixture
def site(data: Path | None) -> Iterator[LocalSite]:
    with LocalSite(users=USERS, data=data) as running:
        yield running


@pytest.mark.parametrize("stream", [True, False])
def test_discussions_outlive_the_site(stream: bool, tmp_path: Path, driver: Driver) -> None:
    folder = tmp_path / "new" / "data"
    with (
        LocalSite(users=USERS, data=folder) as site,
        driver.client(site.url, auth=ANN) as client,
    ):
        chat = client.conversation()
        chat.generate("one", stream=stream)
        chat.generate("two \U0001f469", stream=stream)
        client.rename_discussion(chat.chat_id, "Чат")
        (before,) = client.discussions()
    with (
        LocalSite(users=USERS, data=folder) as site,
        driver.client(site.url, auth=ANN) as client,
    ):
        (after,) = client.discussions()
        assert (after, after.title, after.messages) == (before, "Чат", chat.messages)
        chat = client.conversation(after.chat_id, after.messages)
        assert "message 5 of" in chat.generate("three", stream=stream).text


def test_the_bot_goes_on_with_a_guest(tmp_path: Path, driver: Driver) -> None:
    with (
        LocalSite(data=tmp_path) as site,
        driver.client(site.url) as client,
    ):
        client.conversation("chat-1").generate("one")
    with (
        LocalSite(data=str(tmp_path)) as site,
        driver.client(site.url) as client,
    ):
        assert "message 3 of" in client.conversation("chat-1").generate("two").text


def test_the_public_api_goes_on(tmp_path: Path, driver: Driver) -> None:
    for reply in ("You said: Hi (1 word)", "You said: Hi (1 word, message 3 of this conversation)"):
        with (
            LocalSite(token="secret", data=tmp_path) as site,
            driver.client(site.url, token="secret") as client,
        ):
            assert client.conversation("chat-1").generate("Hi").text == reply


def test_without_a_folder_nothing_outlives_the_site(driver: Driver) -> None:
    site = LocalSite(users=USERS)
    with site, driver.client(site.url, auth=ANN) as client:
        client.generate("one")
        client.upload(b"x")
        assert len(list(client.discussions())) == len(client.list_files()) == 1
    with site, driver.client(site.url, auth=ANN) as client:
        assert not list(client.discussions())
        assert not client.list_files()


def test_a_site_that_keeps_no_discussions_does_not_keep_them_in_a_folder_either(
    tmp_path: Path, driver: Driver
) -> None:
    with (
        LocalSite(users=USERS, data=tmp_path, discussions=False) as site,
        driver.client(site.url, auth=ANN) as client,
    ):
        client.conversation("chat-1").generate("one")
    with (
        LocalSite(users=USERS, data=tmp_path) as site,
        driver.client(site.url, auth=ANN) as client,
    ):
        assert not list(client.discussions())


def test_dates(data: Path | None, driver: Driver) -> None:
    now = 1_000_000_000.0
    with (
        LocalSite(users=USERS, data=data, clock=lambda: now) as site,
        driver.client(site.url, auth=ANN) as client,
    ):
        client.conversation("chat-1").generate("one")
        now += 3601.5
        client.conversation("chat-1").generate("two")
        (found,) = client.discussions()
        assert (found.created, found.updated) == ("2001-09-09 01:46:40", "2001-09-09 02:46:41")


def test_the_discussion_that_was_continued_last_is_first(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=ANN) as client:
        for chat_id in ("a", "b", "a", "c", "b"):
            client.conversation(chat_id).generate("Hi")
        client.rename_discussion("a", "New")
        assert [item.chat_id for item in client.discussions(page_size=1)] == ["b", "c", "a"]


def test_search(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=ANN) as client:
        client.conversation("a").generate('Say "Привет"')
        client.conversation("b").generate("100% of role")
        client.conversation("c").generate("other")
        client.rename_discussion("c", "Greetings: привет")

        def found(text: str) -> list[str]:
            return [item.chat_id for item in client.discussions(search=text, page_size=1)]

        assert found("ПРИВЕТ") == ["c", "a"]
        assert found('y "') == ["a"]
        assert found("%") == found("role") == found("3 WORDS") == ["b"]
        assert found("assistant") == []
        assert found("") == ["c", "b", "a"]


def test_get_and_truncate(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=ANN) as client:
        chat = client.conversation("chat-1")
        chat.generate("one")
        kept = chat.messages
        chat.generate("two")
        assert client.get_discussion("chat-1").messages == chat.messages
        client.truncate_discussion("chat-1", kept)
        found = client.get_discussion("chat-1")
        assert (found, found.messages) == (next(iter(client.discussions())), kept)
        assert "message 3 of" in client.conversation("chat-1").generate("three").text


def test_discussions_of_others(site: LocalSite, driver: Driver) -> None:
    with (
        driver.client(site.url, auth=ANN) as ann,
        driver.client(site.url, auth=BEN) as ben,
        driver.client(site.url) as guest,
    ):
        ann.conversation("chat-1").generate("one")
        for client, error, reason in (
            (ben, StatusError, "does not let this user do that"),
            (guest, ReplyError, "You need to be connected"),
        ):
            with pytest.raises(error, match=reason):
                client.get_discussion("chat-1")
            with pytest.raises(error, match=reason):
                client.truncate_discussion("chat-1", "x")
        ben.delete_discussions("chat-1")
        for other in (ben, guest):
            assert other.conversation("chat-1").generate("Hi").text == "You said: Hi (1 word)"
        assert ann.get_discussion("chat-1").messages[0] == Message("user", "one")


def test_half_a_character(site: LocalSite) -> None:
    """Python clients do not send it, but JSON can have it."""
    with requests.Session() as session:
        start = session.post(site.url + "/wp-json/mwai/v1/start_session", auth=ANN).json()
        session.headers["X-WP-Nonce"] = start["restNonce"]
        body = r'{"botId": "\ud83d", "chatId": "\ud83d", "newMessage": "\ud83d"}'
        url = site.url + "/wp-json/mwai-ui/v1/"
        assert session.post(url + "chats/submit", data=body, auth=ANN).json()["success"]
        (chat,) = session.post(url + "discussions/list", json={}, auth=ANN).json()["chats"]
        assert (chat["title"], chat["chatId"]) == ("?", "?")
        assert session.post(url + "discussions/get", data=body, auth=ANN).json()["chat"] == chat


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_that_cannot_be_kept_is_not_complete(
    stream: bool, tmp_path: Path, driver: Driver
) -> None:
    with LocalSite(data=tmp_path) as site, driver.client(site.url) as client:
        with closing(sqlite3.connect(tmp_path / "site.sqlite3")) as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON discussions"
                " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        chat = client.conversation()
        with pytest.raises(IncompleteReply if stream else StatusError):
            chat.generate("one", stream=stream)
        assert not chat.messages


def test_turns_of_one_discussion_at_the_same_time() -> None:
    """Neither is lost."""

    async def run() -> list[Message] | None:
        with Storage() as storage:
            store = DiscussionStore(storage, lambda: 0.0)
            for prompt in ("one", "two"):
                await store.add_turn(None, {"chatId": "c"}, [Message("user", prompt)], "reply")
            return await store.messages(None, "c")

    messages = asyncio.run(run())
    assert messages is not None
    assert [item.content for item in messages] == ["one", "reply", "two", "reply"]


@pytest.mark.parametrize("lasts", [False, True])
def test_memory_holds_the_last_1000_discussions(lasts: bool, tmp_path: Path) -> None:
    async def run() -> list[bool]:
        with Storage(tmp_path if lasts else None) as storage:
            # A thousand turns take long on a busy disk.
            await storage.run(lambda connection: connection.execute("PRAGMA synchronous = OFF"))
            store = DiscussionStore(storage, lambda: 0.0)
            for chat_id in (*range(1000), 0, 1000):
                await store.add_turn(None, {"chatId": f"c{chat_id}"}, [Message("user", "")], "")
            kept = [await store.messages(None, f"c{chat_id}") for chat_id in (0, 1, 2, 1000)]
            return [messages is not None for messages in kept]

    assert asyncio.run(run()) == [True, lasts, True, True]


def test_a_folder_that_is_in_use(tmp_path: Path, driver: Driver) -> None:
    message = f"^{tmp_path} is in use by another process.$"
    with LocalSite(data=tmp_path) as site, driver.client(site.url) as client:
        with pytest.raises(UsageError, match=message), LocalSite(data=tmp_path):
            pass
        client.conversation("chat-1").generate("one")

    async def run() -> None:
        async with LocalSite(data=tmp_path):
            with pytest.raises(UsageError, match=message):
                async with LocalSite(data=tmp_path):
                    pass

    asyncio.run(run())
    with LocalSite(data=tmp_path) as site, driver.client(site.url) as client:
        assert "message 3 of" in client.conversation("chat-1").generate("two").text


def test_a_site_starts_once_its_folder_is_free(tmp_path: Path) -> None:
    site = LocalSite(data=tmp_path)
    with LocalSite(data=tmp_path), pytest.raises(UsageError, match="in use"):
        site.__enter__()
    for _ in range(2):
        with site, Client(site.url) as client:
            client.generate("Hi")


def test_only_the_user_can_read_the_folder(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    for name in ("old", "new"):
        with LocalSite(data=tmp_path / name) as site, Client(site.url) as client:
            client.generate("Hi")
            modes = {
                path.name: oct(path.stat().st_mode & 0o777)
                for path in tmp_path.glob(f"{name}/s*3*")
            }
            assert modes == {f"site.sqlite3{end}": "0o600" for end in ("", "-wal", "-shm")}
            assert (tmp_path / name / "files").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(UsageError, match=f"^Cannot keep data in {file}: .*exists"):
        LocalSite(data=file).__enter__()
    (tmp_path / "site.sqlite3").write_text("This is another file." * 1000)
    with pytest.raises(UsageError, match=f"^Cannot keep data in {tmp_path}: .*not a database"):
        LocalSite(data=tmp_path).__enter__()
