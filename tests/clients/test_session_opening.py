"""Calls that wait for a session that another call is opening."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatgpt4online import AsyncClient, ChatError, ChatTimeout, Timeout

from ..drivers import NO_RETRY, AsyncDriver, Driver, SyncDriver
from ..loopback import HELLO_SITE, WAIT_LIMIT, Connection, LoopbackServer, Received, stall
from .stalled_site import StalledSite


def test_cancelled_opening_does_not_fail_waiting_calls() -> None:
    driver = AsyncDriver()
    stalled_site = StalledSite("session")
    stalled_site.loop = driver.runner.get_loop()

    async def run(site: str) -> None:
        async with AsyncClient(site) as client:
            first = asyncio.ensure_future(stalled_site.send_prompt_async(client))
            await stalled_site.stalled_async.wait()
            others = [asyncio.ensure_future(client.generate("Hi too")) for _ in range(3)]
            await asyncio.sleep(0)
            first.cancel()
            replies = await asyncio.gather(*others)
            assert [reply.text for reply in replies] == ["Hello"] * 3
            with pytest.raises(asyncio.CancelledError):
                await first

    with LoopbackServer(stalled_site.handle) as server:
        driver.runner.run(run(server.url))
        assert len(server.prompts) == 3
    driver.close()


def test_waiting_calls_share_the_failure(driver: Driver) -> None:
    """Ten calls to a silent site take no longer than one."""
    started = threading.Barrier(10)

    def silent(connection: Connection, request: Received) -> None:
        if isinstance(driver, SyncDriver):
            started.wait(WAIT_LIMIT)
        stall()(connection, request)

    with LoopbackServer(silent) as server:
        client = driver.client(server.url, retry=NO_RETRY, timeout=Timeout(idle=0.3))
        with client:
            errors = _ten_failures(driver, client, started)
        assert len(errors) == 10
        assert len({id(error) for error in errors}) == 10
        assert {type(error).__name__ for error in errors} == {"ChatTimeout"}
        assert len({error.__cause__ for error in errors}) == 1
        assert len(server.requests) == 1


@pytest.mark.parametrize("silent", ["start_session", "/chat/", "submit", "upload"])
def test_connect_timeout_does_not_extend_idle_timeout(silent: str, driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        (stall() if silent in request.target else HELLO_SITE)(connection, request)

    with (
        LoopbackServer(handle) as server,
        driver.client(
            server.url + ("/chat/" if silent == "/chat/" else ""),
            retry=NO_RETRY,
            timeout=Timeout(connect=100 * WAIT_LIMIT, idle=0.1),
        ) as client,
    ):
        with pytest.raises(ChatTimeout, match=r"sent nothing for 0\.1 seconds"):
            client.generate("Hi", files=[b"x"] if silent == "upload" else [])
        assert [silent in request.target for request in server.requests][-1]


def _ten_failures(driver: Driver, client: Any, started: threading.Barrier) -> list[BaseException]:
    if isinstance(driver, AsyncDriver):

        async def send_all() -> list[Any]:
            calls = (client.inner.generate("Hi") for _ in range(10))
            return await asyncio.gather(*calls, return_exceptions=True)

        return list(driver.runner.run(send_all()))

    def send(first: bool) -> BaseException:
        if not first:
            started.wait(WAIT_LIMIT)
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
        return caught.value

    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(send, [True] + [False] * 9))


def test_each_call_has_its_own_total_timeout(driver: Driver) -> None:
    """A call that waits for the session of another one does not fail with it."""
    stalled_site = StalledSite("session")

    with LoopbackServer(stalled_site.handle) as server:
        with driver.client(server.url, timeout=Timeout(total=1)) as client:
            if isinstance(driver, AsyncDriver):
                outcomes = driver.runner.run(_overlapping_calls(client.inner, stalled_site))
            else:
                with ThreadPoolExecutor(2) as pool:
                    first = pool.submit(client.generate, "Hi")
                    assert stalled_site.stalled.wait(WAIT_LIMIT)
                    time.sleep(0.5)  # the second call has time left when the first has none
                    second = pool.submit(client.generate, "Hi")
                    outcomes = [first.exception(WAIT_LIMIT), second.result(WAIT_LIMIT)]
        assert isinstance(outcomes[0], ChatTimeout)
        assert outcomes[1].text == "Hello"


async def _overlapping_calls(client: AsyncClient, stalled_site: StalledSite) -> list[Any]:
    stalled_site.loop = asyncio.get_running_loop()
    first = asyncio.ensure_future(client.generate("Hi"))
    await stalled_site.stalled_async.wait()
    await asyncio.sleep(0.5)
    return list(await asyncio.gather(first, client.generate("Hi"), return_exceptions=True))
