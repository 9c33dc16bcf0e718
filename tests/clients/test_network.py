"""Requests on the wire, redirects, concurrent calls, and arguments of the clients."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import yarl

from chatgpt4online.errors import ConnectError, StatusError, UsageError

from ..drivers import NO_RETRY, AsyncDriver, Driver, SyncDriver
from ..loopback import (
    HELLO_SITE,
    SESSION,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    response,
)


def test_requests(driver: Driver) -> None:
    with (
        LoopbackServer(HELLO_SITE) as server,
        driver.client(server.url, "b1", headers={"X-Mine": "1", "Accept": "mine"}) as client,
    ):
        client.generate("Привет", model="m", max_tokens=7)
        opening, prompt = server.requests
    assert (opening.method, opening.target) == ("POST", "/wp-json/mwai/v1/start_session")
    assert (opening.body, opening.headers["content-length"]) == (b"", "0")
    assert (prompt.method, prompt.target) == ("POST", "/wp-json/mwai-ui/v1/chats/submit")
    for request in (opening, prompt):
        assert request.headers["user-agent"].startswith("chatgpt4online/")
        assert request.headers["x-mine"] == "1"
        assert "gzip" in request.headers["accept-encoding"]
    assert prompt.headers["x-wp-nonce"] == SESSION["restNonce"]
    assert prompt.headers["accept"] == "text/event-stream"
    assert prompt.headers["content-type"] == "application/json"
    body = prompt.json
    assert len(body.pop("chatId")) == 32
    assert body == {
        "botId": "b1", "customId": None, "session": "s1", "messages": [],
        "newMessage": "Привет", "stream": True, "model": "m", "maxTokens": 7,
    }  # fmt: skip


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_prompt_is_never_redirected(status: int, driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as other:
        redirect = response("", status, f"Location: {other.url}/wp-json/mwai-ui/v1/chats/submit")
        with (
            LoopbackServer(ai_site(lambda connection, _: connection.send(redirect))) as server,
            driver.client(server.url) as client,
        ):
            with pytest.raises(StatusError, match="redirect") as caught:
                client.generate("Hi")
            assert caught.value.status == status
            assert len(server.prompts) == 1
        assert other.requests == []


def test_page_redirects_are_followed_on_the_same_host_only(driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as other:

        def handle(connection: Connection, request: Received) -> None:
            if request.target == "/chat":
                connection.send(response("", 301, "Location: /chat/"))
            elif request.target == "/chat/":
                link = 'Link: <http://other.example/wp-json/>; rel="https://api.w.org/"'
                connection.send(response("<html>", 200, link))
            elif request.target == "/moved":
                connection.send(response("", 301, f"Location: {other.url}/"))
            else:
                HELLO_SITE(connection, request)

        with LoopbackServer(handle) as server:
            with driver.client(server.url + "/chat") as client:
                assert client.generate("Hi").text == "Hello"
            with driver.client(server.url + "/moved") as client:
                with pytest.raises(StatusError, match="redirects to another host"):
                    client.generate("Hi")
        assert other.requests == []


def test_redirect_from_a_unicode_host_to_its_ascii_name(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if request.target.endswith("/chat"):
            connection.send(response("", 301, f"Location: {request.target}/"))
        elif request.target.endswith("/chat/"):
            link = f"Link: <{request.target}wp-json/>; rel=https://api.w.org/"
            connection.send(response("<html>", 200, link))
        else:
            HELLO_SITE(connection, request)

    with (
        LoopbackServer(handle) as proxy,
        driver.client("http://тест.invalid/chat", proxy=proxy.url) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert {urlsplit(request.target).hostname for request in proxy.requests} == {
            "xn--e1aybc.invalid"
        }


def test_unknown_host(driver: Driver) -> None:
    with driver.client("http://site.invalid/", retry=NO_RETRY) as client:
        with pytest.raises(ConnectError, match=r"Could not connect to http://site\.invalid: \w+"):
            client.generate("Hi")


@pytest.mark.parametrize(
    "arguments",
    [
        {"timeout": "5"}, {"timeout": True}, {"timeout": None}, {"timeout": -1},
        {"retry": 3}, {"limits": None}, {"proxy": 3},
        {"headers": [("a", "b")]}, {"headers": {"Content-Length": "3"}}, {"headers": {"a b": "c"}},
        {"headers": {"a": "\u20ac"}},
    ],
)  # fmt: skip
def test_invalid_arguments(arguments: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError):
        driver.client(**{"site": "https://site.invalid/", **arguments})


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (b"https://site.invalid", "must be a string, not bytes"),
        (5, "must be a string, not int"),
        (urlsplit("https://site.invalid"), "must be a full URL"),
        (yarl.URL("/chat"), "must be a full URL"),
        ("", "No site is given"),
    ],
)
def test_invalid_site(site: Any, message: str, driver: Driver) -> None:
    with pytest.raises(UsageError, match=message):
        driver.client(site)


def test_site_as_a_url_object(driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as server, driver.client(yarl.URL(server.url)) as client:
        assert client.generate("Hi").text == "Hello"


@pytest.mark.parametrize("name", ["messages", "newMessage", "chatId", "botId", "stream"])
def test_invalid_chat_parameters(name: str, driver: Driver) -> None:
    with driver.client("https://site.invalid/") as client:
        with pytest.raises(UsageError, match=f"params must not contain {name}"):
            client.generate("Hi", params={name: "x"})


@pytest.mark.parametrize("name", ["api_key", "temprature", "envId", "messages"])
def test_an_unknown_keyword_is_a_type_error(name: str, driver: Driver) -> None:
    with driver.client("https://site.invalid/") as client:
        for method in ("generate", "stream", "text_query"):
            with pytest.raises(TypeError, match=name):
                getattr(client, method)("Hi", **{name: "x"})


@pytest.mark.parametrize("kind", [SyncDriver, AsyncDriver])
def test_site_from_environment(kind: type[Driver], monkeypatch: pytest.MonkeyPatch) -> None:
    driver = kind()
    with pytest.raises(UsageError, match="No site is given"):
        driver.client()
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", "https://example.com/?secret")
    with driver.client() as client:
        inner = getattr(client, "inner", client)
        assert repr(inner) == f"<{type(inner).__name__} for https://example.com>"
    driver.close()


@pytest.mark.parametrize("count", [10, 100])
def test_concurrent_calls_share_one_session(count: int, driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url) as client:
        replies = driver.together(client, count)
        assert [reply.text for reply in replies] == ["Hello"] * count
        paths = [request.target.rpartition("/")[2] for request in server.requests]
        assert paths.count("start_session") == 1
        assert paths.count("submit") == count
        prompts = {prompt.json["newMessage"] for prompt in server.prompts}
        assert prompts == {f"Prompt {number}" for number in range(count)}
        assert len({reply.chat_id for reply in replies}) == count
