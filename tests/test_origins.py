"""Nonces, cookies and credentials go to the origin that they belong to, and to no other."""

from __future__ import annotations

import json

import pytest

from chatgpt4online import (
    ChatError,
    RetryPolicy,
)  # fmt: skip

from .drivers import Driver
from .hidden import (
    COOKIE,
    NONCE,
    PASSWORD,
    PROMPT,
    SESSION,
    check_nothing_is_shown,
    opened_site,
)  # fmt: skip
from .loopback import (
    HELLO,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    answer,
    send,
)

ONCE = RetryPolicy(attempts=1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("phase", ["page", "session", "prompt"])
def test_no_redirect_carries_a_secret_to_another_origin(
    phase: str, status: int, driver: Driver
) -> None:
    with LoopbackServer(HELLO) as other:
        away = answer("", status, f"Location: {other.url}/wp-json/mwai/v1/start_session")

        def handle(connection: Connection, request: Received) -> None:
            kind = "page" if request.method == "GET" else "prompt"
            kind = "session" if "start_session" in request.target else kind
            if kind == phase:
                connection.send(away)
            elif kind == "page":
                root = 'Link: </wp-json/>; rel="https://api.w.org/"'
                connection.send(answer("<html>", 200, root))
            else:
                opened_site(HELLO)(connection, request)

        with LoopbackServer(handle) as server:
            with driver.client(server.url + "/chat", auth=("ann", PASSWORD)) as client:
                with pytest.raises(ChatError, match="redirect"):
                    client.generate(PROMPT)
        assert other.requests == []
        assert other.connections == 0


def test_a_page_that_names_another_host_gets_nothing_sent_there(driver: Driver) -> None:
    with LoopbackServer(HELLO) as other:
        system = {"restUrl": f"{other.url}/wp-json/", "restNonce": NONCE, "sessionId": SESSION}
        page = f"<html><link rel='https://api.w.org/' href='{other.url}/wp-json/'>"
        page += f"<div data-system='{json.dumps(system)}'></div>"

        def handle(connection: Connection, request: Received) -> None:
            if request.method == "GET":
                connection.send(answer(page, 200, f"Set-Cookie: a={COOKIE}; path=/"))
            else:
                HELLO(connection, request)

        with LoopbackServer(handle) as server:
            with driver.client(server.url + "/chat", auth=("ann", PASSWORD)) as client:
                assert client.generate(PROMPT).text == "Hello"
            assert server.prompts[0].headers["x-wp-nonce"] == NONCE
        assert other.connections == 0


def test_two_clients_share_nothing(driver: Driver) -> None:
    with LoopbackServer(opened_site(HELLO)) as first, LoopbackServer(ai_site(HELLO)) as second:
        with driver.client(first.url, auth=("ann", PASSWORD)) as client:
            client.generate(PROMPT)
        with driver.client(second.url) as client:
            client.generate("Hi")
        for request in second.requests:
            check_nothing_is_shown(repr(request))


def test_a_redirect_to_an_unsafe_scheme_is_not_followed(driver: Driver) -> None:
    for location in ("file:///etc/passwd", "ftp://127.0.0.1/", "//127.0.0.1:1/", "http:/\\x/"):
        with LoopbackServer(send(answer("", 302, f"Location: {location}"))) as server:
            with driver.client(server.url + "/chat", retry=ONCE) as client:
                with pytest.raises(ChatError):
                    client.generate("Hi")
            assert {request.target for request in server.requests} <= {"/chat", "/x/", "/%5Cx/"}
