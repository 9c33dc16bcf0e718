"""What happens at the end of a program: last calls, and clients that were never closed."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import warnings

import pytest

from chatgpt4online import AsyncClient, Client, Timeout
from chatgpt4online.errors import TransportError

from ..drivers import NO_RETRY, AsyncDriver, SyncDriver
from ..loopback import (
    CHUNKED,
    HELLO_SITE,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
    live,
    sockets_to,
)

UNCLOSED = "Unclosed AsyncClient for {}; close it or use async with"


def run_python(code: str) -> str:
    """Run a script that must print nothing to stderr, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("ask", ["generate('Hi', {!r})", "asyncio.run(agenerate('Hi', {!r}))"])
@pytest.mark.parametrize(
    "last",
    ["atexit.register(ask)", "threading.Thread(target=ask_after_main).start()"],
    ids=["atexit", "thread"],
)
def test_a_last_call(ask: str, last: str) -> None:
    with LoopbackServer(HELLO_SITE) as server:
        code = f"""
import asyncio, atexit, threading
from chatgpt4online import agenerate, generate
def ask():
    print({ask.format(server.url)})
def ask_after_main():
    threading.main_thread().join()
    ask()
{last}
"""
        assert run_python(code) == "Hello\n"


def test_a_client_that_was_never_closed_is_silent_at_exit() -> None:
    """By default, that is: Python shows such warnings in its development mode only."""
    with LoopbackServer(HELLO_SITE) as server:
        code = f"""
import asyncio
from chatgpt4online import AsyncClient
async def ask():
    global client
    client = AsyncClient({server.url!r})
    print(await client.generate("Hi"))
asyncio.run(ask())
"""
        assert run_python(code) == "Hello\n"


@pytest.mark.parametrize("running", [True, False], ids=["running loop", "closed loop"])
@pytest.mark.filterwarnings(r"ignore:unclosed (transport|<socket):ResourceWarning")
def test_a_client_that_was_never_closed_warns_by_its_own_name(running: bool) -> None:
    complaints: list[object] = []

    async def ask(url: str) -> AsyncClient | None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: complaints.append(context)
        )
        client = AsyncClient(url)
        assert (await client.generate("Hi")).text == "Hello"
        if not running:
            return client
        with pytest.warns(ResourceWarning) as caught:
            del client
            gc.collect()
        assert [str(item.message) for item in caught] == [UNCLOSED.format(url)]
        return None

    with LoopbackServer(HELLO_SITE) as server:
        client = asyncio.run(ask(server.url))
        if client is not None:
            with pytest.warns(ResourceWarning, match=UNCLOSED.format(server.url)):
                del client
                gc.collect()
    assert complaints == []


def test_a_blocking_client_that_was_never_closed_leaves_nothing_open() -> None:
    """Nor does it warn, like a session of requests."""
    with LoopbackServer(HELLO_SITE) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = Client(server.url)
        assert client.generate("Hi").text == "Hello"
        assert sockets_to(server.port)
        del client
        gc.collect()
        assert sockets_to(server.port) == []
    assert caught == []


def test_a_client_that_was_closed_or_never_used_does_not_warn() -> None:
    async def ask(url: str) -> None:
        AsyncClient(url)
        async with AsyncClient(url) as client:
            await client.generate("Hi")
        del client
        gc.collect()

    with LoopbackServer(HELLO_SITE) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(ask(server.url))
    assert caught == []


def test_a_stream_whose_client_is_gone_is_read_to_its_end() -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hel")))
        assert dropped.wait(WAIT_LIMIT)
        connection.send(chunk(live("lo") + end()) + chunk(b""))

    async def ask(url: str) -> list[str]:
        pieces = []
        async for piece in AsyncClient(url).stream("Hi"):
            pieces.append(piece)
            gc.collect()
            dropped.set()
        gc.collect()
        return pieces

    dropped = threading.Event()
    with LoopbackServer(ai_site(submit)) as server, pytest.warns(ResourceWarning, match="Unclosed"):
        assert asyncio.run(ask(server.url)) == ["Hel", "lo"]


def test_what_python_refuses_at_its_end_is_our_error() -> None:
    driver = AsyncDriver()

    async def ask(url: str) -> None:
        async with AsyncClient(url, retry=NO_RETRY) as client:
            await asyncio.get_running_loop().shutdown_default_executor()
            # Looking up a name needs a thread.
            with pytest.raises(TransportError, match="Executor shutdown has been called"):
                await client.generate("Hi")

    with LoopbackServer(HELLO_SITE) as server:
        driver.runner.run(ask(server.url.replace("127.0.0.1", "localhost")))
    driver.close()


def test_a_blocking_call_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with (
        LoopbackServer(HELLO_SITE) as server,
        SyncDriver().client(server.url, timeout=Timeout(total=WAIT_LIMIT)) as client,
    ):
        client.generate("Hi")
        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert client.generate("Hi").text == "Hello"
        monkeypatch.undo()


def test_a_malformed_chunk_without_the_c_extension_of_aiohttp() -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hel")))
        assert shown.wait(WAIT_LIMIT)
        connection.send(b"zz\r\n")
        connection.wait_closed()

    shown = threading.Event()
    with LoopbackServer(ai_site(submit)) as server:
        code = f"""
import asyncio
from chatgpt4online import IncompleteReply, astream
async def ask():
    async for piece in astream("Hi", {server.url!r}):
        print(piece, flush=True)
try:
    asyncio.run(ask())
except IncompleteReply as error:
    print(error)
"""
        environment = {**os.environ, "AIOHTTP_NO_EXTENSIONS": "1"}
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "Hel\n"
            shown.set()
            assert "The reply broke off after 3 characters" in process.stdout.read()
