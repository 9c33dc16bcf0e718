"""Application passwords, discussions, tokens and the public API."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt4online import AsyncClient, Message, RetryPolicy, RouteNotFound, StoredFile
from chatgpt4online.errors import ConnectError, QueryRejected, ReplyError, StatusError, UsageError
from chatgpt4online.models import EndEvent, TextEvent
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite

from .drivers import Driver
from .loopback import SESSION, Connection, LoopbackServer, Received, response
from .recordings import Recording

ANN = ("ann", "abcd EFGH 1234")
TOKEN = "secret-token"


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(users=dict([ANN]), token=TOKEN) as running:
        yield running


@pytest.mark.parametrize("era", Era)
def test_sign_in(era: Era, driver: Driver) -> None:
    with (
        LocalSite(users=dict([ANN]), era=era) as site,
        driver.client(site.url, auth=ANN) as client,
    ):
        chat = client.conversation()
        chat.generate("one")
        chat.generate("two")
        (discussion,) = client.discussions()
        assert discussion.chat_id == chat.chat_id
        assert discussion.messages == chat.messages
        assert (discussion.title, bool(discussion.created), bool(discussion.updated)) == (
            "one",
            True,
            True,
        )
        assert "two" not in repr(discussion)


def test_wrong_password(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=("ann", "wrong")) as client:
        with pytest.raises(StatusError, match="incorrect_password") as caught:
            client.generate("Hi")
        assert caught.value.code == "incorrect_password"
        assert "wrong" not in str(caught.value)


def test_discussions(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=ANN) as client:
        for number in range(5):
            client.conversation(f"chat-{number}").generate(f"prompt {number}")
        for size in (1, 2, 5, 10):
            found = list(client.discussions(page_size=size))
            assert [item.chat_id for item in found] == [f"chat-{n}" for n in (4, 3, 2, 1, 0)]
        client.rename_discussion("chat-4", "New title")
        assert next(iter(client.discussions())).title == "New title"
        with pytest.raises(ReplyError, match="No such discussion"):
            client.rename_discussion("chat-9", "x")
        client.delete_discussions("chat-4", "chat-0")
        assert [item.chat_id for item in client.discussions()] == ["chat-3", "chat-2", "chat-1"]
        first = next(iter(client.discussions()))
        chat = client.conversation(first.chat_id, first.messages)
        assert "message 3" in chat.generate("more").text


def test_discussions_are_fetched_lazily(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(response(SESSION))
        else:
            chats = [{"chatId": f"c{request.json['offset'] + n}"} for n in range(2)]
            connection.send(response({"success": True, "total": "6", "chats": chats}))

    async def first(client: AsyncClient) -> Any:
        async for item in client.discussions(page_size=2):
            return item

    with LoopbackServer(handle) as server, driver.client(server.url, auth=ANN) as client:
        if driver.name == "sync":
            found = next(client.discussions(page_size=2))
        else:
            found = driver.runner.run(first(client.inner))  # type: ignore[attr-defined]
        assert found.chat_id == "c0"
        assert len(server.requests) == 2
        assert len(list(client.discussions(page_size=2))) == 6
        assert [item.json["offset"] for item in server.requests[2:]] == [0, 2, 4]


def test_guests_have_no_discussions(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url) as client:
        for call in (
            lambda: list(client.discussions()),
            lambda: client.rename_discussion("c", "t"),
            lambda: client.delete_discussions("c"),
        ):
            with pytest.raises(ReplyError, match="You need to be connected"):
                call()


def serve(case: str) -> LoopbackServer:
    """Serve the recorded session of a signed-in user, and a recording for all other requests."""
    folder = "3.6.2/application-password"

    def handle(connection: Connection, request: Received) -> None:
        name = "start_session" if "start_session" in request.target else case
        connection.send(Recording(f"{folder}/{name}").response)
        connection.close()

    return LoopbackServer(handle)


def test_recorded_calls_with_application_password(driver: Driver) -> None:
    expected = base64.b64encode(":".join(ANN).encode()).decode()
    with serve("discussions-list") as server, driver.client(server.url, auth=ANN) as client:
        found = list(client.discussions())[:3]
        assert [item.chat_id for item in found] == ["authchat1", "6b02e4e405605", "6b02e4e0728d1"]
        assert found[1].messages == (
            Message("assistant", "Hi! How can I help you?"),
            Message("user", "hello"),
            Message("assistant", "You said: hello (2 messages)"),
        )
        assert {item.headers["authorization"] for item in server.requests} == {f"Basic {expected}"}
        assert server.requests[1].json == {"botId": "default", "offset": 0, "limit": 10}
    with serve("discussions-edit") as server, driver.client(server.url, auth=ANN) as client:
        client.rename_discussion("authchat1", "Renamed")
        assert server.requests[1].json == {"chatId": "authchat1", "title": "Renamed"}
    with serve("discussions-delete") as server, driver.client(server.url, auth=ANN) as client:
        client.delete_discussions("authchat1")
        assert server.requests[1].json == {"chatIds": ["authchat1"]}
    with serve("files-list") as server, driver.client(server.url, auth=ANN) as client:
        assert client.list_files(limit=5) == ()
        assert server.requests[1].json == {"limit": 5, "page": 1}


@pytest.mark.parametrize("front", ["chunked", "close-delimited"])
def test_recorded_calls_of_guests_and_public_api(front: str, driver: Driver) -> None:
    def serve_case(case: str) -> LoopbackServer:
        def handle(connection: Connection, request: Received) -> None:
            name = "start_session" if "start_session" in request.target else case
            connection.send(Recording(f"3.6.2/{front}/{name}").response)
            connection.close()

        return LoopbackServer(handle)

    with serve_case("upload-png") as server, driver.client(server.url) as client:
        assert len(client.upload(b"x", purpose="vision").id) == 32
    with serve_case("upload-exe") as server, driver.client(server.url) as client:
        with pytest.raises(QueryRejected, match=r"Invalid file type\."):
            client.upload(b"x")
    with serve_case("files-delete") as server, driver.client(server.url) as client:
        assert client.delete_files("f67d90d44c6a6c4c7f88e962d821b361") == 1
        sent = server.requests[1].json
        assert sent == {"files": ["f67d90d44c6a6c4c7f88e962d821b361"]}
    with serve_case("files-list") as server, driver.client(server.url) as client:
        with pytest.raises(StatusError, match="critical error"):
            client.list_files()
    with serve_case("discussions-list") as server, driver.client(server.url) as client:
        with pytest.raises(ReplyError, match="You need to be connected"):
            list(client.discussions())
    with serve_case("api-list_chatbots") as server, driver.client(server.url, token="t") as client:
        assert [(bot.id, bot.name) for bot in client.list_chatbots()] == [
            ("default", "Default"), ("chatbot-long", "Long"),
        ]  # fmt: skip
        assert server.requests[0].method == "GET"
        assert server.requests[0].headers["authorization"] == "Bearer t"
    with serve_case("api-auth_check") as server, driver.client(server.url, token="t") as client:
        assert client.check_auth() == {"type": "email", "value": "admin@example.org"}
    with (
        serve_case("api-simple_chatbot_query") as server,
        driver.client(server.url, token="t") as client,
    ):
        reply = client.generate("hello")
        assert (reply.text, len(server.requests)) == ("You said: hello (2 messages)", 1)
        sent = server.requests[0].json
        assert (sent["botId"], sent["message"], len(sent["chatId"])) == ("default", "hello", 32)
    with serve_case("api-unauthorized") as server, driver.client(server.url, token="t") as client:
        with pytest.raises(StatusError, match="refused the token") as caught:
            client.generate("hello")
        assert type(caught.value) is StatusError
        assert len(server.requests) == 1


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
        assert chat.generate("two").text.startswith("You said: User: one\nAssistant: You said: one")
    first, *_, plain, query, _, last = site.app.submissions
    assert (first["botId"], first["temperature"]) == ("b1", 1)
    assert plain == {"message": "Hi"}
    assert query == {"message": "Hi", "options": {"maxTokens": 5}}
    assert last["chatId"] == chat.chat_id
    assert last["message"].endswith("User: two\nAssistant:")
    assert site.app.sessions_opened == 0


@pytest.mark.parametrize("address", ["/chat/", "/?rest_route=/"])
def test_public_api_from_any_address(address: str, site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url + address, token=TOKEN) as client:
        assert client.generate("Hi").text


def test_public_api_with_application_password(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=ANN) as client:
        assert client.check_auth() == {"type": "user", "value": "ann"}
    with driver.client(site.url) as client:
        with pytest.raises(StatusError, match="refused the token"):
            client.check_auth()
    with LocalSite() as other, driver.client(other.url, token=TOKEN) as client:
        with pytest.raises(StatusError, match="switched off"):
            client.list_chatbots()


def test_empty_prompts_to_the_public_api(site: LocalSite, driver: Driver) -> None:
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


@pytest.mark.parametrize("site", ["http://example.com/", "http://10.0.0.1/", "http://[fe80::1]/"])
@pytest.mark.parametrize("credentials", [{"auth": ANN}, {"token": TOKEN}])
def test_credentials_require_https(site: str, credentials: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError, match="https") as caught:
        driver.client(site, **credentials)
    assert "secret" not in str(caught.value)
    assert "abcd" not in str(caught.value)
    with driver.client(site, allow_insecure_auth=True, **credentials) as client:
        assert "secret" not in repr(getattr(client, "inner", client))


@pytest.mark.parametrize(
    "site", ["https://example.com/", "http://localhost:1/", "http://127.8.8.8/", "http://[::1]/"]
)
def test_secure_addresses_for_credentials(site: str, driver: Driver) -> None:
    with driver.client(site, auth=ANN):
        pass


@pytest.mark.parametrize(
    "credentials",
    [
        {"auth": ANN, "token": TOKEN}, {"auth": ("", "p")}, {"auth": ("a:b", "p")},
        {"auth": ("a", "")}, {"token": ""}, {"token": "a\nb"}, {"token": "\u041f"},
        {"token": 5}, {"auth": ("a",)}, {"auth": "ab"}, {"auth": ("a", 5)},
    ],
)  # fmt: skip
def test_invalid_credentials(credentials: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError):
        driver.client("https://example.com/", **credentials)


def test_credentials_are_not_sent_to_a_remote_proxy(driver: Driver) -> None:
    for proxy, refused in (("http://10.0.0.1:1", True), ("http://127.0.0.1:1", False)):
        site = "http://127.0.0.1:1/"
        with driver.client(site, auth=ANN, proxy=proxy, retry=RetryPolicy(attempts=1)) as client:
            with pytest.raises(UsageError if refused else ConnectError):
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


def test_file_with_public_api(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, token=TOKEN) as client:
        chat = client.conversation()
        chat.generate("one")
        chat.generate("", files=[StoredFile("f1")])
        assert site.app.submissions[-1]["fileId"] == "f1"
        assert site.app.submissions[-1]["message"].startswith("User: one")


@pytest.mark.parametrize(
    "options", [{"token": "x"}, {"timeout": 3}, {"x": object()}], ids=["token", "timeout", "x"]
)
def test_invalid_text_query_parameters(options: Any, site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, token=TOKEN) as client:
        with pytest.raises(UsageError):
            client.text_query("Hi", **options)
        client.text_query("Hi", model=None)
    assert site.app.submissions[-1] == {"message": "Hi"}
