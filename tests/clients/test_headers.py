"""Headers and cookies of the caller, the protocol and the site."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from chatgpt4online.errors import UsageError

from .. import loopback
from ..drivers import Driver
from ..loopback import (
    HELLO_SITE,
    SESSION,
    LoopbackServer,
    Received,
    ai_site,
    end,
    response,
    send,
)


@pytest.mark.parametrize("names", [("Accept",), ("accept",), ("accept", "Accept", "ACCEPT")])
def test_protocol_headers_cannot_be_overridden(names: tuple[str, ...], driver: Driver) -> None:
    headers = dict.fromkeys((*names, "content-type", "x-wp-nonce"), "mine")
    with (
        LoopbackServer(HELLO_SITE) as server,
        driver.client(server.url, headers=headers) as client,
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
    headers = {"X-Mine": "1", "x-mine": "2", "Authorization": "Basic a", "authorization": "Basic b"}
    with (
        LoopbackServer(HELLO_SITE) as server,
        driver.client(server.url, headers=headers, auth=("ann", "pw")) as client,
    ):
        client.generate("Hi")
        (prompt,) = server.prompts
    assert prompt.headers["x-mine"] == "2"
    assert prompt.headers["authorization"] == "Basic YW5uOnB3"


def test_long_response_header(driver: Driver) -> None:
    """Such as a Content-Security-Policy."""
    reply = response(end(), 200, "X-Long: " + "x" * 60_000)
    with LoopbackServer(ai_site(send(reply))) as server, driver.client(server.url) as client:
        assert client.generate("Hi").text == "Hello"


def test_string_enum_headers(driver: Driver) -> None:
    class Name(str, Enum):  # noqa: UP042 - str() of a StrEnum is its text
        AUTHORIZATION = "Authorization"

    class Value(str, Enum):  # noqa: UP042
        MINE = "Bearer mine"

    with pytest.raises(UsageError, match="plain http"):
        driver.client("http://site.invalid", headers={Name.AUTHORIZATION: "mine"})
    headers = {Name.AUTHORIZATION: Value.MINE}
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url, headers=headers) as client:
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
