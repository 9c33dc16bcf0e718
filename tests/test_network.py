"""Requests on the wire: headers, cookies, redirects and injected sessions."""

from __future__ import annotations

from enum import Enum
from typing import Any

import aiohttp
import pytest
import requests

from chatgpt4online import AsyncClient, Client
from chatgpt4online.errors import ConnectError, StatusError, UsageError
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite

from . import loopback
from .drivers import NO_RETRY, AsyncDriver, Driver, SyncDriver
from .loopback import (
    CERTIFICATE,
    HELLO_SITE,
    SESSION,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    proxy_server,
    response,
    tls_context,
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


@pytest.mark.parametrize("names", [("Accept",), ("accept",), ("accept", "Accept", "ACCEPT")])
def test_protocol_headers_cannot_be_overridden(names: tuple[str, ...], driver: Driver) -> None:
    mine = dict.fromkeys((*names, "content-type", "x-wp-nonce"), "mine")
    with (
        LoopbackServer(HELLO_SITE) as server,
        driver.client(server.url, headers=mine) as client,
    ):
        client.generate("Hi")
        (prompt,) = server.prompts
    assert prompt.headers["accept"] == "text/event-stream"
    assert prompt.headers["content-type"] == "application/json"
    assert prompt.headers["x-wp-nonce"] == SESSION["restNonce"]


@pytest.mark.parametrize("name", ["User-Agent", "user-agent"])
def test_custom_user_agent(name: str, driver: Driver) -> None:
    with (
        LoopbackServer(HELLO_SITE) as server,
        driver.client(server.url, headers={name: "mine"}) as client,
    ):
        client.generate("Hi")
        assert {request.headers["user-agent"] for request in server.requests} == {"mine"}


def test_credentials_override_headers_and_last_duplicate_wins(driver: Driver) -> None:
    mine = {"X-Mine": "1", "x-mine": "2", "Authorization": "Basic a", "authorization": "Basic b"}
    with (
        LoopbackServer(HELLO_SITE) as server,
        driver.client(server.url, headers=mine, auth=("ann", "pw")) as client,
    ):
        client.generate("Hi")
        (prompt,) = server.prompts
    assert prompt.headers["x-mine"] == "2"
    assert prompt.headers["authorization"] == "Basic YW5uOnB3"


def test_string_enum_headers(driver: Driver) -> None:
    class Name(str, Enum):  # noqa: UP042 - str() of a StrEnum is its text
        AUTHORIZATION = "Authorization"

    class Value(str, Enum):  # noqa: UP042
        MINE = "Bearer mine"

    with pytest.raises(UsageError, match="plain http"):
        driver.client("http://site.invalid", headers={Name.AUTHORIZATION: "mine"})
    mine = {Name.AUTHORIZATION: Value.MINE}
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url, headers=mine) as client:
        client.generate("Hi")
        assert server.prompts[0].headers["authorization"] == "Bearer mine"


def test_cookie_is_returned_unchanged(driver: Driver) -> None:
    site = ai_site(loopback.HELLO, cookie="padded=abc==")
    with LoopbackServer(site) as server, driver.client(server.url) as client:
        client.generate("Hi")
        assert server.prompts[0].headers["cookie"] == "padded=abc=="


def cookies_of(request: Received) -> set[str]:
    return set(request.headers["cookie"].split("; "))


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ("mine=1", "mine=1"),
        ("mine=1;", "mine=1"),
        ("mine=1; yours=a=b", "mine=1; yours=a=b"),
    ],
)
def test_own_cookies_are_merged_with_those_of_the_site(own: str, sent: str, driver: Driver) -> None:
    with (
        LoopbackServer(HELLO_SITE) as server,
        driver.client(server.url, headers={"cookie": own}) as client,
    ):
        client.generate("Hi")
        opening, prompt = server.requests
    assert cookies_of(opening) == set(own.removesuffix(";").split("; "))
    assert cookies_of(prompt) == {*sent.split("; "), "mwai_session_id=s1"}


def test_cookies_of_an_ip_address(driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url) as client:
        client.generate("Hi")
        client.generate("Hi")
        cookies = [request.headers.get("cookie") for request in server.requests]
    assert cookies == [None, "mwai_session_id=s1", "mwai_session_id=s1"]


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


def test_unknown_host(driver: Driver) -> None:
    with driver.client("http://site.invalid/", retry=NO_RETRY) as client:
        with pytest.raises(ConnectError, match=r"Could not connect to http://site\.invalid: \w+"):
            client.generate("Hi")


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nCookie: b"},
        {"X": " a"},
        {"X": "\ta"},
        {"X": "\xa0a"},
        {"X": "\u0430"},
        {"X\n": "a"},
        {"": "a"},
        {"X": 1},
        {1: "a"},
        {"X": 1, "x": "a"},
        {1: "a", "1": "b"},
        {"X": b"a"},
        {b"X": "a"},
    ],
)
def test_invalid_headers(headers: Any, driver: Driver) -> None:
    with pytest.raises(UsageError, match="headers"):
        driver.client("http://site.invalid/", headers=headers)


@pytest.mark.parametrize(
    "arguments",
    [
        {"timeout": 5}, {"timeout": None}, {"retry": 3}, {"limits": None}, {"proxy": 3},
        {"headers": [("a", "b")]}, {"headers": {"Content-Length": "3"}}, {"headers": {"a b": "c"}},
        {"headers": {"a": "\u20ac"}}, {"site": 5}, {"site": ""},
    ],
)  # fmt: skip
def test_invalid_arguments(arguments: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError):
        driver.client(**{"site": "https://site.invalid/", **arguments})


@pytest.mark.parametrize("name", ["token", "messages", "newMessage", "timeout", "chatId", "botId"])
def test_invalid_chat_parameters(name: str, driver: Driver) -> None:
    with driver.client("https://site.invalid/") as client:
        with pytest.raises(UsageError, match=f"{name} is not a chat parameter"):
            client.generate("Hi", **{name: "x"})


def test_injected_requests_session() -> None:
    with LoopbackServer(HELLO_SITE) as server, requests.Session() as session:
        session.headers["X-Session"] = "1"
        session.cookies.set("own", "2")
        with Client(server.url, session=session) as client:
            assert client.generate("Hi").text == "Hello"
        assert server.prompts[0].headers["x-session"] == "1"
        assert "own=2" in server.prompts[0].headers["cookie"]
        assert session.get(server.url + "/wp-json/start_session").status_code == 200
        assert server.connections == 1


def test_injected_aiohttp_session() -> None:
    driver = AsyncDriver()

    async def run() -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(headers={"X-Session": "1"}, cookie_jar=jar) as session:
            async with AsyncClient(server.url, session=session) as client:
                assert (await client.generate("Hi")).text == "Hello"
            assert server.prompts[0].headers["x-session"] == "1"
            async with session.get(server.url + "/wp-json/start_session") as response:
                assert response.status == 200
            assert server.connections == 1

    with LoopbackServer(HELLO_SITE) as server:
        driver.runner.run(run())
    driver.close()


def test_injected_aiohttp_session_with_raise_for_status() -> None:
    driver = AsyncDriver()

    async def run(site: str) -> None:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            async with AsyncClient(site, session=session) as client:
                assert (await client.generate("Hi")).text == "You said: Hi (1 word)"
        async with AsyncClient(site, session=session) as client:
            with pytest.raises(UsageError, match="session of this client is closed"):
                await client.generate("Hi")

    with LocalSite(era=Era.NO_NONCE) as site:
        driver.runner.run(run(site.url))
    driver.close()


def test_async_client_is_bound_to_its_event_loop() -> None:
    first, second = AsyncDriver(), AsyncDriver()
    with LoopbackServer(HELLO_SITE) as server:
        client = AsyncClient(server.url)
        first.runner.run(client.generate("Hi"))
        with pytest.raises(UsageError, match="another event loop"):
            second.runner.run(client.generate("Hi"))
        first.runner.run(client.close())
    first.close()
    second.close()


def test_injected_session_keeps_its_tls_and_proxy_settings() -> None:
    targets: list[str] = []
    with (
        LoopbackServer(proxy_server(targets)) as proxy,
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        requests.Session() as session,
    ):
        session.verify = CERTIFICATE
        with Client(server.url, session=session) as client:
            assert client.generate("Hi").text == "Hello"
        session.proxies = {"http": proxy.url}
        with Client("http://site.invalid", session=session) as client:
            assert client.generate("Hi").text == "Hello"
    assert len(targets) == 2


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
