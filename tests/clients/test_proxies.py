"""Proxies, from arguments and from the environment."""

from __future__ import annotations

import base64
import socket
import traceback
from typing import Any

import aiohttp
import pytest

from chatgpt4online.errors import ConnectError, TransportError, UsageError

from ..drivers import NO_BACKOFF, NO_RETRY, Driver
from ..loopback import (
    HELLO_SITE,
    Connection,
    LoopbackServer,
    Received,
    proxy_server,
    response,
    sockets_to,
)


@pytest.mark.parametrize(
    "variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "argument"]
)
def test_proxy(variable: str, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    targets: list[str] = []
    with LoopbackServer(proxy_server(targets)) as proxy:
        options: dict[str, Any] = {}
        if variable == "argument":
            options["proxy"] = proxy.url
            monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        else:
            monkeypatch.setenv(variable, proxy.url)
        with driver.client("http://site.invalid/", **options) as client:
            assert client.generate("Hi").text == "Hello"
    assert targets == [
        "http://site.invalid/wp-json/mwai/v1/start_session",
        "http://site.invalid/wp-json/mwai-ui/v1/chats/submit",
    ]


def test_proxy_in_environment_without_scheme(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackServer(proxy_server([])) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removeprefix("http://"))
        with driver.client("http://site.invalid/") as client:
            assert client.generate("Hi").text == "Hello"


def test_proxy_in_environment_is_read_when_the_client_is_created(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets: list[str] = []
    with LoopbackServer(proxy_server(targets)) as proxy, LoopbackServer(HELLO_SITE) as server:
        with driver.client(server.url) as client:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            client.generate("Hi")
            assert targets == []
        with driver.client(server.url) as client:
            monkeypatch.delenv("HTTP_PROXY")
            client.generate("Hi")
            assert len(targets) == 2
        assert len(server.prompts) == 1


@pytest.mark.parametrize("bypass", ["NO_PROXY", "no_proxy", "other scheme", "empty argument"])
def test_no_proxy(bypass: str, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    targets: list[str] = []
    with LoopbackServer(proxy_server(targets)) as proxy, LoopbackServer(HELLO_SITE) as server:
        monkeypatch.setenv("HTTPS_PROXY" if bypass == "other scheme" else "HTTP_PROXY", proxy.url)
        if "PROXY" in bypass.upper():
            monkeypatch.setenv(bypass, "other.example,127.0.0.0/8")
        options: dict[str, Any] = {"proxy": ""} if bypass == "empty argument" else {}
        with driver.client(server.url, **options) as client:
            assert client.generate("Hi").text == "Hello"
    assert targets == []


def test_proxy_refuses_tunnel(driver: Driver) -> None:
    targets: list[str] = []
    with (
        LoopbackServer(proxy_server(targets)) as proxy,
        driver.client("https://site.invalid/", proxy=proxy.url, retry=NO_RETRY) as client,
    ):
        with pytest.raises(ConnectError, match="through the proxy"):
            client.generate("Hi")
    assert targets == ["site.invalid:443"]


def test_proxy_refuses_connection(dead_port: int, driver: Driver) -> None:
    proxy = f"http://user:secret@127.0.0.1:{dead_port}"
    with driver.client("http://site.invalid/", proxy=proxy, retry=NO_RETRY) as client:
        with pytest.raises(ConnectError, match="through the proxy") as caught:
            client.generate("Hi")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("reset", [True, False])
def test_prompt_lost_by_a_proxy_is_not_sent_again(reset: bool, driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "submit" not in request.target:
            HELLO_SITE(connection, request)
        elif reset:
            connection.reset()
        else:
            connection.close()

    with (
        LoopbackServer(handle) as proxy,
        driver.client("http://site.invalid/", proxy=proxy.url, retry=NO_BACKOFF) as client,
    ):
        with pytest.raises(TransportError) as caught:
            client.generate("Hi")
        assert type(caught.value) is TransportError
        assert not caught.value.retryable
        assert len(proxy.prompts) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_with_password(scheme: str, driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if request.method == "CONNECT":
            connection.send(response("", 407))
            connection.close()
        else:
            HELLO_SITE(connection, request)

    with LoopbackServer(handle) as proxy:
        address = proxy.url.replace("//", "//us%20er:p%3Aw@")
        with driver.client(f"{scheme}://site.invalid/", proxy=address, retry=NO_RETRY) as client:
            if scheme == "http":
                assert client.generate("Hi").text == "Hello"
            else:
                with pytest.raises(ConnectError) as caught:
                    client.generate("Hi")
                shown = "".join(traceback.format_exception(caught.value))
                assert "p%3Aw" not in shown
                assert "p:w" not in shown
        expected = "Basic " + base64.b64encode(b"us er:p:w").decode()
        sent = [request.headers.get("proxy-authorization") for request in proxy.requests]
        assert set(sent) == {expected}


@pytest.mark.parametrize(
    "proxy", ["socks6://127.0.0.1:1", "127.0.0.1:8080", "http://", "http://a:b"]
)
def test_invalid_proxy(proxy: str, driver: Driver) -> None:
    with pytest.raises(UsageError, match="proxy"):
        driver.client("http://site.invalid/", proxy=proxy)


def test_unsupported_proxy_in_environment(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "ftp://127.0.0.1:1")
    with driver.client("http://site.invalid/") as client:
        with pytest.raises(UsageError, match="proxy"):
            client.generate("Hi")


def test_keep_alive(driver: Driver) -> None:
    if driver.name == "async" and not hasattr(aiohttp, "SocketFactoryType"):
        pytest.skip("aiohttp has socket factories from 3.12 on")
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url) as client:
        client.generate("Hi")
        (sock,) = sockets_to(server.port)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
