"""Stopping early: Ctrl-C, cancellation, and closing clients and streams that are in use."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest

from chatgpt4online import (
    AsyncClient,
    ChatError,
    Client,
    IncompleteReply,
    Timeout,
    TransportError,
    UsageError,
)

from ..drivers import AsyncDriver, Driver
from ..faults import unreachable_site
from ..loopback import (
    CHUNKED,
    HELLO,
    WAIT_LIMIT,
    LoopbackServer,
    ai_site,
    chunk,
    live,
    stall,
)
from .stalled_site import PHASES, StalledSite

SHORT = 0.5
"""An idle timeout that tests wait for, in seconds."""


@pytest.fixture(params=PHASES)
def stalled_site(request: pytest.FixtureRequest) -> StalledSite:
    return StalledSite(request.param)


def check_disconnected(stalled_site: StalledSite) -> None:
    if stalled_site.phase != "backoff":
        assert stalled_site.disconnected.wait(WAIT_LIMIT)


def test_client_works_after_cancelled_task(stalled_site: StalledSite) -> None:
    driver = AsyncDriver()
    stalled_site.loop = driver.runner.get_loop()

    async def run(site: str) -> None:
        async with AsyncClient(site, retry=stalled_site.retry) as client:
            task = asyncio.ensure_future(stalled_site.send_prompt_async(client))
            await stalled_site.stalled_async.wait()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert (await client.generate("Hi again")).text == "Hello"

    with LoopbackServer(stalled_site.handle) as server:
        driver.runner.run(run(server.url))
        check_disconnected(stalled_site)
        assert len(server.prompts) == stalled_site.prompts + 1
    driver.close()


@pytest.fixture
def _default_sigint_handler() -> Iterator[None]:
    """Ctrl-C interrupts even if the tests run in the background, where SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_default_sigint_handler")
def test_client_works_after_ctrl_c(stalled_site: StalledSite, driver: Driver) -> None:
    main, stopped = threading.main_thread().ident, threading.Event()
    assert main is not None

    def interrupt() -> None:
        assert stalled_site.stalled.wait(WAIT_LIMIT)
        while True:
            signal.pthread_kill(main, signal.SIGINT)
            # A signal just before the client waits does not end the wait, but the next one does.
            if stopped.wait(0.5):
                return

    with (
        LoopbackServer(stalled_site.handle) as server,
        driver.client(server.url, retry=stalled_site.retry) as client,
    ):
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            stalled_site.send_prompt(client)
        stopped.set()
        thread.join()
        assert client.generate("Hi again").text == "Hello"
        check_disconnected(stalled_site)
        assert len(server.prompts) == stalled_site.prompts + 1


def test_close_client_from_another_thread(stalled_site: StalledSite) -> None:
    """A call that waits for a silent site notices after the idle timeout."""
    with LoopbackServer(stalled_site.handle) as server, ThreadPoolExecutor(1) as pool:
        client = Client(server.url, retry=stalled_site.retry, timeout=Timeout(idle=SHORT))
        call = pool.submit(stalled_site.send_prompt, client)
        assert stalled_site.stalled.wait(WAIT_LIMIT)
        client.close()
        with pytest.raises(ChatError, match="closed") as caught:
            call.result(WAIT_LIMIT)
        check_closed(caught.value, stalled_site)
        check_disconnected(stalled_site)
        assert len(server.prompts) == stalled_site.prompts


def test_close_stream_from_another_thread() -> None:
    """As a stop button does. The reading thread notices after the idle timeout."""
    stalled_site = StalledSite("reply")
    timeout = Timeout(idle=SHORT)
    with (
        LoopbackServer(stalled_site.handle) as server,
        Client(server.url, timeout=timeout) as client,
    ):
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        with ThreadPoolExecutor(1) as pool:
            reading = threading.Event()

            def read_next() -> Any:
                reading.set()
                return next(stream)

            call = pool.submit(read_next)
            assert reading.wait(WAIT_LIMIT)
            stream.close()
            with pytest.raises(IncompleteReply, match="closed"):
                call.result(WAIT_LIMIT)
        assert stream.text == "Hello"
        check_disconnected(stalled_site)
        assert client.generate("Hi again").text == "Hello"


def test_close_client_from_another_task(stalled_site: StalledSite) -> None:
    driver = AsyncDriver()
    stalled_site.loop = driver.runner.get_loop()

    async def run(site: str) -> ChatError:
        client = AsyncClient(site, retry=stalled_site.retry)
        task = asyncio.ensure_future(stalled_site.send_prompt_async(client))
        await stalled_site.stalled_async.wait()
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(ChatError, match="closed") as caught:
            await task
        return caught.value

    with LoopbackServer(stalled_site.handle) as server:
        check_closed(driver.runner.run(run(server.url)), stalled_site)
        check_disconnected(stalled_site)
        assert len(server.prompts) == stalled_site.prompts
    driver.close()


def check_closed(error: ChatError, stalled_site: StalledSite) -> None:
    kind = IncompleteReply if stalled_site.phase == "reply" else TransportError
    assert type(error) is kind
    if stalled_site.phase == "reply":
        assert isinstance(error, IncompleteReply)
        assert error.partial_text == "Hello"
    assert not error.retryable


def test_cancel_task_while_connecting() -> None:
    driver = AsyncDriver()

    async def run(site: str, connecting: asyncio.Event) -> None:
        async with AsyncClient(site, timeout=Timeout(connect=60)) as client:
            task = asyncio.ensure_future(client.generate("Hi"))
            await connecting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

    loop = driver.runner.get_loop()
    connecting = asyncio.Event()
    connect = loop.sock_connect

    async def reporting_connect(*arguments: Any) -> Any:
        connecting.set()
        return await connect(*arguments)

    loop.sock_connect = reporting_connect  # type: ignore[assignment, method-assign]
    with unreachable_site("silence") as site:
        driver.runner.run(run(site, connecting))
    driver.close()


def test_close_stream_while_opening() -> None:
    driver = AsyncDriver()

    async def run(site: str) -> None:
        async with AsyncClient(site) as client:
            stream = client.stream("Hi")
            opening = asyncio.ensure_future(_open(stream))
            await asyncio.sleep(0)
            await stream.close()
            with pytest.raises(IncompleteReply, match="closed after 0 characters"):
                await opening
            assert stream.done
            with pytest.raises(IncompleteReply):
                await anext(stream)

    with LoopbackServer(ai_site(HELLO)) as server:
        driver.runner.run(run(server.url))
    driver.close()


async def _open(stream: Any) -> Any:
    return await stream


def test_closed_client_keeps_no_connection_of_an_injected_session() -> None:
    driver = AsyncDriver()
    stalled_site = StalledSite("prompt")
    stalled_site.loop = driver.runner.get_loop()

    async def run(site: str) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            client = AsyncClient(site, session=session)
            task = asyncio.ensure_future(client.generate("Hi"))
            await stalled_site.stalled_async.wait()
            await client.close()
            with pytest.raises(TransportError, match="closed"):
                await task
            assert not session.closed

    with LoopbackServer(stalled_site.handle) as server:
        driver.runner.run(run(server.url))
        check_disconnected(stalled_site)
    driver.close()


def test_close_is_idempotent_and_final(driver: Driver) -> None:
    with LoopbackServer(ai_site(HELLO)) as server:
        client = driver.client(server.url)
        chat = client.conversation()
        assert chat.generate("Hi").text == "Hello"
        client.close()
        client.close()
        for call in (client.generate, client.stream, chat.generate, client.text_query):
            with pytest.raises(UsageError, match="This client is closed; make a new one"):
                call("Hi")
        for call in (client.open_session, client.discover, client.list_files, client.list_chatbots):
            with pytest.raises(UsageError, match="This client is closed; make a new one"):
                call()
        assert len(server.prompts) == 1


def test_unclosed_client_is_garbage_collected() -> None:
    """A sync client need not be closed: its connections are closed with it."""
    with LoopbackServer(ai_site(HELLO)) as server:
        assert Client(server.url).generate("Hi").text == "Hello"
        gc.collect()


def test_close_client_in_signal_handler() -> None:
    site = ai_site(stall(CHUNKED + chunk(live("Hello"))))
    with LoopbackServer(site) as server:
        client = Client(server.url, timeout=Timeout(idle=SHORT))
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        before = signal.signal(signal.SIGALRM, lambda *arguments: client.close())
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            with pytest.raises(IncompleteReply, match="closed"):
                next(stream)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
