"""A process that forks while it has clients."""

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

from chatgpt4online import AsyncClient, Client, UsageError

from .drivers import AsyncDriver
from .loopback import (
    CHUNKED,
    HELLO,
    PATIENCE,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
    in_turn,
    live,
    send,
)  # fmt: skip

FIRST = CHUNKED + chunk(live("Hello"))


@contextlib.contextmanager
def child() -> Iterator[tuple[bool, Callable[[str], None], Callable[[], str]]]:
    """Fork. The child tells its parent one text, then ends without cleaning up."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(PATIENCE))  # one that hangs must not hold up the tests

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


def test_a_stream_is_not_read_in_a_fork_and_closing_there_waits_for_nobody() -> None:
    go_on = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(FIRST)
        assert go_on.wait(PATIENCE)
        connection.send(chunk(live(" world")) + chunk(end("Hello world")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, Client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(list, stream)  # it holds the stream while the process forks
            with child() as (is_child, tell, hear):
                if is_child:
                    try:
                        next(stream)
                    except UsageError as error:
                        client.close()
                        tell(str(error))
            assert hear() == "This stream was opened before a fork; make one in each process."
            go_on.set()
            assert rest.result(PATIENCE) == [" world"]


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
