"""Proxies and certificates, from arguments and from the environment."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import traceback
import warnings
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import truststore
import urllib3

from chatgpt4online.errors import ConnectError, TransportError, UsageError

from ..drivers import NO_BACKOFF, NO_RETRY, Driver
from ..loopback import (
    CERTIFICATE,
    HELLO_SITE,
    Connection,
    LoopbackServer,
    Received,
    proxy_server,
    response,
    sockets_to,
    tls_context,
    tunnel,
)

WRONG_HOST = CERTIFICATE.replace("cert.pem", "wronghost.pem")


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


def test_untrusted_certificate(driver: Driver) -> None:
    with (
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url) as client,
    ):
        with pytest.raises(ConnectError, match="TLS certificate"):
            client.generate("Hi")
        assert server.requests == []
        assert server.connections == 1


@pytest.fixture
def certificate_folder(tmp_path: Path) -> str:
    """A folder as OpenSSL uses it, where files have the names of hashes."""
    (tmp_path / "ce275665.0").write_bytes(Path(CERTIFICATE).read_bytes())
    return str(tmp_path)


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize(
    "variable", [None, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]
)
def test_trusted_certificate(
    variable: str | None,
    folder: bool,
    certificate_folder: str,
    driver: Driver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options: dict[str, Any] = {}
    path = certificate_folder if folder else CERTIFICATE
    if variable is None:
        options["verify"] = path
    else:
        monkeypatch.setenv(variable, path)
    with (
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url, **options) as client,
    ):
        for _ in range(2):
            assert client.generate("Hi").text == "Hello"
        assert server.connections == 1


def test_verification_disabled(driver: Driver) -> None:
    with (
        warnings.catch_warnings(),
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url, verify=False) as client,
    ):
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        assert client.generate("Hi").text == "Hello"


def test_tls_context(driver: Driver) -> None:
    trusting, strict = ssl.create_default_context(cafile=CERTIFICATE), ssl.create_default_context()
    before = trusting.cert_store_stats()
    with LoopbackServer(HELLO_SITE, tls_context()) as server:
        with driver.client(server.url, verify=trusting) as client:
            for _ in range(2):
                assert client.generate("Hi").text == "Hello"
        assert server.connections == 1
        with driver.client(server.url, verify=strict, retry=NO_RETRY) as client:
            with pytest.raises(ConnectError, match="TLS certificate"):
                client.generate("Hi")
    assert trusting.cert_store_stats() == before, "no other certificates are trusted"


def test_tls_context_of_truststore(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    # truststore trusts what OpenSSL trusts by default, and so what the second one names.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/missing/file.pem")
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with (
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url, verify=context) as client,
    ):
        assert client.generate("Hi").text == "Hello"


@pytest.mark.parametrize("verified", [True, False])
def test_tls_context_that_does_not_check_the_host(verified: bool, driver: Driver) -> None:
    authority = WRONG_HOST.replace("wronghost", "ca") if verified else None
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if verified else ssl.CERT_NONE
    with (
        warnings.catch_warnings(),
        LoopbackServer(HELLO_SITE, tls_context(WRONG_HOST)) as server,
        driver.client(server.url, verify=context) as client,
    ):
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        assert client.generate("Hi").text == "Hello"


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_context_for_an_https_proxy(trusted: bool, driver: Driver) -> None:
    context = ssl.create_default_context(cafile=CERTIFICATE if trusted else None)
    targets: list[str] = []
    with (
        LoopbackServer(proxy_server(targets), tls_context()) as proxy,
        driver.client(
            "https://site.invalid", proxy=proxy.url, verify=context, retry=NO_RETRY
        ) as client,
    ):
        with pytest.raises(ConnectError, match="403" if trusted else "certificate"):
            client.generate("Hi")
    assert targets == ["site.invalid:443"] * trusted


@pytest.mark.parametrize(
    ("certificate", "authority", "advice"),
    [
        (CERTIFICATE, None, "If it was issued by a private authority, pass its certificates"),
        (WRONG_HOST, WRONG_HOST.replace("wronghost", "ca"), "The proxy's owner has to fix this."),
    ],
    ids=["untrusted", "other host"],
)
def test_rejected_certificate_of_a_proxy(
    certificate: str, authority: str | None, advice: str, driver: Driver
) -> None:
    text = rf"^The TLS certificate of the proxy was rejected: .*\. {advice}"
    options = {"verify": authority} if authority else {}
    with (
        LoopbackServer(proxy_server([]), tls_context(certificate)) as proxy,
        driver.client(
            "https://site.invalid", proxy=proxy.url, retry=NO_BACKOFF, **options
        ) as client,
    ):
        with pytest.raises(ConnectError, match=text) as caught:
            client.generate("Hi")
        assert not caught.value.retryable
        assert proxy.connections == 1


def test_rejected_certificate_of_a_site_behind_a_proxy(driver: Driver) -> None:
    with (
        LoopbackServer(tunnel) as proxy,
        LoopbackServer(HELLO_SITE, tls_context()) as server,
        driver.client(server.url, proxy=proxy.url, retry=NO_BACKOFF) as client,
    ):
        text = f"The TLS certificate of {server.url} was rejected: self-signed certificate"
        with pytest.raises(ConnectError, match=text):
            client.generate("Hi")
        assert (proxy.connections, server.connections) == (1, 1)
        with driver.client(server.url, proxy=proxy.url, verify=CERTIFICATE) as trusting:
            assert trusting.generate("Hi").text == "Hello"


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


@pytest.mark.parametrize("verify", [os.devnull + "/none", __file__, 1, None])
def test_invalid_verify(verify: Any, driver: Driver) -> None:
    with pytest.raises(UsageError, match="verify"):
        driver.client("https://site.invalid/", verify=verify)


def test_certificates_in_environment_are_read_for_each_call(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    if driver.name == "sync" and requests.__version__ < "2.32":
        pytest.skip("this version of requests reuses a connection whatever it trusts")
    with (
        LoopbackServer(HELLO_SITE, tls=tls_context()) as server,
        driver.client(server.url, retry=NO_RETRY) as client,
    ):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", CERTIFICATE)
        assert client.generate("Hi").text == "Hello"
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with pytest.raises(ConnectError, match="certificate"):
            client.generate("Hi")
        assert len(server.prompts) == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_missing_certificates_in_environment(
    variable: str, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/missing/file.pem")
    with driver.client("https://site.invalid/") as client:
        with pytest.raises(UsageError, match=variable):
            client.generate("Hi")
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url) as client:
        assert client.generate("Hi").text == "Hello"
