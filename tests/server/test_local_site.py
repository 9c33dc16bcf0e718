"""`LocalSite`: sessions, nonces, errors, and the addresses at which clients find it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest
import requests

from chatgpt4online import Message
from chatgpt4online.errors import PromptTooLong, QueryRejected, ReplyError, RouteNotFound
from chatgpt4online.models import ActivityEvent
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite
from chatgpt4online.server.nonces import HALF_LIFE

from ..drivers import NO_BACKOFF, Driver

SUBMIT = "/wp-json/mwai-ui/v1/chats/submit"
START = "/wp-json/mwai/v1/start_session"
ADDRESSES = ("", "/", "/wp-json", "/index.php/wp-json/", "/?rest_route=/", "/chat/", SUBMIT)


@pytest.mark.parametrize("era", Era)
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_in_every_era(era: Era, address: str, driver: Driver) -> None:
    with LocalSite(era=era) as site, driver.client(site.url + address) as client:
        assert client.generate("Hi").text == "You said: Hi (1 word)"
        assert client.generate("Hi", stream=False).text == "You said: Hi (1 word)"
        nonce = client.open_session()
        assert (nonce is None) == (era is Era.NO_NONCE)
    assert site.app.sessions_opened == (1 if era is Era.START_SESSION else 0)
    assert len(site.app.submissions) == 2


def test_conversation_longer_than_one_message_may_be(driver: Driver) -> None:
    history = [Message("user", "x" * 600), Message("assistant", "y" * 600)]
    calls: list[Sequence[Message]] = []

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        calls.append(messages)
        yield from ("one ", "two")

    with LocalSite(bot=bot) as site, driver.client(site.url) as client:
        assert client.generate([*history, Message("user", "And?")]).text == "one two"
    assert calls == [[*history, Message("user", "And?")]]
    (body,) = site.app.submissions
    assert body["newMessage"] == "And?"
    assert [item["role"] for item in body["messages"]] == ["user", "assistant"]


def test_offline_bot(driver: Driver) -> None:
    prompt = [Message("user", "a"), Message("assistant", "b"), Message("user", "c d")]
    with LocalSite() as site, driver.client(site.url) as client:
        reply = "You said: c d (2 words, message 3 of this conversation)"
        assert client.generate(prompt).text == reply


def test_message_too_long(driver: Driver) -> None:
    with LocalSite(max_length=5) as site, driver.client(site.url) as client:
        assert client.generate("\U0001f469" * 5).text
        for stream in (True, False):
            with pytest.raises(QueryRejected) as caught:
                client.generate("123456", stream=stream)
            assert caught.value.message == "Sorry, your query has been rejected."
    assert len(site.app.submissions) == 1


OOPS = (
    "Oops! Something went wrong on the server. Please try again, and if you are the site "
    "developer, check the PHP Error Logs for details."
)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("text", ["", "Hello"])
def test_masked_errors(text: str, stream: bool, driver: Driver) -> None:
    def bot(messages: Sequence[Message]) -> Iterator[str]:
        if text:
            yield text
        raise ValueError("private")

    with (
        LocalSite(bot=bot, masked_errors=True) as site,
        driver.client(site.url, retry=NO_BACKOFF) as client,
    ):
        with pytest.raises(ReplyError, match="The site reported an error: Oops!") as caught:
            client.generate("Hi", stream=stream)
        assert type(caught.value) is ReplyError
        assert (caught.value.message, caught.value.status) == (OOPS, 200 if stream else 500)
        assert caught.value.partial_text == (text if stream else "")
        assert len(site.app.submissions) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_masked_message_too_long(stream: bool, driver: Driver) -> None:
    """The reason is found on the page."""
    with LocalSite(masked_errors=True) as site, driver.client(site.url) as client:
        with pytest.raises(
            PromptTooLong, match="has 513 characters; the site accepts 512"
        ) as caught:
            client.generate("x" * 513, stream=stream)
        assert (caught.value.message, caught.value.status) == (OOPS, 200 if stream else 500)
    assert not site.app.submissions


def test_nonce_renewal(driver: Driver) -> None:
    now = 1_000 * HALF_LIFE - 10.0
    with LocalSite(clock=lambda: now) as site, driver.client(site.url) as client:
        first = client.open_session()
        now += HALF_LIFE
        client.generate("Hi")
        second = client.open_session()
        assert second != first
        assert site.app.sessions_opened == 1
        client.generate("Hi")
        assert client.open_session() == second
        now += 3 * HALF_LIFE
        client.generate("Hi")
        assert site.app.sessions_opened == 2
        now += 3 * HALF_LIFE
        client.generate("Hi", stream=False)
        assert site.app.sessions_opened == 3
    assert len(site.app.submissions) == 4


def test_address_of_a_page_without_nonce(driver: Driver) -> None:
    with LocalSite(era=Era.PAGE_NONCE) as site:
        with driver.client(site.url + "/other/") as client:
            with pytest.raises(RouteNotFound):
                client.generate("Hi")


def test_status_event(driver: Driver) -> None:
    with LocalSite() as site, driver.client(site.url) as client:
        first = next(client.stream("Hi").events())
    assert isinstance(first, ActivityEvent)
    assert (first.kind, first.text) == ("status", "Starting stream...")


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite() as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_rejected_requests(site: LocalSite, session: requests.Session) -> None:
    def post(route: str, body: str = "{}", **headers: str) -> tuple[int, str | None]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        response = session.post(site.url + route, data=body, headers=names)
        assert "wp-json" in response.headers["Link"]
        return response.status_code, response.json().get("code")

    assert post(SUBMIT) == (401, "rest_forbidden")
    assert post(SUBMIT, X_WP_Nonce="0" * 10) == (403, "rest_cookie_invalid_nonce")
    assert post(START, X_WP_Nonce="0" * 10) == (403, "rest_cookie_invalid_nonce")
    nonce = session.post(site.url + START).json()["restNonce"]
    assert post(START, X_WP_Nonce=nonce) == (200, None)
    for route in ("chats/submit", "files/list", "files/delete"):
        for body in ("{not json", "[]", "[" * 100_000, ""):
            answer = post(f"/wp-json/mwai-ui/v1/{route}", body, X_WP_Nonce=nonce)
            assert answer == (400, "rest_invalid_json")
    assert post(SUBMIT, '{"newMessage":"Hi"}', X_WP_Nonce=nonce) == (403, None)
    assert post(SUBMIT, '{"botId":"b","newMessage":""}', X_WP_Nonce=nonce) == (403, None)
    assert post("/wp-json/mwai/v1/other", X_WP_Nonce=nonce) == (404, "rest_no_route")
    session.cookies.clear()
    assert post(SUBMIT, X_WP_Nonce=nonce) == (403, "rest_cookie_invalid_nonce")
    assert session.get(site.url + "/wp-json/").json()["namespaces"] == ["mwai-ui/v1"]
    assert session.get(site.url + "/missing").status_code == 404
    assert not site.app.submissions


def test_a_prompt_of_files_without_a_message(site: LocalSite, session: requests.Session) -> None:
    nonce = session.post(site.url + START).json()["restNonce"]
    for message in ({}, {"newMessage": None}):
        body = {"botId": "b", "newFileId": "f", **message}
        response = session.post(site.url + SUBMIT, json=body, headers={"X-WP-Nonce": nonce})
        assert response.json()["reply"] == "You said:  (0 words)"


def test_invalid_history_is_ignored(site: LocalSite, session: requests.Session) -> None:
    nonce = session.post(site.url + START).json()["restNonce"]
    for messages in ([{"role": "bot"}, 5, {"role": "user"}], "no list", None):
        body = {"botId": "b", "newMessage": "Hi", "messages": messages}
        response = session.post(site.url + SUBMIT, json=body, headers={"X-WP-Nonce": nonce})
        assert response.json()["reply"].startswith("You said: Hi")


def test_site_in_the_running_event_loop() -> None:
    async def run() -> None:
        async with LocalSite() as site:
            assert threading.active_count() == before
            assert site.url.startswith("http://127.0.0.1:")

    before = threading.active_count()
    asyncio.run(run())


@pytest.mark.parametrize("era", Era)
def test_a_chatbot_that_the_site_does_not_have(era: Era, driver: Driver) -> None:
    """Versions from 3.0.3 on answer for any id by the default chatbot."""
    with LocalSite(era=era) as site, driver.client(site.url, "no-such-bot") as client:
        if era is Era.START_SESSION:
            assert client.generate("Hi").text.startswith("You said: Hi")
        else:
            with pytest.raises(QueryRejected):
                client.generate("Hi")


def test_a_site_for_which_the_system_has_no_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def new_event_loop() -> asyncio.AbstractEventLoop:
        raise OSError("Too many open files")

    monkeypatch.setattr("asyncio.events.new_event_loop", new_event_loop)
    with pytest.raises(OSError, match="Too many open files"), LocalSite():
        pass
