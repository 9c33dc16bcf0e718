"""SOCKS proxies, with the packages of the extra ``socks``."""

from __future__ import annotations

import subprocess
import sys
import traceback
import warnings
from importlib.util import find_spec

import aiohttp
import pytest
import requests
import urllib3

from chatgpt4online.errors import ConnectError, UsageError

from ..drivers import NO_RETRY, AsyncDriver, Driver, SyncDriver
from ..loopback import (
    CERTIFICATE,
    HELLO_SITE,
    Connection,
    LoopbackServer,
    Received,
    response,
    tls_context,
)
from ..socks_server import REFUSED, SocksServer

needs_socks = pytest.mark.skipif(
    find_spec("socks") is None or find_spec("aiohttp_socks") is None,
    reason="the packages of the extra socks are not installed",
)
LOCAL = b"\x7f\0\0\1"


@needs_socks
@pytest.mark.parametrize(
    ("scheme", "host", "target"),
    [
        ("socks5h", "site.invalid", "site.invalid"),
        ("socks4a", "site.invalid", "site.invalid"),
        ("SOCKS5H", "site.invalid", "site.invalid"),
        ("socks5", "127.0.0.1", LOCAL),
        ("socks4", "127.0.0.1", LOCAL),
    ],
)
def test_socks_proxy(scheme: str, host: str, target: str | bytes, driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as server, SocksServer() as proxy:
        site = server.url.replace("127.0.0.1", host)
        with driver.client(site, proxy=f"{scheme}://{proxy.address}") as client:
            for _ in range(2):
                assert client.generate("Hi").text == "Hello"
        assert server.connections == 1
    assert proxy.targets == [target]


@needs_socks
@pytest.mark.parametrize("scheme", ["socks5", "socks4"])
def test_names_are_looked_up_by_the_client(scheme: str, driver: Driver) -> None:
    with (
        SocksServer() as proxy,
        driver.client(
            "http://site.invalid", proxy=f"{scheme}://{proxy.address}", retry=NO_RETRY
        ) as client,
    ):
        with pytest.raises(ConnectError):
            client.generate("Hi")
    assert proxy.targets == []


@needs_socks
@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTP_PROXY", "https_proxy"])
def test_socks_proxy_in_environment(
    variable: str, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackServer(HELLO_SITE) as server, SocksServer() as proxy:
        monkeypatch.setenv(variable, f"socks5h://{proxy.address}")
        with driver.client(server.url) as client:
            assert client.generate("Hi").text == "Hello"
    assert len(proxy.targets) == (variable != "https_proxy")


@needs_socks
def test_password_of_a_socks_proxy(driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as server, SocksServer(user=("us er", "p:w")) as proxy:
        address = f"socks5h://us%20er:p%3Aw@{proxy.address}"
        with driver.client(server.url, proxy=address) as client:
            assert client.generate("Hi").text == "Hello"


@needs_socks
def test_tls_through_a_socks_proxy(driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE, tls_context()) as server, SocksServer() as proxy:
        address = f"socks5h://{proxy.address}"
        with driver.client(server.url, proxy=address, verify=CERTIFICATE) as client:
            assert client.generate("Hi").text == "Hello"
        with driver.client(server.url, proxy=address) as client:
            with pytest.raises(ConnectError, match=r"TLS certificate of .* was rejected"):
                client.generate("Hi")
        assert len(server.prompts) == 1


@needs_socks
def test_cookies_of_a_site_behind_two_socks_proxies(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def redirect(connection: Connection, request: Received) -> None:
        headers = ("Location: https://site.invalid/chat", "Set-Cookie: seen=1; path=/")
        connection.send(response("", 301, *headers))

    def handle(connection: Connection, request: Received) -> None:
        if request.target == "/chat":
            link = 'Link: <https://site.invalid/wp-json/>; rel="https://api.w.org/"'
            connection.send(response("<html>", 200, link))
        else:
            HELLO_SITE(connection, request)

    with (
        LoopbackServer(redirect) as plain,
        LoopbackServer(handle, tls_context()) as secure,
        SocksServer({80: plain.port, 443: secure.port}) as first,
        SocksServer({80: plain.port, 443: secure.port}) as second,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        monkeypatch.setenv("HTTP_PROXY", f"socks5h://{first.address}")
        monkeypatch.setenv("HTTPS_PROXY", f"socks5h://{second.address}")
        with driver.client("http://site.invalid/chat", verify=False) as client:
            assert client.generate("Hi").text == "Hello"
        assert "seen=1" in secure.prompts[0].headers["cookie"]
    assert (first.targets, second.targets) == (["site.invalid"], ["site.invalid"])


@needs_socks
@pytest.mark.parametrize("trouble", ["no proxy", "unknown proxy", "refused", "wrong password"])
def test_a_socks_proxy_that_fails(trouble: str, dead_port: int, driver: Driver) -> None:
    user = ("me", "right") if trouble == "wrong password" else None
    with SocksServer(user=user, reply=REFUSED) as proxy:
        address = {
            "no proxy": f"127.0.0.1:{dead_port}", "unknown proxy": "no-such-proxy.invalid:1080",
        }.get(trouble, proxy.address)  # fmt: skip
        with driver.client(
            "http://site.invalid", proxy=f"socks5h://me:secret@{address}", retry=NO_RETRY
        ) as client:
            with pytest.raises(ConnectError) as caught:
                client.generate("Hi")
    error = caught.value
    reason = {"unknown proxy": "not known", "wrong password": "authentication"}.get(
        trouble, "Connection refused"
    )
    assert "Could not connect to http://site.invalid through the proxy: " in str(error)
    assert reason in str(error)
    assert error.retryable
    assert "secret" not in "".join(traceback.format_exception(error))


@needs_socks
def test_a_requests_session_takes_a_socks_proxy() -> None:
    with (
        LoopbackServer(HELLO_SITE) as server,
        SocksServer() as proxy,
        requests.Session() as session,
        SyncDriver().client(
            server.url, proxy=f"socks5h://{proxy.address}", session=session
        ) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert len(proxy.targets) == 1


def test_an_aiohttp_session_takes_no_socks_proxy() -> None:
    driver = AsyncDriver()

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            driver.client("http://site.invalid", proxy="socks5://127.0.0.1:1", session=session)

    with pytest.raises(UsageError, match="ProxyConnector of aiohttp-socks"):
        driver.runner.run(run())
    driver.close()


@pytest.mark.parametrize(
    "ask",
    [
        "generate('Hi', 'http://site.invalid', proxy='socks5://127.0.0.1:1')",
        "asyncio.run(agenerate('Hi', 'http://site.invalid', proxy='socks5://127.0.0.1:1'))",
    ],
    ids=["sync", "async"],
)
def test_without_the_packages_the_error_names_the_extra(ask: str) -> None:
    code = f"""
import asyncio, sys
sys.modules["socks"] = sys.modules["aiohttp_socks"] = None
from chatgpt4online import UsageError, agenerate, generate
try:
    {ask}
except UsageError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert 'pip install "chatgpt4online[socks]"' in done.stdout
    assert done.stderr == ""
