"""Stopping in the midst: Ctrl-C, cancelled tasks, closing while others wait, forks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatgpt4online import (
    AsyncClient,
    ChatError,
    Client,
    IncompleteReply,
    RetryPolicy,
    Timeout,
    TransportError,
    UsageError,
)

from .drivers import AsyncDriver, Driver, SyncDriver
from .faults import nowhere
from .loopback import (
    CHUNKED,
    HELLO,
    PATIENCE,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    answer,
    chunk,
    end,
    in_turn,
    live,
    send,
    stall,
)

FIRST = CHUNKED + chunk(live("Hello"))


class Moment:
    """A moment of a call that the server notices, and the handlers that make it."""

    def __init__(self, name: str, *, prompts: int) -> None:
        self.name = name
        self.prompts = prompts
        self.reached = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.noticed = asyncio.Event()
        self.gone = threading.Event()
        self._used = False
        self.retry = RetryPolicy(backoff=50, also=self._also)

    def _also(self, error: ChatError) -> bool:
        """Asked in the client, right before it waits for the next try."""
        if self.name != "prompt, backoff":
            return False
        self.reach()
        return True

    def ask(self, client: Any) -> str:
        """Ask a prompt; the moment is reached at the first piece, if not before."""
        for _ in (stream := client.stream("Hi")):
            self.reach()
        return str(stream.reply)

    async def ask_async(self, client: AsyncClient) -> str:
        async for _ in (stream := client.stream("Hi")):
            self.reach()
        return str(stream.reply)

    def reach(self) -> None:
        self.reached.set()
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.noticed.set)

    def handle(self, connection: Connection, request: Received) -> None:
        phase = "session" if "start_session" in request.target else "prompt"
        if self._used or phase != self.name.partition(",")[0]:
            return ai_site(HELLO)(connection, request)
        self._used = True
        if self.name == "prompt, backoff":
            return connection.send(answer("", 500))
        if self.name == "prompt, reply":
            connection.send(FIRST)
        else:
            self.reach()
        connection.wait_closed()
        connection.close()
        self.gone.set()
        return None


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


def test_ctrl_c_leaves_the_client_usable(moment: Moment, driver: Driver) -> None:
    """A real signal, in the thread that waits."""
    main, stopped = threading.main_thread().ident, threading.Event()
    assert main is not None

    def interrupt() -> None:
        assert moment.reached.wait(PATIENCE)
        while True:
            signal.pthread_kill(main, signal.SIGINT)
            # One that comes right before a wait does not end the wait; the next one does.
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
    with LoopbackServer(moment.handle) as server, ThreadPoolExecutor(1) as pool:
        client = Client(server.url, retry=moment.retry)
        asked = pool.submit(moment.ask, client)
        assert moment.reached.wait(PATIENCE)
        client.close()
        with pytest.raises(ChatError, match="closed") as caught:
            asked.result(PATIENCE)
        check_closed(caught.value, moment)
        check_gone(moment)
        assert len(server.prompts) == moment.prompts


def test_a_stream_that_is_closed_by_another_thread() -> None:
    """As the stop button of a program does."""
    moment = Moment("prompt, reply", prompts=1)
    with LoopbackServer(moment.handle) as server, Client(server.url) as client:
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
    # What could be tried again is, and then the client says that it is closed.
    kinds = {"prompt": TransportError, "prompt, reply": IncompleteReply}
    assert type(error) is kinds.get(moment.name, UsageError)
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


def test_a_cancelled_opening_does_not_fail_those_who_wait_for_it() -> None:
    """Only its failure would; a cancellation is the business of the one."""
    driver = AsyncDriver()
    moment = Moment("session", prompts=0)
    moment.loop = driver.runner.get_loop()

    async def run(site: str) -> None:
        async with AsyncClient(site) as client:
            first = asyncio.ensure_future(moment.ask_async(client))
            await moment.noticed.wait()
            others = [asyncio.ensure_future(client.generate("Hi too")) for _ in range(3)]
            await asyncio.sleep(0)
            first.cancel()
            replies = await asyncio.gather(*others)
            assert [reply.text for reply in replies] == ["Hello"] * 3
            with pytest.raises(asyncio.CancelledError):
                await first

    with LoopbackServer(moment.handle) as server:
        driver.runner.run(run(server.url))
        assert len(server.prompts) == 3
    driver.close()


def test_those_who_wait_for_an_opening_share_its_failure(driver: Driver) -> None:
    """A hundred callers of a silent site wait as long as one."""
    begun = threading.Barrier(10)

    def silent(connection: Connection, request: Received) -> None:
        if isinstance(driver, SyncDriver):
            begun.wait(PATIENCE)
        stall()(connection, request)

    with LoopbackServer(silent) as server:
        client = driver.client(server.url, retry=RetryPolicy(attempts=1), timeout=Timeout(idle=0.3))
        with client:
            errors = _all_fail(driver, client, begun)
        assert len(errors) == 10
        assert len({id(error) for error in errors}) == 10
        assert {type(error).__name__ for error in errors} == {"ChatTimeout"}
        assert all(error.__cause__ is not None for error in errors)
        assert len(server.requests) == 1


def _all_fail(driver: Driver, client: Any, begun: threading.Barrier) -> list[BaseException]:
    if isinstance(driver, AsyncDriver):

        async def ask_all() -> list[Any]:
            asked = (client.inner.generate("Hi") for _ in range(10))
            return await asyncio.gather(*asked, return_exceptions=True)

        return list(driver.runner.run(ask_all()))

    def ask(first: bool) -> BaseException:
        if not first:
            begun.wait(PATIENCE)
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
        return caught.value

    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(ask, [True] + [False] * 9))


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


@contextlib.contextmanager
def child() -> Iterator[tuple[bool, Callable[[str], None], Callable[[], str]]]:
    """Fork. The child tells its parent one text, then ends without cleaning up."""
    reading, writing = os.pipe()
    pid = os.fork()

    def tell(text: str) -> None:
        os.write(writing, text.encode()[:4000])

    def hear() -> str:
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            return pipe.read().decode()

    try:
        yield pid == 0, tell, hear
    except BaseException as error:
        if pid:
            raise
        tell(f"{type(error).__name__}: {error}")
    finally:
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)


def test_a_client_that_was_used_before_a_fork_says_so() -> None:
    site = ai_site(in_turn(send(FIRST), HELLO))
    with LoopbackServer(site) as server, Client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        with child() as (is_child, tell, hear):
            if is_child:
                try:
                    client.generate("Hi")
                except UsageError as error:
                    client.close()
                    del stream
                    tell(str(error))
        assert hear() == "This client was used before a fork; make one in each process."
        # The connections of this process are as they were.
        server.requests.clear()
        stream.close()
        assert client.generate("Hi").text == "Hello"


def test_a_client_that_was_not_used_before_a_fork_works_in_the_child() -> None:
    with LoopbackServer(ai_site(HELLO)) as server, Client(server.url) as client:
        with child() as (is_child, tell, hear):
            if is_child:
                tell(client.generate("Hi").text)
        assert hear() == "Hello"
        assert client.generate("Hi").text == "Hello"


def test_an_async_client_after_a_fork_says_so_and_harms_nothing() -> None:
    sent, go_on = threading.Event(), threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(FIRST)
        sent.set()
        assert go_on.wait(PATIENCE)
        connection.send(chunk(end()) + chunk(b""))

    async def first(site: str) -> tuple[AsyncClient, Any]:
        client = AsyncClient(site)
        stream = await client.stream("Hi")
        assert await anext(stream) == "Hello"
        return client, stream

    async def rest(client: AsyncClient, stream: Any) -> str:
        reply = await stream.read()
        await client.close()
        return str(reply)

    driver = AsyncDriver()
    with LoopbackServer(ai_site(submit)) as server:
        client, stream = driver.runner.run(first(server.url))
        with child() as (is_child, tell, hear):
            if is_child:

                async def use() -> None:
                    try:
                        await client.generate("Hi")
                    except UsageError as error:
                        tell(str(error))
                    await client.close()

                loop = asyncio.new_event_loop()
                loop.run_until_complete(use())
                del stream
                gc.collect()
        assert hear() == "This client belongs to another event loop; make one for each."
        go_on.set()
        assert driver.runner.run(rest(client, stream)) == "Hello"
    driver.close()
