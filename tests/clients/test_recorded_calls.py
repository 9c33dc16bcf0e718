"""Recorded responses to requests other than prompts."""

from __future__ import annotations

import base64
import re

import pytest

from chatgpt4online import Message
from chatgpt4online.errors import AuthenticationError, QueryRejected, ReplyError, StatusError

from ..drivers import Driver
from ..loopback import USER, Connection, LoopbackServer, Received, response
from ..recordings import Recording

ANN = ("ann", "abcd EFGH 1234")


def serve(case: str) -> LoopbackServer:
    """Serve the recorded session of a signed-in user, and a recording for all other requests."""
    folder = "3.6.2/application-password"

    def handle(connection: Connection, request: Received) -> None:
        if "users/me" in request.target:
            connection.send(response(USER))
            return
        name = "start_session" if "start_session" in request.target else case
        connection.send(Recording(f"{folder}/{name}").response)
        connection.close()

    return LoopbackServer(handle)


def test_recorded_calls_with_application_password(driver: Driver) -> None:
    expected = base64.b64encode(":".join(ANN).encode()).decode()
    with serve("discussions-list") as server, driver.client(server.url, auth=ANN) as client:
        discussions = list(client.discussions())[:3]
        assert [item.chat_id for item in discussions] == [
            "authchat1",
            "6b02e4e405605",
            "6b02e4e0728d1",
        ]
        assert discussions[1].messages == (
            Message("assistant", "Hi! How can I help you?"),
            Message("user", "hello"),
            Message("assistant", "You said: hello (2 messages)"),
        )
        assert {item.headers["authorization"] for item in server.requests} == {f"Basic {expected}"}
        assert server.requests[2].json == {"botId": "default", "offset": 0, "limit": 10}
    with serve("discussions-edit") as server, driver.client(server.url, auth=ANN) as client:
        client.rename_discussion("authchat1", "Renamed")
        assert server.requests[2].json == {"chatId": "authchat1", "title": "Renamed"}
    with serve("discussions-delete") as server, driver.client(server.url, auth=ANN) as client:
        client.delete_discussions("authchat1")
        assert server.requests[2].json == {"chatIds": ["authchat1"]}
    with serve("files-list") as server, driver.client(server.url, auth=ANN) as client:
        assert client.list_files(limit=5) == ()
        assert server.requests[2].json == {"limit": 5, "page": 1}


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
        with pytest.raises(StatusError, match=r"critical error.* pass auth"):
            client.list_files()
    with serve_case("discussions-list") as server, driver.client(server.url) as client:
        with pytest.raises(ReplyError, match="You need to be connected"):
            list(client.discussions())
    with (
        serve_case("api-list_chatbots") as server,
        driver.client(server.url + "/wp-json/", token="t") as client,
    ):
        assert [(bot.id, bot.name) for bot in client.list_chatbots()] == [
            ("default", "Default"), ("chatbot-long", "Long"),
        ]  # fmt: skip
        assert server.requests[0].method == "GET"
        assert server.requests[0].headers["authorization"] == "Bearer t"
    with (
        serve_case("api-auth_check") as server,
        driver.client(server.url + "/wp-json/", token="t") as client,
    ):
        assert client.check_auth() == {"type": "email", "value": "admin@example.org"}
    with (
        serve_case("api-simple_chatbot_query") as server,
        driver.client(server.url + "/wp-json/", token="t") as client,
    ):
        reply = client.generate("hello")
        assert (reply.text, len(server.requests)) == ("You said: hello (2 messages)", 1)
        sent = server.requests[0].json
        assert (sent["botId"], sent["message"], len(sent["chatId"])) == ("default", "hello", 32)
    with (
        serve_case("api-unauthorized") as server,
        driver.client(server.url + "/wp-json/", token="t") as client,
    ):
        with pytest.raises(AuthenticationError, match="refused the token"):
            client.generate("hello")
        assert len(server.requests) == 1


def test_recorded_discussions_of_the_newest_plugin(driver: Driver) -> None:
    sent: list[tuple[str, str]] = []

    def handle(connection: Connection, request: Received) -> None:
        name = request.target.rpartition("/")[2]
        case = {"me": "users-me", "start_session": "start_session"}.get(name, f"discussions-{name}")
        case += "-search" if name == "list" else ""
        cookie = request.headers.get("cookie", "")
        sent.append((name, cookie))
        connection.send(Recording(f"3.8.1-hybrid/application-password/{case}").response)
        connection.close()

    with LoopbackServer(handle) as server, driver.client(server.url, auth=ANN) as client:
        assert len(client.get_discussion("annchat8803").messages) == 3
        client.truncate_discussion("annchat8803", "Hello")
        assert next(iter(client.discussions(search="Hello"))).chat_id
    assert [name for name, _ in sent] == ["start_session", "me", "get", "truncate", "list"]
    # The server has signed the cookie; it comes back as it was.
    signed = r"mwai_session_id=[0-9a-f]{32}\.[0-9a-f]{64}"
    assert all(re.fullmatch(signed, cookie) for _, cookie in sent[1:])
