"""Streaming replies from a server: CPU time, latency, time to the first event, many at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

from . import awaiting, blocking, traffic
from .report import Table, compare
from .server import PACED

REPLIES = 3
"""Replies per measurement of CPU time, so that the first one does not count too much."""
AT_ONCE = 200
PIECES = {"burst": 400, "single": 200}
SENT = {"burst": "chunks of 16 KiB", "single": "one event per chunk"}

Async = Callable[[str], AsyncIterator[str]]
Measures = dict[str, Callable[[], float]]


def tables(port: int, rounds: int, loop: asyncio.Runner) -> dict[str, Callable[[], Table]]:
    """Return what can be measured against the server at a port, by the title of its table."""
    # Made when first used, because a raw socket is connected at once.
    made: dict[str, dict[str, blocking.Stream]] = {}
    made_async = {name: make(port) for name, make in awaiting.CONTESTANTS.items()}

    def sync(take: Callable[[blocking.Stream], float]) -> Measures:
        if not made:
            made["all"] = {name: make(port) for name, make in blocking.CONTESTANTS.items()}
        return {name: partial(take, stream) for name, stream in made["all"].items()}

    def awaited(take: Callable[[asyncio.Runner, Async], float]) -> Measures:
        return {name: partial(take, loop, stream) for name, stream in made_async.items()}

    found: dict[str, Callable[[], Table]] = {}

    def add(title: str, measures: Callable[[], Measures], unit: str, per: float, many: int) -> None:
        found[title] = lambda: compare(title, measures(), many, unit=unit, per=per)

    per_event = REPLIES * traffic.EVENTS * 1e-6
    for how, sent in SENT.items():
        title = f"client, {sent}: CPU"
        add(f"Sync {title}", partial(sync, partial(_cpu, how)), "µs/event", per_event, rounds)
        take = partial(_cpu_async, how)
        add(f"Async {title}", partial(awaited, take), "µs/event", per_event, rounds)
    title = "client, an event every 2 ms: median latency"
    add(f"Sync {title}", partial(sync, _latency), "µs", 1e-6, rounds)
    add(f"Async {title}", partial(awaited, _latency_async), "µs", 1e-6, rounds)
    title = "client, warm connection: time to the first event"
    add(f"Sync {title}", partial(sync, _first), "µs", 1e-6, rounds * 8)
    add(f"Async {title}", partial(awaited, _first_async), "µs", 1e-6, rounds * 8)
    for how, sent in SENT.items():
        title = f"{AT_ONCE} open streams, {sent}: throughput (more is better)"
        found[title] = partial(_many, title, made_async, how, loop, port, seldom_of(rounds))
    return found


def seldom_of(rounds: int) -> int:
    """Return the number of rounds for the 200 streams, which take half a minute each."""
    return min(rounds, max(5, rounds // 3))


def _cpu(how: str, stream: blocking.Stream) -> float:
    start = time.process_time()
    for _ in range(REPLIES):
        assert sum(1 for _ in stream(how)) == traffic.EVENTS
    return time.process_time() - start


def _cpu_async(how: str, loop: asyncio.Runner, stream: Async) -> float:
    async def run() -> float:
        start = time.process_time()
        for _ in range(REPLIES):
            assert await _count(stream(how)) == traffic.EVENTS
        return time.process_time() - start

    return loop.run(run())


async def _count(reply: AsyncIterator[str]) -> int:
    count = 0
    async for _ in reply:
        count += 1
    return count


def _latency(stream: blocking.Stream) -> float:
    taken = [time.monotonic_ns() - int(text) for text in stream("paced")]
    assert len(taken) == PACED
    return statistics.median(taken) * 1e-9


def _latency_async(loop: asyncio.Runner, stream: Async) -> float:
    async def run() -> list[int]:
        return [time.monotonic_ns() - int(text) async for text in stream("paced")]

    return statistics.median(loop.run(run())) * 1e-9


def _first(stream: blocking.Stream) -> float:
    start = time.perf_counter()
    reply = stream("first")
    next(reply)
    taken = time.perf_counter() - start
    for _ in reply:
        pass
    return taken


def _first_async(loop: asyncio.Runner, stream: Async) -> float:
    async def run() -> float:
        start = time.perf_counter()
        reply = stream("first")
        await anext(reply)
        taken = time.perf_counter() - start
        async for _ in reply:
            pass
        return taken

    return loop.run(run())


def _many(
    title: str,
    contestants: dict[str, Async],
    how: str,
    loop: asyncio.Runner,
    port: int,
    rounds: int,
) -> Table:
    count = PIECES[how]

    async def run(stream: Async) -> float:
        replies = [stream(f"gated-{how}-{count}") for _ in range(AT_ONCE)]
        for reply in replies:
            await anext(reply)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        start = time.perf_counter()
        writer.write(b"GET /go HTTP/1.1\r\n\r\n")
        counts = await asyncio.gather(*map(_count, replies))
        taken = time.perf_counter() - start
        assert set(counts) == {count}
        writer.close()
        return AT_ONCE * count / taken

    each: Measures = {
        name: (lambda stream=stream: loop.run(run(stream))) for name, stream in contestants.items()
    }
    return compare(title, each, rounds, unit="1000 events/s", per=1000, more_is_better=True)
