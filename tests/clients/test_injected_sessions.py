"""Sessions of requests and aiohttp that the caller creates."""

from __future__ import annotations

import asyncio
import ssl
import threading

import aiohttp
import pytest
import requests

from chatgpt4online import AsyncClient, Client
from chatgpt4online.errors import TransportError, UsageError
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite

from ..drivers import AsyncDriver
from ..loopback import (
    CERTIFICATE,
    HELLO_SITE,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    proxy_server,
    tls_context,
)


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


def test_tls_context_for_an_injected_session() -> None:
    """aiohttp takes the context for each request, and requests for a whole adapter only."""
    driver, context = AsyncDriver(), ssl.create_default_context(cafile=CERTIFICATE)

    async def run(site: str) -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with AsyncClient(site, session=session, verify=context) as client:
                assert (await client.generate("Hi")).text == "Hello"

    with LoopbackServer(HELLO_SITE, tls_context()) as server:
        driver.runner.run(run(server.url))
    driver.close()
    with requests.Session() as session, pytest.raises(UsageError, match="SSLContext"):
        Client("https://site.invalid", session=session, verify=context)


def test_injected_aiohttp_session_must_decompress() -> None:
    driver = AsyncDriver()

    async def run() -> None:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            AsyncClient("https://site.invalid", session=session)

    with pytest.raises(UsageError, match="auto_decompress"):
        driver.runner.run(run())
    driver.close()


def test_injected_aiohttp_session_that_is_closed_while_the_site_replies() -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            client = AsyncClient(server.url, session=session)
            task = asyncio.create_task(client.generate("Hi"))
            await asyncio.to_thread(arrived.wait, WAIT_LIMIT)
            await session.close()
            with pytest.raises(TransportError) as caught:
                await task
            assert caught.value.may_have_run
            with pytest.raises(UsageError, match="is closed"):
                await client.generate("Hi")

    arrived = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        arrived.set()
        connection.wait_closed()

    with LoopbackServer(ai_site(submit)) as server:
        asyncio.run(run())


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
