"""Several callers that wait for one opening of a session."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatgpt4online import AsyncClient, ChatError, ChatTimeout, RetryPolicy, Timeout

from .drivers import AsyncDriver, Driver, SyncDriver
from .elsewhere import HELLO
from .loopback import PATIENCE, Connection, LoopbackServer, Received, stall
from .moments import Moment


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
        assert len({error.__cause__ for error in errors}) == 1
        assert len(server.requests) == 1


@pytest.mark.parametrize("silent", ["start_session", "/chat/", "submit", "upload"])
def test_the_time_to_connect_is_not_added_to_the_silence_before_an_answer(
    silent: str, driver: Driver
) -> None:
    def handle(connection: Connection, request: Received) -> None:
        (stall() if silent in request.target else HELLO)(connection, request)

    with (
        LoopbackServer(handle) as server,
        driver.client(
            server.url + ("/chat/" if silent == "/chat/" else ""),
            retry=RetryPolicy(attempts=1),
            timeout=Timeout(connect=100 * PATIENCE, idle=0.1),
        ) as client,
    ):
        with pytest.raises(ChatTimeout, match=r"sent nothing for 0\.1 seconds"):
            client.generate("Hi", files=[b"x"] if silent == "upload" else [])
        assert [silent in request.target for request in server.requests][-1]


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


def test_a_total_time_that_is_over_is_that_of_one_call_only(driver: Driver) -> None:
    """Who waits for an opening of another call has a time of his own."""
    stalled = Moment("session", prompts=0)

    with LoopbackServer(stalled.handle) as server:
        with driver.client(server.url, timeout=Timeout(total=1)) as client:
            if isinstance(driver, AsyncDriver):
                outcomes = driver.runner.run(_one_after_the_other(client.inner, stalled))
            else:
                with ThreadPoolExecutor(2) as pool:
                    first = pool.submit(client.generate, "Hi")
                    assert stalled.reached.wait(PATIENCE)
                    time.sleep(0.5)  # so that the second one has time left when the first has none
                    second = pool.submit(client.generate, "Hi")
                    outcomes = [first.exception(PATIENCE), second.result(PATIENCE)]
        assert isinstance(outcomes[0], ChatTimeout)
        assert outcomes[1].text == "Hello"


async def _one_after_the_other(client: AsyncClient, stalled: Moment) -> list[Any]:
    stalled.loop = asyncio.get_running_loop()
    first = asyncio.ensure_future(client.generate("Hi"))
    await stalled.noticed.wait()
    await asyncio.sleep(0.5)
    return list(await asyncio.gather(first, client.generate("Hi"), return_exceptions=True))
