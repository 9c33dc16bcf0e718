"""The one timer of an async client, and what is closed while it waits."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Callable

import aiohttp
import pytest

from chatgpt4online import AsyncClient, TransportError
from chatgpt4online.async_answer import AsyncAnswer
from chatgpt4online.settings import Deadline
from chatgpt4online.under_way import UnderWay

from .loopback import CHUNKED, Connection, LoopbackServer, Received, ai_site, chunk, end, live

SOON = 0.01


async def wait_for_ever(under_way: UnderWay, seconds: float | None = SOON) -> None:
    async with asyncio.timeout(None) as request:
        under_way.begin(request, seconds)
        try:
            await asyncio.Event().wait()
        finally:
            under_way.done(request)


def test_a_request_has_its_time_and_no_more() -> None:
    async def main() -> None:
        under_way = UnderWay(SOON)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await wait_for_ever(under_way)
        endless = asyncio.ensure_future(wait_for_ever(under_way, None))
        with pytest.raises(TimeoutError):
            await wait_for_ever(under_way)
        assert not endless.done()
        under_way.end()
        with pytest.raises(TimeoutError):
            await endless

    asyncio.run(main())


def test_a_request_that_begins_after_the_end_has_its_time_too() -> None:
    async def main() -> None:
        under_way = UnderWay(SOON)
        with pytest.raises(TimeoutError):
            await wait_for_ever(under_way)
        under_way.end()
        with pytest.raises(TimeoutError):
            await wait_for_ever(under_way)

    asyncio.run(main())


class Kept:
    """Something that a caller has in the context of a task."""


VARIABLE = contextvars.ContextVar[Kept]("VARIABLE")


def test_the_timer_keeps_neither_what_it_looks_after_nor_a_context() -> None:
    async def main() -> None:
        under_way, kept, context = UnderWay(None), Kept(), contextvars.copy_context()
        context.run(VARIABLE.set, kept)
        watched: list[Callable[[], object]] = [weakref.ref(under_way), weakref.ref(kept)]
        request = asyncio.Task(wait_for_ever(under_way), context=context)
        await asyncio.sleep(0)
        request.cancel()
        await asyncio.wait([request])
        assert under_way._timer is not None
        del under_way, kept, context, request
        gc.collect()
        assert [what() for what in watched] == [None, None]

    asyncio.run(main())


def test_closing_while_the_end_of_an_earlier_answer_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prompts = 0

    def submit(connection: Connection, request: Received) -> None:
        nonlocal prompts
        prompts += 1
        connection.send(CHUNKED + chunk(live("Hello")) + chunk(end("Hello")))
        connection.wait_closed()

    async def main(url: str) -> None:
        draining = asyncio.Event()
        drain = AsyncAnswer.drain

        async def told(answer: AsyncAnswer, deadline: Deadline) -> None:
            draining.set()
            await drain(answer, deadline)

        monkeypatch.setattr(AsyncAnswer, "drain", told)
        async with aiohttp.ClientSession() as session:
            client = AsyncClient(url, session=session)
            assert str(await client.generate("Hi")) == "Hello"
            second = asyncio.ensure_future(client.generate("Hi"))
            await draining.wait()
            await client.close()
            with pytest.raises(TransportError, match="was closed"):
                await second

    with LoopbackServer(ai_site(submit)) as server:
        asyncio.run(main(server.url))
    assert prompts == 1
