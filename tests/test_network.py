"""How a site is reached: headers, cookies, redirects, proxies, TLS and injected sessions."""

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
from .drivers import AsyncDriver, Driver, SyncDriver
from .elsewhere import CERTIFICATE, HELLO, ONCE, proxy_server, tls_context
from .loopback import (
    SESSION,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    answer,
)


def test_what_is_sent(driver: Driver) -> None:
    with (
        LoopbackServer(HELLO) as server,
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
def test_headers_of_the_protocol_stand_in_any_case(names: tuple[str, ...], driver: Driver) -> None:
    mine = dict.fromkeys((*names, "content-type", "x-wp-nonce"), "mine")
    with (
        LoopbackServer(HELLO) as server,
        driver.client(server.url, headers=mine) as client,
    ):
        client.generate("Hi")
        (prompt,) = server.prompts
    assert prompt.headers["accept"] == "text/event-stream"
    assert prompt.headers["content-type"] == "application/json"
    assert prompt.headers["x-wp-nonce"] == SESSION["restNonce"]


@pytest.mark.parametrize("name", ["User-Agent", "user-agent"])
def test_a_user_agent_of_the_callers_own(name: str, driver: Driver) -> None:
    with (
        LoopbackServer(HELLO) as server,
        driver.client(server.url, headers={name: "mine"}) as client,
    ):
        client.generate("Hi")
        assert {request.headers["user-agent"] for request in server.requests} == {"mine"}


def test_the_last_spelling_of_a_header_stands_and_credentials_before_any(driver: Driver) -> None:
    mine = {"X-Mine": "1", "x-mine": "2", "Authorization": "Basic a", "authorization": "Basic b"}
    with (
        LoopbackServer(HELLO) as server,
        driver.client(server.url, headers=mine, auth=("ann", "pw")) as client,
    ):
        client.generate("Hi")
        (prompt,) = server.prompts
    assert prompt.headers["x-mine"] == "2"
    assert prompt.headers["authorization"] == "Basic YW5uOnB3"


def test_a_member_of_an_enumeration_is_the_text_that_it_is(driver: Driver) -> None:
    class Name(str, Enum):  # noqa: UP042 - str() of a StrEnum is its text
        AUTHORIZATION = "Authorization"

    class Value(str, Enum):  # noqa: UP042
        MINE = "Bearer mine"

    with pytest.raises(UsageError, match="plain http"):
        driver.client("http://site.invalid", headers={Name.AUTHORIZATION: "mine"})
    mine = {Name.AUTHORIZATION: Value.MINE}
    with LoopbackServer(HELLO) as server, driver.client(server.url, headers=mine) as client:
        client.generate("Hi")
        assert server.prompts[0].headers["authorization"] == "Bearer mine"


def test_a_cookie_goes_back_as_the_site_has_set_it(driver: Driver) -> None:
    site = ai_site(loopback.HELLO, cookie="padded=abc==")
    with LoopbackServer(site) as server, driver.client(server.url) as client:
        client.generate("Hi")
        assert server.prompts[0].headers["cookie"] == "padded=abc=="


def cookies_of(request: Received) -> set[str]:
    return set(request.headers["cookie"].split("; "))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("mine=1", "mine=1"),
        ("mine=1;", "mine=1"),
        ("mine=1; yours=a=b", "mine=1; yours=a=b"),
    ],
)
def test_cookies_of_the_caller_go_beside_those_of_the_site(
    given: str, kept: str, driver: Driver
) -> None:
    with (
        LoopbackServer(HELLO) as server,
        driver.client(server.url, headers={"cookie": given}) as client,
    ):
        client.generate("Hi")
        opening, prompt = server.requests
    assert cookies_of(opening) == set(given.removesuffix(";").split("; "))
    assert cookies_of(prompt) == {*kept.split("; "), "mwai_session_id=s1"}


def test_cookies_are_kept_even_of_a_bare_address(driver: Driver) -> None:
    with LoopbackServer(HELLO) as server, driver.client(server.url) as client:
        client.generate("Hi")
        client.generate("Hi")
        cookies = [request.headers.get("cookie") for request in server.requests]
    assert cookies == [None, "mwai_session_id=s1", "mwai_session_id=s1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_prompt_is_never_redirected(status: int, driver: Driver) -> None:
    with LoopbackServer(HELLO) as other:
        redirect = answer("", status, f"Location: {other.url}/wp-json/mwai-ui/v1/chats/submit")
        with (
            LoopbackServer(ai_site(lambda connection, _: connection.send(redirect))) as server,
            driver.client(server.url) as client,
        ):
            with pytest.raises(StatusError, match="redirect") as caught:
                client.generate("Hi")
            assert caught.value.status == status
            assert len(server.prompts) == 1
        assert other.requests == []


def test_discovery_follows_a_redirect_on_the_same_host_only(driver: Driver) -> None:
    with LoopbackServer(HELLO) as other:

        def handle(connection: Connection, request: Received) -> None:
            if request.target == "/chat":
                connection.send(answer("", 301, "Location: /chat/"))
            elif request.target == "/chat/":
                link = 'Link: <http://elsewhere/wp-json/>; rel="https://api.w.org/"'
                connection.send(answer("<html>", 200, link))
            elif request.target == "/away":
                connection.send(answer("", 301, f"Location: {other.url}/"))
            else:
                HELLO(connection, request)

        with LoopbackServer(handle) as server:
            with driver.client(server.url + "/chat") as client:
                assert client.generate("Hi").text == "Hello"
            with driver.client(server.url + "/away") as client:
                with pytest.raises(StatusError, match="redirects to another host"):
                    client.generate("Hi")
        assert other.requests == []


def test_a_site_that_has_no_address(driver: Driver) -> None:
    with driver.client("http://site.invalid/", retry=ONCE) as client:
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
def test_what_is_no_header(headers: Any, driver: Driver) -> None:
    with pytest.raises(UsageError, match="headers"):
        driver.client("http://site.invalid/", headers=headers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 5}, {"timeout": None}, {"retry": 3}, {"limits": None}, {"proxy": 3},
        {"headers": [("a", "b")]}, {"headers": {"Content-Length": "3"}}, {"headers": {"a b": "c"}},
        {"headers": {"a": "\u20ac"}}, {"site": 5}, {"site": ""},
    ],
)  # fmt: skip
def test_what_are_no_arguments(wrong: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError):
        driver.client(**{"site": "https://site.invalid/", **wrong})


@pytest.mark.parametrize("name", ["token", "messages", "newMessage", "timeout", "chatId", "botId"])
def test_what_are_no_options(name: str, driver: Driver) -> None:
    with driver.client("https://site.invalid/") as client:
        with pytest.raises(UsageError, match=f"{name} is not a chat parameter"):
            client.generate("Hi", **{name: "x"})


def test_an_injected_session_of_requests_is_used_and_stays_open() -> None:
    with LoopbackServer(HELLO) as server, requests.Session() as session:
        session.headers["X-Theirs"] = "1"
        session.cookies.set("theirs", "2")
        with Client(server.url, session=session) as client:
            assert client.generate("Hi").text == "Hello"
        assert server.prompts[0].headers["x-theirs"] == "1"
        assert "theirs=2" in server.prompts[0].headers["cookie"]
        assert session.get(server.url + "/wp-json/start_session").status_code == 200
        assert server.connections == 1


def test_an_injected_session_of_aiohttp_is_used_and_stays_open() -> None:
    driver = AsyncDriver()

    async def run() -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(headers={"X-Theirs": "1"}, cookie_jar=jar) as session:
            async with AsyncClient(server.url, session=session) as client:
                assert (await client.generate("Hi")).text == "Hello"
            assert server.prompts[0].headers["x-theirs"] == "1"
            async with session.get(server.url + "/wp-json/start_session") as response:
                assert response.status == 200
            assert server.connections == 1

    with LoopbackServer(HELLO) as server:
        driver.runner.run(run())
    driver.close()


def test_an_injected_session_of_aiohttp_that_raises_for_a_status() -> None:
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


def test_an_async_client_belongs_to_one_event_loop() -> None:
    first, second = AsyncDriver(), AsyncDriver()
    with LoopbackServer(HELLO) as server:
        client = AsyncClient(server.url)
        first.runner.run(client.generate("Hi"))
        with pytest.raises(UsageError, match="another event loop"):
            second.runner.run(client.generate("Hi"))
        first.runner.run(client.close())
    first.close()
    second.close()


def test_an_injected_session_keeps_its_own_tls_and_proxy() -> None:
    seen: list[str] = []
    with (
        LoopbackServer(proxy_server(seen)) as proxy,
        LoopbackServer(HELLO, tls_context()) as server,
        requests.Session() as session,
    ):
        session.verify = CERTIFICATE
        with Client(server.url, session=session) as client:
            assert client.generate("Hi").text == "Hello"
        session.proxies = {"http": proxy.url}
        with Client("http://site.invalid", session=session) as client:
            assert client.generate("Hi").text == "Hello"
    assert len(seen) == 2


@pytest.mark.parametrize("kind", [SyncDriver, AsyncDriver])
def test_no_site(kind: type[Driver], monkeypatch: pytest.MonkeyPatch) -> None:
    driver = kind()
    with pytest.raises(UsageError, match="No site is given"):
        driver.client()
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", "https://example.com/?secret")
    with driver.client() as client:
        inner = getattr(client, "inner", client)
        assert repr(inner) == f"<{type(inner).__name__} for https://example.com>"
    driver.close()


@pytest.mark.parametrize(("count", "name"), [(10, "threads or tasks"), (100, "more of them")])
def test_many_at_once_open_one_session(count: int, name: str, driver: Driver) -> None:
    with LoopbackServer(HELLO) as server, driver.client(server.url) as client:
        replies = driver.together(client, count)
        assert [reply.text for reply in replies] == ["Hello"] * count
        paths = [request.target.rpartition("/")[2] for request in server.requests]
        assert paths.count("start_session") == 1
        assert paths.count("submit") == count
        prompts = {prompt.json["newMessage"] for prompt in server.prompts}
        assert prompts == {f"Prompt {number}" for number in range(count)}
        assert len({reply.chat_id for reply in replies}) == count
