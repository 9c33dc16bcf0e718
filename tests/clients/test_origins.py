"""Nonces, cookies and credentials are sent to their own origin only."""

from __future__ import annotations

import json

import pytest

from chatgpt4online import ChatError

from ..drivers import NO_RETRY, Driver
from ..loopback import (
    HELLO,
    HELLO_SITE,
    Connection,
    LoopbackServer,
    Received,
    response,
    send,
)
from .known_secrets import (
    COOKIE,
    NONCE,
    PASSWORD,
    PROMPT,
    SESSION,
    assert_no_secrets,
    site_with_secrets,
)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("phase", ["page", "session", "prompt"])
def test_redirect_to_another_origin(phase: str, status: int, driver: Driver) -> None:
    with LoopbackServer(HELLO) as other:
        redirect = response("", status, f"Location: {other.url}/wp-json/mwai/v1/start_session")

        def handle(connection: Connection, request: Received) -> None:
            kind = "page" if request.method == "GET" else "prompt"
            kind = "session" if "start_session" in request.target else kind
            if kind == phase:
                connection.send(redirect)
            elif kind == "page":
                root = 'Link: </wp-json/>; rel="https://api.w.org/"'
                connection.send(response("<html>", 200, root))
            else:
                site_with_secrets(HELLO)(connection, request)

        with LoopbackServer(handle) as server:
            with driver.client(server.url + "/chat", auth=("ann", PASSWORD)) as client:
                with pytest.raises(ChatError, match="redirect"):
                    client.generate(PROMPT)
        assert other.requests == []
        assert other.connections == 0


def test_page_with_the_rest_root_of_another_host(driver: Driver) -> None:
    with LoopbackServer(HELLO) as other:
        system = {"restUrl": f"{other.url}/wp-json/", "restNonce": NONCE, "sessionId": SESSION}
        page = f"<html><link rel='https://api.w.org/' href='{other.url}/wp-json/'>"
        page += f"<div data-system='{json.dumps(system)}'></div>"

        def handle(connection: Connection, request: Received) -> None:
            if request.method == "GET":
                connection.send(response(page, 200, f"Set-Cookie: a={COOKIE}; path=/"))
            else:
                HELLO(connection, request)

        with LoopbackServer(handle) as server:
            with driver.client(server.url + "/chat") as client:
                assert client.generate(PROMPT).text == "Hello"
            assert server.prompts[0].headers["x-wp-nonce"] == NONCE
        assert other.connections == 0


def test_clients_share_no_secrets(driver: Driver) -> None:
    with (
        LoopbackServer(site_with_secrets(HELLO)) as first,
        LoopbackServer(HELLO_SITE) as second,
    ):
        with driver.client(first.url, auth=("ann", PASSWORD)) as client:
            client.generate(PROMPT)
        with driver.client(second.url) as client:
            client.generate("Hi")
        for request in second.requests:
            assert_no_secrets(repr(request))


def test_redirect_to_an_address_in_raw_utf8(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if request.target == "/chat":
            head = "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: /чат/\r\n\r\n"
            connection.send(head.encode())
        elif request.method == "GET":
            connection.send(response('<link rel="https://api.w.org/" href="/wp-json/">'))
        else:
            HELLO_SITE(connection, request)

    with LoopbackServer(handle) as server, driver.client(server.url + "/chat") as client:
        assert client.generate("Hi").text == "Hello"
        assert server.requests[1].target == "/%D1%87%D0%B0%D1%82/"


def test_redirect_to_an_unsafe_address(driver: Driver) -> None:
    for location in ("file:///etc/passwd", "ftp://127.0.0.1/", "//127.0.0.1:1/", "http:/\\x/"):
        with LoopbackServer(send(response("", 302, f"Location: {location}"))) as server:
            with driver.client(server.url + "/chat", retry=NO_RETRY) as client:
                with pytest.raises(ChatError):
                    client.generate("Hi")
            assert {request.target for request in server.requests} <= {"/chat", "/x/", "/%5Cx/"}
