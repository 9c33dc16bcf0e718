"""Replies from the server to the caller's text: CPU, latency, the first event, many at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

from . import awaiting, blocking, traffic
from .report import Table, medians
from .server import PACED

REPLIES = 3
"""One after the other for each figure of CPU, so that not all of it is what the first one takes."""
AT_ONCE = 200
PIECES = {"burst": 400, "single": 200}
SENT = {"burst": "chunks of 16 KiB", "single": "one event a chunk"}

Async = Callable[[str], AsyncIterator[str]]


def measure(port: int, rounds: int, loop: asyncio.Runner) -> list[Table]:
    """Measure all contestants against the server at a port."""
    sync = {name: make(port) for name, make in blocking.CONTESTANTS.items()}
    by_name = {name: make(port) for name, make in awaiting.CONTESTANTS.items()}
    tables = []
    for how, told in SENT.items():
        title = f"client, {told}: CPU"
        each = {name: partial(_cpu, stream, how) for name, stream in sync.items()}
        tables.append(_per_event(f"Sync {title}", each, rounds))
        each = {name: partial(_cpu_async, loop, s, how) for name, s in by_name.items()}
        tables.append(_per_event(f"Async {title}", each, rounds))
    title = "client, 2 ms between events: from the server's send to the caller's text"
    each = {name: partial(_latency, stream) for name, stream in sync.items()}
    tables.append(medians(f"Sync {title}", each, rounds, unit="us, p50", per=1e-6))
    each = {name: partial(_latency_async, loop, s) for name, s in by_name.items()}
    tables.append(medians(f"Async {title}", each, rounds, unit="us, p50", per=1e-6))
    tables.append(_first_events(sync, by_name, loop, rounds))
    seldom = seldom_of(rounds)
    tables += [_many(by_name, how, loop, port, seldom) for how in SENT]
    # With one event a write the server is as busy as the client, so time alone tells little.
    tables.append(_many(by_name, "single", loop, port, seldom, by_cpu=True))
    return tables


def seldom_of(rounds: int) -> int:
    """Return the rounds of the 200 streams, each of which takes half a minute."""
    return min(rounds, max(5, rounds // 3))  # of two one may be a bad one


def _per_event(title: str, each: dict[str, Callable[[], float]], rounds: int) -> Table:
    return medians(title, each, rounds, unit="us/event", per=REPLIES * traffic.EVENTS * 1e-6)


def _cpu(stream: blocking.Stream, how: str) -> float:
    start = time.process_time()
    for _ in range(REPLIES):
        assert sum(1 for _ in stream(how)) == traffic.EVENTS
    return time.process_time() - start


def _cpu_async(loop: asyncio.Runner, stream: Async, how: str) -> float:
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


def _first_events(
    sync: dict[str, blocking.Stream], by_name: dict[str, Async], loop: asyncio.Runner, rounds: int
) -> Table:
    each: dict[str, Callable[[], float]] = {}
    for name, stream in sync.items():
        each[f"sync: {name}"] = partial(_first, stream)
    for name, stream_async in by_name.items():
        each[f"async: {name}"] = partial(_first_async, loop, stream_async)
    title = "The first event on a warm connection: added to a raw socket"
    return medians(title, each, rounds * 8, unit="us", per=1e-6, added=True)


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
    by_name: dict[str, Async],
    how: str,
    loop: asyncio.Runner,
    port: int,
    rounds: int,
    *,
    by_cpu: bool = False,
) -> Table:
    """Throughput, all streams open: the inverse of the time, so more is faster than the base."""
    count = PIECES[how]
    clock = time.process_time if by_cpu else time.perf_counter

    async def run(stream: Async) -> float:
        replies = [stream(f"gated-{how}-{count}") for _ in range(AT_ONCE)]
        for reply in replies:
            await anext(reply)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        start = clock()
        writer.write(b"GET /go HTTP/1.1\r\n\r\n")
        counts = await asyncio.gather(*map(_count, replies))
        taken = clock() - start
        assert set(counts) == {count}
        writer.close()
        return AT_ONCE * count / taken

    each = {name: (lambda stream=stream: loop.run(run(stream))) for name, stream in by_name.items()}
    of = "each second of the client's CPU" if by_cpu else "throughput"
    title = f"{AT_ONCE} open streams, {SENT[how]}: {of}, more is better"
    return medians(title, each, rounds, unit="1000 events/s", per=1000, more=True)
