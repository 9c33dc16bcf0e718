"""The public API, with a token or an application password."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt4online import RouteNotFound, StoredFile
from chatgpt4online.errors import StatusError, UsageError
from chatgpt4online.models import EndEvent, TextEvent
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import Connection, LoopbackServer, Received, response
from ..recordings import Recording

ANN = ("ann", "abcd EFGH 1234")
TOKEN = "secret-token"


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(users=dict([ANN]), token=TOKEN) as running:
        yield running


def test_public_api(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, "b1", token=TOKEN) as client:
        assert client.generate("Hi", temperature=1).text == "You said: Hi (1 word)"
        with client.stream("Hello there") as stream:
            events = list(stream.events())
            assert [type(event) for event in events] == [TextEvent, EndEvent]
            assert stream.reply.text == "You said: Hello there (2 words)"
        assert [bot.id for bot in client.list_chatbots()] == ["default"]
        assert client.check_auth() == {"type": "token", "value": "admin"}
        assert client.text_query("Hi") == client.text_query("Hi", max_tokens=5)
        chat = client.conversation()
        chat.generate("one")
        assert chat.generate("two").text == "You said: two (1 word, message 3 of this conversation)"
    first, *_, plain, query, _, last = site.app.submissions
    assert (first["botId"], first["temperature"]) == ("b1", 1)
    assert plain == {"message": "Hi"}
    assert query == {"message": "Hi", "options": {"maxTokens": 5}}
    assert last["chatId"] == chat.chat_id
    assert last["message"] == "two"
    assert site.app.sessions_opened == 0


@pytest.mark.parametrize("address", ["/chat/", "/?rest_route=/"])
def test_any_address(address: str, site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url + address, token=TOKEN) as client:
        assert client.generate("Hi").text


def test_application_password(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=ANN) as client:
        assert client.check_auth() == {"type": "user", "value": "ann"}
    with driver.client(site.url) as client:
        with pytest.raises(StatusError, match="refused the token"):
            client.check_auth()
    with LocalSite() as other, driver.client(other.url, token=TOKEN) as client:
        with pytest.raises(StatusError, match="switched off"):
            client.list_chatbots()


def test_empty_prompts(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, token=TOKEN) as client:
        with pytest.raises(UsageError):
            client.text_query(" ")
        with pytest.raises(UsageError):
            client.generate("")


def test_site_without_public_api(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        connection.send(Recording("2.4.0/close-delimited/start_session").response)
        connection.close()

    with LoopbackServer(handle) as server, driver.client(server.url, token="t") as client:
        with pytest.raises(RouteNotFound):
            client.generate("Hi")


def test_token_needs_no_session(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(response({"code": "rest_forbidden", "data": {"status": 401}}, 401))
        elif request.method == "GET":
            connection.send(response('<link rel="https://api.w.org/" href="/wp-json/">'))
        else:
            connection.send(response({"success": True, "data": "Hello"}))

    with LoopbackServer(handle) as server:
        with driver.client(server.url + "/chat/", token="t") as client:
            assert client.text_query("Hi") == "Hello"
            assert client.generate("Hi").text == "Hello"


def test_files(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, token=TOKEN) as client:
        chat = client.conversation()
        chat.generate("one")
        chat.generate("", files=[StoredFile("f1")])
        assert site.app.submissions[-1]["fileId"] == "f1"
        assert site.app.submissions[-1]["message"].startswith("User: one")


@pytest.mark.parametrize(
    "params", [{"chatId": "x"}, {"x": object()}, ["x"]], ids=["chatId", "object", "list"]
)
def test_invalid_text_query_parameters(params: Any, site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, token=TOKEN) as client:
        with pytest.raises(UsageError):
            client.text_query("Hi", params=params)
        client.text_query("Hi", model=None)
    assert site.app.submissions[-1] == {"message": "Hi"}
