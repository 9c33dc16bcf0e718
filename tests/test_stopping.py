"""Stopping early: Ctrl-C, cancelled tasks, and closing while others wait."""

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

from .drivers import AsyncDriver, Driver
from .faults import nowhere
from .loopback import (
    CHUNKED,
    HELLO,
    PATIENCE,
    LoopbackServer,
    ai_site,
    chunk,
    live,
    stall,
)
from .moments import Moment

SHORT = 0.5
"""An idle timeout that is waited for in full; seconds."""
MOMENTS = [
    ("session", 0),
    ("prompt", 1),
    ("prompt, reply", 1),
    ("prompt, backoff", 1),
]


@pytest.fixture(params=MOMENTS, ids=[name for name, _ in MOMENTS])
def moment(request: pytest.FixtureRequest) -> Moment:
    name, prompts = request.param
    return Moment(name, prompts=prompts)


def check_gone(moment: Moment) -> None:
    if moment.name != "prompt, backoff":
        assert moment.gone.wait(PATIENCE)


def test_a_cancelled_task_leaves_the_client_usable(moment: Moment) -> None:
    driver = AsyncDriver()
    moment.loop = driver.runner.get_loop()

    async def run(site: str) -> None:
        async with AsyncClient(site, retry=moment.retry) as client:
            task = asyncio.ensure_future(moment.ask_async(client))
            await moment.noticed.wait()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert (await client.generate("Hi again")).text == "Hello"

    with LoopbackServer(moment.handle) as server:
        driver.runner.run(run(server.url))
        check_gone(moment)
        assert len(server.prompts) == moment.prompts + 1
    driver.close()


@pytest.fixture
def _ctrl_c_interrupts() -> Iterator[None]:
    """A shell that starts the tests in the background has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_interrupts")
def test_ctrl_c_leaves_the_client_usable(moment: Moment, driver: Driver) -> None:
    main, stopped = threading.main_thread().ident, threading.Event()
    assert main is not None

    def interrupt() -> None:
        assert moment.reached.wait(PATIENCE)
        while True:
            signal.pthread_kill(main, signal.SIGINT)
            # A signal right before a wait does not end the wait; the next one does.
            if stopped.wait(0.5):
                return

    with (
        LoopbackServer(moment.handle) as server,
        driver.client(server.url, retry=moment.retry) as client,
    ):
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            moment.ask(client)
        stopped.set()
        thread.join()
        assert client.generate("Hi again").text == "Hello"
        check_gone(moment)
        assert len(server.prompts) == moment.prompts + 1


def test_a_client_that_is_closed_by_another_thread(moment: Moment) -> None:
    """A thread that waits for a silent site notices after the idle timeout."""
    with LoopbackServer(moment.handle) as server, ThreadPoolExecutor(1) as pool:
        client = Client(server.url, retry=moment.retry, timeout=Timeout(idle=SHORT))
        asked = pool.submit(moment.ask, client)
        assert moment.reached.wait(PATIENCE)
        client.close()
        with pytest.raises(ChatError, match="closed") as caught:
            asked.result(PATIENCE)
        check_closed(caught.value, moment)
        check_gone(moment)
        assert len(server.prompts) == moment.prompts


def test_a_stream_that_is_closed_by_another_thread() -> None:
    """As the stop button of a program does. The reading thread notices after the idle timeout."""
    moment = Moment("prompt, reply", prompts=1)
    timeout = Timeout(idle=SHORT)
    with LoopbackServer(moment.handle) as server, Client(server.url, timeout=timeout) as client:
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        with ThreadPoolExecutor(1) as pool:
            waiting = threading.Event()

            def read_on() -> Any:
                waiting.set()
                return next(stream)

            asked = pool.submit(read_on)
            assert waiting.wait(PATIENCE)
            stream.close()
            with pytest.raises(IncompleteReply, match="closed"):
                asked.result(PATIENCE)
        assert stream.text == "Hello"
        check_gone(moment)
        assert client.generate("Hi again").text == "Hello"


def test_a_client_that_is_closed_by_another_task(moment: Moment) -> None:
    driver = AsyncDriver()
    moment.loop = driver.runner.get_loop()

    async def run(site: str) -> ChatError:
        client = AsyncClient(site, retry=moment.retry)
        task = asyncio.ensure_future(moment.ask_async(client))
        await moment.noticed.wait()
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(ChatError, match="closed") as caught:
            await task
        return caught.value

    with LoopbackServer(moment.handle) as server:
        check_closed(driver.runner.run(run(server.url)), moment)
        check_gone(moment)
        assert len(server.prompts) == moment.prompts
    driver.close()


def check_closed(error: ChatError, moment: Moment) -> None:
    # After a wait for another try, the client says that it is closed.
    kinds = {"prompt, reply": IncompleteReply, "prompt, backoff": UsageError}
    assert type(error) is kinds.get(moment.name, TransportError)
    if moment.name == "prompt, reply":
        assert isinstance(error, IncompleteReply)
        assert error.partial_text == "Hello"
    assert not error.retryable


def test_a_task_that_is_cancelled_while_it_connects() -> None:
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

    async def noticed(*arguments: Any) -> Any:
        connecting.set()
        return await connect(*arguments)

    loop.sock_connect = noticed  # type: ignore[assignment, method-assign]
    with nowhere("silence") as site:
        driver.runner.run(run(site, connecting))
    driver.close()


def test_closing_a_stream_while_it_opens() -> None:
    driver = AsyncDriver()

    async def run(site: str) -> None:
        async with AsyncClient(site) as client:
            stream = client.stream("Hi")
            opening = asyncio.ensure_future(_opened(stream))
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


async def _opened(stream: Any) -> Any:
    return await stream


def test_a_closed_client_gives_an_injected_session_no_live_stream() -> None:
    driver = AsyncDriver()
    moment = Moment("prompt", prompts=1)
    moment.loop = driver.runner.get_loop()

    async def run(site: str) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            client = AsyncClient(site, session=session)
            task = asyncio.ensure_future(client.generate("Hi"))
            await moment.noticed.wait()
            await client.close()
            with pytest.raises(TransportError, match="closed"):
                await task
            assert not session.closed

    with LoopbackServer(moment.handle) as server:
        driver.runner.run(run(server.url))
        check_gone(moment)
    driver.close()


def test_closing_is_idempotent_and_final(driver: Driver) -> None:
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


def test_a_client_is_forgotten_without_being_closed() -> None:
    """Nobody has to close a sync client: its connections go with it."""
    with LoopbackServer(ai_site(HELLO)) as server:
        assert Client(server.url).generate("Hi").text == "Hello"
        gc.collect()


def test_a_signal_handler_may_close_the_client() -> None:
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
